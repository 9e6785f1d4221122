//! Variables that are not ours and that operators expect to count: Docker's, the proxies', the
//! certificates'.

use executor_core::gateway::HostProxyValues;

use crate::environment::Environment;

/// The proxies of this host as their variables say; the lower-case name wins, as in curl.
pub(crate) fn proxies(environment: &dyn Environment) -> HostProxyValues {
    let either = |lower, upper| text(environment, lower).or_else(|| text(environment, upper));
    let mut values = HostProxyValues::default();
    values.https = either("https_proxy", "HTTPS_PROXY");
    values.http = either("http_proxy", "HTTP_PROXY");
    values.all = either("all_proxy", "ALL_PROXY");
    values.no = either("no_proxy", "NO_PROXY");
    values
}

/// A variable as text; set to nothing counts as not set.
pub(crate) fn text(environment: &dyn Environment, name: &str) -> Option<String> {
    environment
        .get(name)?
        .into_string()
        .ok()
        .filter(|value| !value.is_empty())
}
