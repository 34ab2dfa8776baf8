//! Normalises a request target once; everything later, the upstream included, sees that one form.
//!
//! The form: escapes of unreserved characters are decoded, other escapes have upper-case digits, dot segments are
//! resolved, slashes in a row are one. It is a fixed point: normalising it again changes nothing. What servers are known
//! to read in two ways is refused rather than resolved: escaped slashes and backslashes, control characters, escapes
//! that are not UTF-8 (overlong forms of `/` and `.` among them), and path parameters that hide a dot segment
//! (`/..;/`).

mod mirror;
mod segments;
mod spelling;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{Method, Uri};
use thiserror::Error;

use crate::wire::host::{Host, HostError};

/// The longest target that is read, before and after it is normalised; beyond it the answer is 414.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;

/// What happens to a slash that is written as `%2F`. Some servers decode it before they look for directories and some
/// do not, so a rule on the path may mean something else to the upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodedSlashes {
    /// The request is refused.
    #[default]
    Refuse,
    /// It stays encoded, for upstreams that take it as part of a segment. Dot segments between encoded slashes are
    /// refused all the same.
    Keep,
}

/// What happens to parameters of path segments, `/orders;v=2`. Servlet containers cut them off before they match, so
/// that `/admin;x/keys` is `/admin/keys` to them and something else to the rule that guards `/admin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathParameters {
    /// The request is refused.
    #[default]
    Refuse,
    /// They are part of their segment, for matching too. A parameter after `.`, `..` or nothing is refused all the same.
    Keep,
}

/// What is taken of the forms that not every server reads alike. The default refuses them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    /// `%2F` in a path.
    pub encoded_slashes: EncodedSlashes,
    /// `;` in a path.
    pub path_parameters: PathParameters,
}

/// Why a target is refused. All but `TooLong` (414) are 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// Over [`MAX_TARGET_BYTES`].
    #[error("the request target is longer than 8 KiB")]
    TooLong,
    /// None of the forms of RFC 9112, section 3.2.
    #[error("the request target is neither a path nor an absolute URI")]
    Form,
    /// `*` with another method than OPTIONS.
    #[error("the target * is for OPTIONS alone")]
    Asterisk,
    /// CONNECT, or its authority-form with another method.
    #[error("tunnels are not offered")]
    Connect,
    /// An absolute URI whose scheme is neither http nor https.
    #[error("the scheme of the request target is neither http nor https")]
    Scheme,
    /// An absolute URI whose authority is malformed.
    #[error("the authority of the request target is malformed: {0}")]
    Authority(HostError),
    /// An absolute URI for another host than the Host field names.
    #[error("the request target and the Host field name different hosts")]
    HostMismatch,
    /// `#`, which a client never sends.
    #[error("the request target has a fragment")]
    Fragment,
    /// A raw control character or white space.
    #[error("the request target has a control character or white space")]
    Control,
    /// A raw byte outside ASCII.
    #[error("the request target has a raw character outside ASCII")]
    NonAscii,
    /// A backslash in the path, raw or escaped.
    #[error("the path has a backslash")]
    Backslash,
    /// `%` without two hexadecimal digits.
    #[error("the request target has a percent sign without two hexadecimal digits")]
    BadEscape,
    /// An escaped control character in the path.
    #[error("the path has an escaped control character")]
    EscapedControl,
    /// Escapes in the path that are not UTF-8 together.
    #[error("the path has escapes that are not UTF-8")]
    NotUtf8,
    /// An escaped slash, where the policy refuses it.
    #[error("the path has an escaped slash")]
    EncodedSlash,
    /// A path parameter, where the policy refuses it.
    #[error("the path has a parameter after a semicolon")]
    PathParameter,
    /// A dot segment, or an empty one, behind a parameter or an escaped slash.
    #[error("the path hides a dot segment behind a semicolon or an escaped slash")]
    HiddenSegment,
    /// More `..` than segments before them.
    #[error("the path leads above its root")]
    AboveRoot,
}

/// A target in its one form. Borrows from the request where nothing had to change, which is the common case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    path: Cow<'a, str>,
    query: Option<Cow<'a, str>>,
}

impl<'a> Target<'a> {
    /// Reads a target as it stands in a request line or as a user writes it: a path with a query, an absolute URI for
    /// `host`, or `*`.
    pub fn parse(method: &Method, raw: &'a str, host: &Host<'_>, policy: TargetPolicy) -> Result<Self, TargetError> {
        if raw.len() > MAX_TARGET_BYTES {
            return Err(TargetError::TooLong);
        }
        if *method == Method::CONNECT {
            return Err(TargetError::Connect);
        }
        if raw.starts_with('/') {
            return Self::origin(raw, policy);
        }
        if raw == "*" {
            return Self::asterisk(method);
        }
        let Some((scheme, rest)) = raw.split_once("://") else {
            return Err(if raw.contains(':') { TargetError::Connect } else { TargetError::Form });
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at_checked(end).ok_or(TargetError::Form)?;
        check_authority(scheme, authority, host)?;
        Self::origin(path_and_query, policy)
    }

    /// Reads the target that an HTTP library has split already: HTTP/2 names scheme and authority for every request.
    /// Such a library cuts a fragment off before we see it, so that none is refused here and none goes further.
    pub fn from_uri(method: &Method, uri: &'a Uri, host: &Host<'_>, policy: TargetPolicy) -> Result<Self, TargetError> {
        if *method == Method::CONNECT {
            return Err(TargetError::Connect);
        }
        match (uri.scheme_str(), uri.authority()) {
            (None, None) => {}
            (Some(scheme), Some(authority)) => check_authority(scheme, authority.as_str(), host)?,
            (None, Some(_)) => return Err(TargetError::Connect),
            (Some(_), None) => return Err(TargetError::Form),
        }
        match uri.path_and_query().map_or("", PathAndQuery::as_str) {
            "*" => Self::asterisk(method),
            path_and_query => Self::origin(path_and_query, policy),
        }
    }

    /// The path: begins with `/`, or is `*` for OPTIONS.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What follows the first `?`; `None` where there is none.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Whether path and query are those of the request byte for byte, so that its own URI can be sent on.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.path, Cow::Borrowed(_)) && !matches!(self.query, Some(Cow::Owned(_)))
    }

    /// RFC 9112, section 3.2.4.
    fn asterisk(method: &Method) -> Result<Self, TargetError> {
        if *method != Method::OPTIONS {
            return Err(TargetError::Asterisk);
        }
        Ok(Self { path: Cow::Borrowed("*"), query: None })
    }

    fn origin(raw: &'a str, policy: TargetPolicy) -> Result<Self, TargetError> {
        if raw.len() > MAX_TARGET_BYTES {
            return Err(TargetError::TooLong);
        }
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        // The empty path of an absolute URI: RFC 9110, section 4.2.3.
        let path = if path.is_empty() { "/" } else { path };
        if !path.starts_with('/') {
            return Err(if path.contains('#') { TargetError::Fragment } else { TargetError::Form });
        }
        let path = match spelling::path(path, policy.encoded_slashes)? {
            Cow::Borrowed(path) => segments::resolve(path, policy.path_parameters)?,
            Cow::Owned(path) => Cow::Owned(segments::resolve(&path, policy.path_parameters)?.into_owned()),
        };
        let query = query.map(spelling::query).transpose()?;
        // Escaping may lengthen: without this check a target could be taken once and refused by the next gateway.
        if path.len() + query.as_deref().map_or(0, |query| query.len() + 1) > MAX_TARGET_BYTES {
            return Err(TargetError::TooLong);
        }
        Ok(Self { path, query })
    }
}

/// Stricter than RFC 9112, section 3.2.2, which lets the target win over the Host field: whoever sends two hosts means
/// that somebody should read the other one.
fn check_authority(scheme: &str, authority: &str, host: &Host<'_>) -> Result<(), TargetError> {
    let default_port = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => 80,
        _ if scheme.eq_ignore_ascii_case("https") => 443,
        _ => return Err(TargetError::Scheme),
    };
    let named = Host::parse(authority.as_bytes()).map_err(TargetError::Authority)?;
    let port = |host: &Host<'_>| host.port().unwrap_or(default_port);
    if named.name() != host.name() || port(&named) != port(host) {
        return Err(TargetError::HostMismatch);
    }
    Ok(())
}
