//! The laws on the unconfined backend: those that apply to a backend which declares nothing.

use std::sync::Arc;

use executor_testkit::laws::Ground;
use executor_testkit::unconfined::UnconfinedBackend;

async fn unconfined(_what: &str) -> Option<Ground> {
    let root = std::env::temp_dir().join("mcp-python-unconfined");
    let backend = UnconfinedBackend::danger_new(root);
    Some(Ground::new(Arc::new(backend.clone()), Arc::new(backend)))
}

executor_testkit::law_tests!(unconfined, without Isolation MemoryLimit NoNetwork);
