//! What the two phases of a run may reach: the installer the package index and nothing else, the
//! program what the operator's policy says. Each is labelled with its execution and phase.

use super::settings::ExecutorSettings;
use crate::error::{ErrorKind, Result, SandboxError};
use crate::gateway::{AllowRule, Egress, NetworkPolicy, OpenedHost};
use crate::id::ExecutionId;
use crate::modules::InstallSettings;

/// The way out while modules are installed: the hosts of the index, wherever they are.
pub(super) fn for_install(settings: &InstallSettings, id: &ExecutionId) -> Result<Egress> {
    let rules = index_rules(settings)?;
    Ok(Egress::new(NetworkPolicy::Allow(rules)).labelled(&format!("{id}/install")))
}

/// The way out of a program. Where everything public is open, the package index is too: the
/// operator configured it, so it may be anywhere, as a company's own is.
pub(super) fn for_program(settings: &ExecutorSettings, id: &ExecutionId) -> Result<Egress> {
    let mut opened = settings.opened.clone();
    if settings.network == NetworkPolicy::Public {
        let rules = index_rules(&settings.install)?;
        opened.extend(rules.into_iter().map(OpenedHost::from));
    }
    Ok(Egress::new(settings.network.clone())
        .opening(opened)
        .labelled(&format!("{id}/program")))
}

fn index_rules(settings: &InstallSettings) -> Result<Vec<AllowRule>> {
    let hosts = settings.index_hosts();
    let rules = hosts
        .iter()
        .map(|host| AllowRule::for_url(&format!("http://{host}/")));
    rules.collect::<Result<_, _>>().map_err(|error| {
        SandboxError::new(ErrorKind::InvalidRequest, "open the package index").with_source(error)
    })
}
