//! What a backend is tested with: laws, probes, a model and an unconfined backend.
