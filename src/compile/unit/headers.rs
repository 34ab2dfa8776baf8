//! Which headers a resource may set, remove, or take over for an identity.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};

use crate::compile::notes::{At, Notes, Problem};
use crate::finding::Code;
use crate::snapshot::HeaderEdits;
use crate::wire::headers::is_reserved;

/// Reads `setHeaders` and `removeHeaders` of the transformation at `at`.
pub(super) fn edits(
    set: &BTreeMap<String, String>,
    remove: &[String],
    at: &At<'_>,
    notes: &mut Notes,
) -> Result<HeaderEdits, Code> {
    let mut outcome = Ok(());
    let mut names = BTreeSet::new();
    let mut edits = (Vec::with_capacity(set.len()), Vec::with_capacity(remove.len()));
    let setting = at.field("setHeaders");
    for (name, value) in set {
        let at = setting.field(name);
        match editable(name).and_then(|name| Ok((name, value_of(value)?))) {
            // Names are compared without case, so two spellings are one header, and which value counts would be chance.
            Ok((name, _)) if !names.insert(name.as_str().to_owned()) => {
                let problem = Problem::value("the header is set twice, in two spellings", "Remove one of the two.");
                outcome = outcome.and(Err(notes.error(&at, problem)));
            }
            Ok(edit) => edits.0.push(edit),
            Err(problem) => outcome = outcome.and(Err(notes.error(&at, problem))),
        }
    }
    let removing = at.field("removeHeaders");
    for (index, name) in remove.iter().enumerate() {
        match editable(name) {
            Ok(name) => edits.1.push(name),
            Err(problem) => outcome = outcome.and(Err(notes.error(&removing.index(index), problem))),
        }
    }
    outcome.map(|()| HeaderEdits { set: edits.0.into(), remove: edits.1.into() })
}

fn editable(name: &str) -> Result<HeaderName, Problem> {
    let name = parse_name(name)?;
    if is_reserved(&name) {
        let cause = format!("{name} is written anew for each connection and may not be changed by a resource");
        return Err(Problem::plain(Code::HeaderReserved, cause));
    }
    Ok(name)
}

fn parse_name(name: &str) -> Result<HeaderName, Problem> {
    name.parse().map_err(|_| {
        Problem::value("the name has a character that names of headers do not have", "Write a name such as x-subject.")
    })
}

fn value_of(value: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(value)
        .map_err(|_| Problem::value("the value has a character that headers do not have", "Write printable ASCII."))
}

/// The header that carries a claim upstream. It is removed from every request of the installation, so it must not be one
/// that requests need for something else.
pub(super) fn identity(name: &str) -> Result<HeaderName, Problem> {
    let name = parse_name(name)?;
    // Servers that turn `_` into `-` see both spellings as one name.
    let spelling: HeaderName = name.as_str().replace('_', "-").parse().map_err(|_| parse_problem())?;
    if is_reserved(&spelling) || is_in_use(spelling.as_str()) {
        let cause = format!("{name} means something else in requests, and would be removed from all of them");
        return Err(Problem::new(Code::HeaderReserved, cause, "Use a header of your own, such as x-subject."));
    }
    Ok(name)
}

fn parse_problem() -> Problem {
    Problem::value("the name is no name of a header", "Write a name such as x-subject.")
}

/// Whether a header has a meaning in requests that no policy may take away: what RFC 9110, 9111 and 6265 define for
/// requests, what browsers and proxies add, and where credentials stand.
fn is_in_use(name: &str) -> bool {
    let families = ["accept", "access-control-", "content-", "if-", "sec-", "x-forwarded-", "x-b3-", "grpc-"];
    families.iter().any(|family| name.starts_with(family))
        || matches!(
            name,
            "api-key"
                | "authorization"
                | "cache-control"
                | "cookie"
                | "date"
                | "dpop"
                | "forwarded"
                | "from"
                | "idempotency-key"
                | "last-event-id"
                | "max-forwards"
                | "origin"
                | "pragma"
                | "prefer"
                | "priority"
                | "range"
                | "referer"
                | "traceparent"
                | "tracestate"
                | "baggage"
                | "user-agent"
                | "via"
                | "x-api-key"
                | "x-goog-api-key"
                | "x-request-id"
        )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{edits, identity};
    use crate::compile::notes::{At, Notes};
    use crate::finding::Code;
    use crate::name::{Kind, ObjectKey};

    /// The codes of setting one header and removing another.
    fn codes(set: &[&str], remove: &[&str]) -> Vec<(String, Code)> {
        let mut notes = Notes::new(ObjectKey::new(Kind::ApiRoute, "shop", "orders"));
        let set: BTreeMap<String, String> = set.iter().map(|name| ((*name).to_owned(), "a".to_owned())).collect();
        let remove: Vec<String> = remove.iter().map(|name| (*name).to_owned()).collect();
        let edits = edits(&set, &remove, &At::spec(), &mut notes);
        let findings = notes.into_findings();
        assert_eq!(edits.is_err(), !findings.is_empty());
        findings.into_iter().map(|finding| (finding.field.to_string(), finding.code)).collect()
    }

    #[test]
    fn headers_of_the_connection_may_not_be_edited() {
        for name in ["Host", "content-length", "Transfer-Encoding", "connection", "TE", "upgrade", "expect"] {
            assert_eq!(codes(&[name], &[]), [(format!("spec.setHeaders.{name}"), Code::HeaderReserved)]);
            assert_eq!(codes(&[], &["x-a", name]), [("spec.removeHeaders[1]".to_owned(), Code::HeaderReserved)]);
        }
        assert_eq!(codes(&["x y"], &[]), [("spec.setHeaders.x y".to_owned(), Code::InvalidValue)]);
        assert_eq!(codes(&["X-A", "x-a"], &[]), [("spec.setHeaders.x-a".to_owned(), Code::InvalidValue)]);
        assert_eq!(codes(&["x-a", "cache-control"], &["server", "x-a"]), []);
    }

    #[test]
    fn a_header_that_requests_need_carries_no_identity() {
        for name in [
            "Host",
            "Authorization",
            "cookie",
            "content_type",
            "Content-Type",
            "x_forwarded_for",
            "transfer_encoding",
            "traceparent",
            "x-api-key",
            "Accept",
        ] {
            assert_eq!(identity(name).unwrap_err().code, Code::HeaderReserved, "{name}");
        }
        assert_eq!(identity("x y").unwrap_err().code, Code::InvalidValue);
        for name in ["x-subject", "X-Team", "x_subject", "remote-user"] {
            assert_eq!(identity(name).unwrap().as_str(), name.to_lowercase());
        }
    }
}
