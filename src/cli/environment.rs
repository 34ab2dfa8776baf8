//! What is read from variables that are not ours: the ones that name a pod, and the ones that name a proxy.

use crate::transport::HttpProxy;

/// The proxy that `HTTPS_PROXY` names, with the exceptions of `NO_PROXY`; each in lower case where it is not there in
/// upper case, as curl and Go read them. The proxy may hold a password, so an error does not repeat it.
pub(super) fn outbound_proxy() -> Result<Option<HttpProxy>, String> {
    let Some(proxy) = either("HTTPS_PROXY", "https_proxy")? else { return Ok(None) };
    let except = either("NO_PROXY", "no_proxy")?.unwrap_or_default();
    HttpProxy::parse(&proxy, &except).map(Some).map_err(|problem| format!("HTTPS_PROXY cannot be used: {problem}"))
}

fn either(upper: &'static str, lower: &'static str) -> Result<Option<String>, String> {
    variable(upper).and_then(|text| if text.is_some() { Ok(text) } else { variable(lower) })
}

/// The text of a variable; `None` where it is unset or empty.
pub(super) fn variable(name: &'static str) -> Result<Option<String>, String> {
    match std::env::var_os(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => value.into_string().map(Some).map_err(|_| format!("the variable {name} is not text")),
    }
}

/// What the kernel calls this machine; in a pod, the pod's name.
pub(super) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty())
}
