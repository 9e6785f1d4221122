//! The laws of the contract on a real engine, watched past the backend with the `docker` command.

use std::sync::Arc;

use executor_docker::{DockerBackend, DockerSettings, EngineEnvironment};
use executor_testkit::engine::Engine;
use executor_testkit::laws::Ground;

async fn docker(what: &str) -> Option<Ground> {
    let turn = Engine::turn(what).await.unwrap()?;
    let mut settings = DockerSettings::new(turn.engine.image().parse().unwrap());
    settings.environment = EngineEnvironment::from_lookup(crate::engine::variable);
    let backend = DockerBackend::connect(settings).unwrap();
    Some(Ground::on(turn, Arc::new(backend)))
}

executor_testkit::law_tests!(docker);
