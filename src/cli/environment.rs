//! What is read from variables that are not ours: the ones that name a pod, and the ones that name a proxy.

use std::fmt;

/// The proxy that `HTTPS_PROXY` and `NO_PROXY` describe. What it says may hold a password, so it is not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OutboundProxy {
    /// Its URL; `None`: connections are direct.
    pub url: Option<Box<str>>,
    /// Hosts, suffixes and networks to which connections are direct all the same, as written.
    pub except: Box<str>,
}

impl OutboundProxy {
    pub(super) fn from_environment() -> Result<Self, String> {
        let read = |upper: &'static str, lower: &'static str| match variable(upper)? {
            Some(text) => Ok(Some(text)),
            None => variable(lower),
        };
        let except = read("NO_PROXY", "no_proxy")?.unwrap_or_default();
        Ok(Self { url: read("HTTPS_PROXY", "https_proxy")?.map(Into::into), except: except.into() })
    }
}

impl fmt::Debug for OutboundProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OutboundProxy").field("is_set", &self.url.is_some()).finish_non_exhaustive()
    }
}

/// The text of a variable; `None` where it is unset or empty.
pub(super) fn variable(name: &'static str) -> Result<Option<String>, String> {
    match std::env::var_os(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => value.into_string().map(Some).map_err(|_| format!("the variable {name} is not text")),
    }
}
