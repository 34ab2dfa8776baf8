//! Where a request went, in the one form in which two spellings of a place are equal.

/// Scheme, authority and path of an http or https URI, normalised by RFC 3986, sections 6.2.2 and 6.2.3 (RFC 9449, section
/// 4.3, asks for both): scheme and host in lower case, no default port, escapes of unreserved characters decoded and others
/// in upper case, no dot segments, an empty path as `/`. `%2F` stays what it is.
///
/// Beyond the RFC, slashes in a row are one, as they are wherever bearward reads a path, so that it does not matter whether
/// a request's path is given as it came or as `wire` has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetUri {
    normal: String,
}

impl TargetUri {
    /// From its parts; a query after the path is left out. `None` if the scheme is neither http nor https, or the rest is
    /// no host with an optional port, and no absolute path or nothing.
    pub fn new(scheme: &str, authority: &str, path: &str) -> Option<Self> {
        let (scheme, default_port) = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => ("https", "443"),
            scheme if scheme.eq_ignore_ascii_case("http") => ("http", "80"),
            _ => return None,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut normal = format!("{scheme}://");
        push_authority(&mut normal, authority, default_port)?;
        push_path(&mut normal, path)?;
        Some(Self { normal })
    }

    /// From a URI; query and fragment are left out (RFC 9449, section 4.3, check 9).
    pub fn parse(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        let (authority, path) = rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len()))?;
        Self::new(scheme, authority, path)
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.normal
    }
}

/// A host and a port, if it is not the scheme's own. Neither user information nor escapes: no client writes them here, and
/// in a host they would only be another spelling.
fn push_authority(normal: &mut String, authority: &str, default_port: &str) -> Option<()> {
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let is_literal = host.starts_with('[') && host.ends_with(']') && host.len() > 2;
    let name = if is_literal { host.get(1..host.len().saturating_sub(1))? } else { host };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (is_literal && byte == b':');
    if name.is_empty() || !name.bytes().all(fits) || !port.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    normal.push_str(&host.to_ascii_lowercase());
    let port = port.trim_start_matches('0');
    if !port.is_empty() && port != default_port {
        normal.push(':');
        normal.push_str(port);
    }
    Some(())
}

/// Normalises escapes, then segments: `%2e%2e` is a dot segment too.
fn push_path(normal: &mut String, path: &str) -> Option<()> {
    let path = decode_unreserved(path)?;
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    // Whether the last segment leads to a folder, and so leaves a slash at the end.
    let mut is_folder = true;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            // RFC 3986, section 5.2.4: above the root is the root.
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if is_folder {
        normal.push('/');
    }
    Some(())
}

/// RFC 3986, sections 6.2.2.1 and 6.2.2.2. `None` for a broken escape and for what no path has.
fn decode_unreserved(path: &str) -> Option<String> {
    let mut decoded = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !byte.is_ascii_graphic() {
                return None;
            }
            decoded.push(char::from(byte));
            continue;
        }
        let (high, low) = (char::from(bytes.next()?), char::from(bytes.next()?));
        let value = high.to_digit(16)?.checked_mul(16)?.checked_add(low.to_digit(16)?)?;
        match char::from_u32(value) {
            Some(plain) if plain.is_ascii_alphanumeric() || "-._~".contains(plain) => decoded.push(plain),
            _ => decoded.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]),
        }
    }
    Some(decoded)
}
