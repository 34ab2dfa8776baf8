//! Reads the URLs of resources: targets of requests, and where keys come from.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderValue, Method, Uri};

use crate::compile::notes::Problem;
use crate::wire::host::Host;
use crate::wire::target::{Target, TargetPolicy};

/// A URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Url {
    pub(in crate::compile) origin: Origin,
    /// As a Host field has it.
    pub(in crate::compile) authority: HeaderValue,
    /// Normalised, without a trailing slash; empty for the root.
    pub(in crate::compile) base: Box<str>,
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::compile) struct Origin {
    /// Whether the scheme is https.
    pub(in crate::compile) tls: bool,
    /// In lower case; an IPv6 address in brackets.
    pub(in crate::compile) host: Arc<str>,
    pub(in crate::compile) port: u16,
}

impl Origin {
    /// The address, where the host is one.
    pub(in crate::compile) fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(address_of(&self.host)?, self.port))
    }
}

fn address_of(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Reads the URL of a target. It has no query: what precedes the path of a request is a path.
pub(in crate::compile) fn parse_target(text: &str) -> Result<Url, Problem> {
    let (origin, host, uri) = parse(text)?;
    if uri.query().is_some() {
        return Err(Problem::value("the URL has a query", "Leave the query out: that of the request is sent."));
    }
    let base = normal_path(uri.path())
        .ok_or_else(|| Problem::value("the path of the URL has no normal form", "Write a plain path."))?;
    let base = base.trim_end_matches('/').into();
    let authority = HeaderValue::try_from(host.to_string())
        .map_err(|_| Problem::value("the host of the URL is no host name", "Write a host name or an address."))?;
    Ok(Url { origin, authority, base })
}

/// Whether a URL that keys come from is safe to fetch: https, or plain HTTP that does not leave the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Safety {
    Safe,
    PlainHttp,
}

/// Reads the URL of an issuer or a key set.
pub(in crate::compile) fn parse_source(text: &str) -> Result<Safety, Problem> {
    let (origin, _, _) = parse(text)?;
    // A name under .localhost never leaves the machine either (RFC 6761, section 6.3), but only `localhost` is usual.
    let is_loopback = &*origin.host == "localhost" || address_of(&origin.host).is_some_and(|host| host.is_loopback());
    Ok(if origin.tls || is_loopback { Safety::Safe } else { Safety::PlainHttp })
}

/// The URL of an issuer of ours, taken apart. It has one form alone, since tokens and clients compare it byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct IssuerUrl {
    /// Scheme and authority.
    pub(in crate::compile) origin: Box<str>,
    /// In lower case, without a port.
    pub(in crate::compile) host: Arc<str>,
    /// Normalised, without a slash at the end; empty for the root.
    pub(in crate::compile) path: Box<str>,
    pub(in crate::compile) safety: Safety,
}

/// Reads the URL of an issuer of ours.
pub(in crate::compile) fn parse_issuer(text: &str) -> Result<IssuerUrl, Problem> {
    let (origin, host, uri) = parse(text)?;
    let scheme = if origin.tls { "https" } else { "http" };
    let start = format!("{scheme}://{host}");
    let path = text.strip_prefix(&start).filter(|path| {
        path.is_empty() || (!path.ends_with('/') && normal_path(path).is_some_and(|normal| *normal == **path))
    });
    let Some(path) = path.filter(|_| uri.query().is_none()) else {
        let cause = "the URL can be written in another form, or has more than a scheme, a host and a path";
        let cure =
            "Write it as https://gw.example.com/shop: in lower case, with a plain path, without a slash at the end.";
        return Err(Problem::value(cause, cure));
    };
    if path.split('/').any(|segment| segment == ".well-known") {
        return Err(Problem::value("the path is among those of metadata", "Use a path without .well-known."));
    }
    let safety = parse_source(text)?;
    Ok(IssuerUrl { path: path.into(), host: Arc::clone(&origin.host), origin: start.into(), safety })
}

fn parse(text: &str) -> Result<(Origin, Host<'static>, Uri), Problem> {
    let malformed = |cause: &str| Problem::value(cause, "Write a URL such as https://api.example.com.");
    let uri: Uri = text.parse().map_err(|_| malformed("the value is not a URL"))?;
    let (tls, default_port) = match uri.scheme_str() {
        Some("https") => (true, 443),
        Some("http") => (false, 80),
        Some(_) | None => return Err(malformed("the scheme of the URL is neither http nor https")),
    };
    let authority = uri.authority().ok_or_else(|| malformed("the URL names no host"))?;
    let host = Host::parse(authority.as_str().as_bytes())
        .map_err(|error| malformed(&format!("the URL does not name a host: {error}")))?
        .into_owned();
    let origin = Origin { tls, host: host.name().into(), port: host.port().unwrap_or(default_port) };
    Ok((origin, host, uri))
}

/// A path as requests have it after they were normalised; `None` for one that no request can have.
pub(in crate::compile) fn normal_path(path: &str) -> Option<Box<str>> {
    let host = Host::parse(b"localhost").ok()?;
    let target = Target::parse(&Method::GET, path, &host, TargetPolicy::default()).ok()?;
    (path.starts_with('/') && target.query().is_none()).then(|| target.path().into())
}

#[cfg(test)]
mod tests {
    use super::{Safety, normal_path, parse_issuer, parse_source, parse_target};

    #[test]
    fn a_target_is_scheme_host_port_and_base() {
        for (text, tls, host, port, authority, base) in [
            ("https://api.example.com", true, "api.example.com", 443, "api.example.com", ""),
            ("https://API.example.com/", true, "api.example.com", 443, "api.example.com", ""),
            ("http://api.example.com:8080/v1/", false, "api.example.com", 8080, "api.example.com:8080", "/v1"),
            ("http://127.0.0.1:80/a//b", false, "127.0.0.1", 80, "127.0.0.1:80", "/a/b"),
            ("https://[::1]:9443", true, "[::1]", 9443, "[::1]:9443", ""),
        ] {
            let url = parse_target(text).unwrap();
            let origin = &url.origin;
            assert_eq!((origin.tls, &*origin.host, origin.port, &*url.base), (tls, host, port, base), "{text}");
            assert_eq!(url.authority, authority, "{text}");
            assert_eq!(origin.address().is_some(), host.contains(':') || host.starts_with("127"), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_target() {
        for text in [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "https://",
            "https://user@api.example.com",
            "https://api.example.com:0",
            "https://api.example.com:99999",
            "https://api.example.com?a=b",
            "https://api.example.com/a%2Fb",
            "https://api.example.com/..",
            "https://[::1",
        ] {
            assert!(parse_target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_over_plain_http_are_safe_only_on_the_machine_itself() {
        for (text, safety) in [
            ("https://login.example.com", Safety::Safe),
            ("http://localhost:8080/keys", Safety::Safe),
            ("http://127.0.0.9/keys?a=b", Safety::Safe),
            ("http://[::1]/keys", Safety::Safe),
            ("http://login.example.com", Safety::PlainHttp),
            ("http://localhost.example.com", Safety::PlainHttp),
            ("http://10.0.0.1", Safety::PlainHttp),
            ("http://[::2]", Safety::PlainHttp),
        ] {
            assert_eq!(parse_source(text).unwrap(), safety, "{text}");
        }
        assert!(parse_source("login.example.com").is_err());
    }

    #[test]
    fn an_issuer_has_one_form() {
        for (text, origin, host, path) in [
            ("https://gw.example.com", "https://gw.example.com", "gw.example.com", ""),
            ("https://gw.example.com/shop", "https://gw.example.com", "gw.example.com", "/shop"),
            ("http://127.0.0.1:8080/a/b-._~9", "http://127.0.0.1:8080", "127.0.0.1", "/a/b-._~9"),
        ] {
            let url = parse_issuer(text).unwrap();
            assert_eq!((&*url.origin, &*url.host, &*url.path), (origin, host, path), "{text}");
        }
        for text in [
            "https://gw.example.com/",
            "https://gw.example.com/shop/",
            "https://GW.example.com",
            "HTTPS://gw.example.com",
            "https://gw.example.com./shop",
            "https://gw.example.com:/shop",
            "https://gw.example.com:08/shop",
            "https://gw.example.com?a",
            "https://gw.example.com/shop?a",
            "https://gw.example.com/shop#a",
            "https://me@gw.example.com",
            "https://gw.example.com//shop",
            "https://gw.example.com/a/../b",
            "https://gw.example.com/.",
            "https://gw.example.com/%61",
            "https://gw.example.com/.well-known",
            "https://gw.example.com/a/.well-known/b",
            "gw.example.com",
            "",
        ] {
            assert!(parse_issuer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_is_as_requests_have_it() {
        for (path, normal) in [
            ("/", Some("/")),
            ("/orders/", Some("/orders/")),
            ("/a//b/../c", Some("/a/c")),
            ("/%6frders", Some("/orders")),
            ("/a%2fb", None),
            ("/a;b", None),
            ("/a?b", None),
            ("/a#b", None),
            ("/..", None),
            ("orders", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(normal_path(path).as_deref(), normal, "{path}");
        }
    }
}
