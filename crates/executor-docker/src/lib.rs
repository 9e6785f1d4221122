//! The Docker backend: sandboxes as hardened containers.
