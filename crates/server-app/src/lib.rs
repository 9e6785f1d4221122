//! Settings, logging, signals, doctor, run and assembly of the servers.
