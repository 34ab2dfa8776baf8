//! Which requests a rule takes, whether or not the rule can be served.
//!
//! A rule that is broken must not let its requests fall through to a laxer one. So what can be read of a match is
//! claimed, and what cannot be read is claimed in the wider sense: a path of an unknown form with all that begins like
//! it, unreadable methods and headers with every method and header. Such a claim comes before all others of its path,
//! since what it leaves out might have been the more specific.
//!
//! The limit: where no beginning of a path can be read at all, the claim is for the whole host, and a rule with a
//! longer path of its own keeps its requests. Closing those too would let one typo take every route of a host down.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};

use super::url::normal_path;
use crate::api;
use crate::compile::notes::{At, Notes, Problem};
use crate::finding::{Code, nearest};
use crate::snapshot::{Conditions, PathMatch};

/// The requests of one match, under the hosts of its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compile) struct Claim {
    pub(in crate::compile) path: PathMatch,
    pub(in crate::compile) conditions: Conditions,
    pub(in crate::compile) extent: Extent,
    /// Which match of the rule; `None` of a rule without matches.
    pub(in crate::compile) entry: Option<usize>,
}

/// How much of a match could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::compile) enum Extent {
    /// All of it: the claim is what was written.
    Whole,
    /// Not all of it: the claim is wider, and its rule refuses.
    Part,
}

impl Claim {
    /// How many bytes of a path the match takes, when a rewrite replaces what was matched.
    pub(in crate::compile) fn matched(&self) -> usize {
        match &self.path {
            PathMatch::Exact(path) => path.len(),
            PathMatch::Prefix(path) => path.trim_end_matches('/').len(),
        }
    }

    pub(in crate::compile) fn is_whole(&self) -> bool {
        self.extent == Extent::Whole
    }

    /// Every request to the hosts.
    pub(super) fn everything(extent: Extent) -> Self {
        Self { path: root(), conditions: Conditions::default(), extent, entry: None }
    }
}

fn root() -> PathMatch {
    PathMatch::Prefix("/".into())
}

/// The claims of a rule that is well-formed. With an error, the claims are all the same there, and the rule refuses.
pub(super) fn of_rule(rule: &api::RouteRule, at: &At<'_>, notes: &mut Notes) -> (Vec<Claim>, Result<(), Code>) {
    if rule.matches.is_empty() {
        return (vec![Claim::everything(Extent::Whole)], Ok(()));
    }
    let matches = at.field("matches");
    let mut claims: Vec<Claim> = Vec::with_capacity(rule.matches.len());
    let mut outcome = Ok(());
    for (entry, written) in rule.matches.iter().enumerate() {
        let at = matches.index(entry);
        let (path, path_read) = of_path(written.path.as_ref(), &at, notes);
        let (conditions, conditions_read) = of_conditions(written, &at, notes);
        let read = path_read.and(conditions_read);
        outcome = outcome.and(read);
        let extent = if read.is_ok() { Extent::Whole } else { Extent::Part };
        let claim = Claim { path, conditions, extent, entry: Some(entry) };
        // One that was not read whole stands for something else than it says, so it repeats nothing.
        let same = |other: &&Claim| Claim { entry: Some(entry), ..(*other).clone() } == claim;
        if let Some(other) = claims.iter().filter(|_| extent == Extent::Whole).find(same) {
            let other = other.entry.unwrap_or_default();
            let cause = format!("the match takes the same requests as matches[{other}] of this rule");
            notes.warning(&at, Problem::new(Code::DuplicateRoute, cause, "Remove one of the two."));
        } else {
            claims.push(claim);
        }
    }
    (claims, outcome)
}

fn of_path(path: Option<&api::PathMatch>, at: &At<'_>, notes: &mut Notes) -> (PathMatch, Result<(), Code>) {
    let Some(path) = path else { return (root(), Ok(())) };
    let kind = path.kind.unwrap_or_default();
    if let Some(path) = whole_path(kind, &path.value) {
        return (path, Ok(()));
    }
    let problem = Problem::value(
        "no rule can be for this path: dot segments above the root, escaped slashes, semicolons and * are refused",
        "Write the path as a client sends it, without these.",
    );
    let code = notes.error(&at.field("path").field("value"), problem);
    (beginning(&path.value), Err(code))
}

/// The path that was written, in the form that requests have. With `*`, something else was meant than the character.
fn whole_path(kind: api::PathMatchType, value: &str) -> Option<PathMatch> {
    let path = normal_path(value).filter(|path| !path.contains('*'))?;
    Some(match kind {
        api::PathMatchType::Exact => PathMatch::Exact((&*path).into()),
        api::PathMatchType::Prefix => {
            // A trailing slash means nothing in a prefix.
            let path = path.trim_end_matches('/');
            PathMatch::Prefix(if path.is_empty() { "/" } else { path }.into())
        }
    })
}

/// As much of a path of unknown form as is surely literal: its first segments of letters, digits, `-`, `_` and `~`.
fn beginning(value: &str) -> PathMatch {
    let is_plain = |segment: &&str| {
        !segment.is_empty()
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~'))
    };
    let mut path = String::new();
    for segment in value.trim_start_matches('/').split('/').take_while(is_plain) {
        path.push('/');
        path.push_str(segment);
    }
    if path.is_empty() { root() } else { PathMatch::Prefix(path.into()) }
}

fn of_conditions(written: &api::Match, at: &At<'_>, notes: &mut Notes) -> (Conditions, Result<(), Code>) {
    let methods: Option<Vec<Method>> = written.methods.iter().map(|method| method_condition(method)).collect();
    let headers = written.headers.iter().map(|header| header_condition(&header.name, &header.value)).collect();
    let headers: Option<Vec<(HeaderName, HeaderValue)>> = headers;
    let mut outcome = Ok(());
    for (index, method) in written.methods.iter().enumerate() {
        if let Some(meant) = misspelt(method) {
            let cause = format!("{method} is no registered method; did you mean {meant}?");
            let problem = Problem::plain(Code::UnknownMethod, cause);
            notes.warning(&at.field("methods").index(index), problem);
        }
    }
    if methods.is_none() {
        let problem = Problem::value("a method has a character that methods do not have", "Write methods as GET.");
        outcome = Err(notes.error(&at.field("methods"), problem));
    }
    if headers.is_none() {
        let problem = Problem::value("a header has a character that headers do not have", "Write plain ASCII.");
        outcome = outcome.and(Err(notes.error(&at.field("headers"), problem)));
    }
    let is_contradiction = headers.as_deref().is_some_and(contradict);
    if is_contradiction {
        let cause = "one header is to have two values, which no request has";
        let problem = Problem::value(cause, "Write one match for each value.");
        outcome = outcome.and(Err(notes.error(&at.field("headers"), problem)));
    }
    let headers = headers.filter(|_| !is_contradiction);
    // Narrower in one part would still be narrower than what was meant.
    let conditions =
        methods.zip(headers).map_or_else(Conditions::default, |(methods, headers)| sorted(methods, headers));
    (conditions, outcome)
}

/// The registered method that was probably meant. Others than the registered ones may be sent, and may be meant.
fn misspelt(method: &str) -> Option<&'static str> {
    /// The methods of RFC 9110 and RFC 5789, and those others of the registry that APIs use.
    const REGISTERED: [&str; 20] = [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "CONNECT",
        "TRACE",
        "COPY",
        "LINK",
        "LOCK",
        "MKCOL",
        "MOVE",
        "PROPFIND",
        "PROPPATCH",
        "REPORT",
        "SEARCH",
        "UNLINK",
        "UNLOCK",
    ];
    let is_registered = REGISTERED.contains(&method);
    nearest(method, REGISTERED).filter(|_| !is_registered)
}

/// Whether one header is to have two values at once.
fn contradict(headers: &[(HeaderName, HeaderValue)]) -> bool {
    let mut values = BTreeMap::new();
    headers.iter().any(|(name, value)| values.insert(name.as_str(), value).is_some_and(|other| other != value))
}

/// A method as the schema has it. `get` is a method to HTTP too, but no request has it, so that it would claim nothing.
fn method_condition(method: &str) -> Option<Method> {
    let is_upper = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    is_upper.then(|| method.parse().ok())?
}

/// A header as the schema has it: a value with blanks around it is in no request, and would claim nothing.
fn header_condition(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    if value.trim_ascii() != value {
        return None;
    }
    Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?))
}

/// Conditions in one order, so that equal ones are found to be equal.
fn sorted(mut methods: Vec<Method>, mut headers: Vec<(HeaderName, HeaderValue)>) -> Conditions {
    methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    methods.dedup();
    headers.sort_unstable_by(|one, other| (one.0.as_str(), &one.1).cmp(&(other.0.as_str(), &other.1)));
    headers.dedup();
    Conditions { methods: methods.into(), headers: headers.into() }
}

/// The claims of each rule of an object that is not well-formed, as far as they can be read, with the rules' names.
pub(super) fn salvage(spec: Option<&Value>) -> Vec<(Box<str>, Vec<Claim>)> {
    let Some(rules) = spec.and_then(|spec| spec.get("rules")?.as_array()).filter(|rules| !rules.is_empty()) else {
        return vec![("?".into(), vec![Claim::everything(Extent::Part)])];
    };
    let salvaged = rules.iter().map(|rule| {
        let name = rule.get("name").and_then(Value::as_str).filter(|name| is_label(name)).unwrap_or("?");
        (name.into(), salvage_rule(rule))
    });
    salvaged.collect()
}

/// Whether a name is safe to show in logs and metrics, as the schema would have it.
fn is_label(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn salvage_rule(rule: &Value) -> Vec<Claim> {
    const KNOWN: [&str; 8] = ["name", "matches", "auth", "request", "response", "timeouts", "backends", "redirect"];
    let Value::Object(rule) = rule else { return vec![Claim::everything(Extent::Part)] };
    let matches = match rule.get("matches") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(matches)) => matches.as_slice(),
        Some(unreadable) => return vec![part(any_path(unreadable))],
    };
    if !matches.is_empty() {
        return matches.iter().enumerate().map(salvage_match).collect();
    }
    match unknown(rule, &KNOWN) {
        // `match: {path: …}`, perhaps.
        Some(meant) => vec![part(meant)],
        None => vec![Claim::everything(Extent::Whole)],
    }
}

/// The claim of something that says no more than this of its path.
fn part(path: &str) -> Claim {
    Claim { path: beginning(path), ..Claim::everything(Extent::Part) }
}

fn salvage_match((entry, written): (usize, &Value)) -> Claim {
    let entry = Some(entry);
    let Value::Object(written) = written else { return Claim { entry, ..part(any_path(written)) } };
    let path = match (written.get("path"), unknown(written, &["path", "methods", "headers"])) {
        (path, None) => salvage_path(path),
        (None, Some(meant)) => Err(meant),
        (Some(path), Some(_)) => salvage_path(Some(path)).and_then(|_| Err(any_path(path))),
    };
    match (path, salvage_conditions(written)) {
        (Ok(path), Some(conditions)) => Claim { path, conditions, extent: Extent::Whole, entry },
        (Ok(path), None) => Claim { path, entry, ..Claim::everything(Extent::Part) },
        (Err(path), _) => Claim { entry, ..part(path) },
    }
}

/// The path, or what there is of it.
fn salvage_path(path: Option<&Value>) -> Result<PathMatch, &str> {
    let path = match path {
        None | Some(Value::Null) => return Ok(root()),
        Some(path) => path,
    };
    let written = path.as_object().filter(|written| unknown(written, &["type", "value"]).is_none());
    let whole = written.and_then(|written| {
        let kind = match written.get("type") {
            None | Some(Value::Null) => api::PathMatchType::Prefix,
            Some(Value::String(kind)) if kind == "Prefix" => api::PathMatchType::Prefix,
            Some(Value::String(kind)) if kind == "Exact" => api::PathMatchType::Exact,
            Some(_) => return None,
        };
        whole_path(kind, written.get("value")?.as_str()?)
    });
    whole.ok_or_else(|| match path.get("value").and_then(Value::as_str) {
        Some(value) => value,
        None => any_path(path),
    })
}

/// What may be meant as a path in the members that are not known; `None` if all are.
fn unknown<'a>(written: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    let mut unknown = written.iter().filter(|(name, _)| !known.contains(&name.as_str())).peekable();
    unknown.peek()?;
    Some(unknown.map(|(_, value)| any_path(value)).find(|path| !path.is_empty()).unwrap_or_default())
}

/// The first text anywhere within that begins like a path; empty if there is none.
fn any_path(written: &Value) -> &str {
    match written {
        Value::String(text) if text.starts_with('/') => text,
        Value::Array(items) => items.iter().map(any_path).find(|path| !path.is_empty()).unwrap_or_default(),
        Value::Object(members) => members.values().map(any_path).find(|path| !path.is_empty()).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => "",
    }
}

fn salvage_conditions(written: &Map<String, Value>) -> Option<Conditions> {
    let items = |name: &str| match written.get(name) {
        None | Some(Value::Null) => Some([].as_slice()),
        Some(Value::Array(items)) => Some(items.as_slice()),
        Some(_) => None,
    };
    let methods: Option<Vec<Method>> =
        items("methods")?.iter().map(|method| method_condition(method.as_str()?)).collect();
    let headers: Option<Vec<_>> = items("headers")?.iter().map(salvage_header).collect();
    Some(sorted(methods?, headers.filter(|headers| !contradict(headers))?))
}

fn salvage_header(header: &Value) -> Option<(HeaderName, HeaderValue)> {
    let header = header.as_object().filter(|header| header.len() == 2)?;
    header_condition(header.get("name")?.as_str()?, header.get("value")?.as_str()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Extent, salvage};
    use crate::snapshot::PathMatch;

    /// What is claimed of a match, as `type path methods headers extent`.
    fn claimed(written: &serde_json::Value) -> String {
        let salvaged = salvage(Some(&json!({"rules": [{"name": "r", "matches": [written]}]})));
        let claim = &salvaged[0].1[0];
        let (kind, path) = match &claim.path {
            PathMatch::Exact(path) => ("=", path),
            PathMatch::Prefix(path) => ("^", path),
        };
        let (methods, headers) = (&claim.conditions.methods, &claim.conditions.headers);
        let extent = if claim.extent == Extent::Whole { "" } else { " part" };
        format!("{kind}{path} {methods:?} {}{extent}", headers.len())
    }

    #[test]
    fn what_can_be_read_of_a_broken_match_is_claimed_and_the_rest_more_widely() {
        for (written, expected) in [
            (json!({}), "^/ [] 0"),
            (json!({"path": {"value": "/a/"}}), "^/a [] 0"),
            (json!({"path": {"type": "Exact", "value": "/a/"}, "methods": ["PUT", "GET"]}), "=/a/ [GET, PUT] 0"),
            (json!({"headers": [{"name": "A", "value": "b"}]}), "^/ [] 1"),
            // The type is not known: whatever it means, it begins so.
            (json!({"path": {"type": "exact", "value": "/a/b"}}), "^/a/b [] 0 part"),
            (json!({"path": {"type": "Template", "value": "/a/{id}/b"}}), "^/a [] 0 part"),
            (json!({"path": {"type": "Regex", "value": "/a/b.*"}}), "^/a [] 0 part"),
            (json!({"path": {"type": "Regex", "value": "^/a"}}), "^/ [] 0 part"),
            (json!({"path": "/a/b"}), "^/a/b [] 0 part"),
            (json!({"path": {"value": "a/b"}}), "^/a/b [] 0 part"),
            (json!({"path": {"value": "/a/b%2fc"}}), "^/a [] 0 part"),
            (json!({"path": {"value": "/a/b*/c"}}), "^/a [] 0 part"),
            (json!({"path": {"type": "Exact", "value": "/a/*"}}), "^/a [] 0 part"),
            (json!({"path": {"value": "/*"}}), "^/ [] 0 part"),
            (json!({"headers": [{"name": "A", "value": "b"}, {"name": "a", "value": "c"}]}), "^/ [] 0 part"),
            (json!({"path": {"value": 7}}), "^/ [] 0 part"),
            (json!({"path": {"vaule": "/a/b"}}), "^/a/b [] 0 part"),
            (json!({"pth": {"value": "/a/b"}}), "^/a/b [] 0 part"),
            (json!({"paths": [{"value": 7}, {"value": "/a"}]}), "^/a [] 0 part"),
            (json!({"query": {"a": "b"}}), "^/ [] 0 part"),
            (json!({"path": {"value": "/a", "regex": true}}), "^/a [] 0 part"),
            (json!({"path": ["/a"]}), "^/a [] 0 part"),
            // Methods and headers that cannot be read are no condition, nor is the other of the two then.
            (json!({"path": {"value": "/a"}, "methods": "GET"}), "^/a [] 0 part"),
            (json!({"path": {"value": "/a"}, "methods": ["G T"]}), "^/a [] 0 part"),
            // Both are well-formed to HTTP, and in no request.
            (json!({"path": {"value": "/a"}, "methods": ["get"]}), "^/a [] 0 part"),
            (json!({"path": {"value": "/a"}, "methods": ["Get", "PUT"]}), "^/a [] 0 part"),
            (json!({"path": {"value": "/a"}, "headers": [{"name": "A", "value": " b"}]}), "^/a [] 0 part"),
            (json!({"path": {"value": "/a"}, "headers": [{"name": "A", "value": "b "}]}), "^/a [] 0 part"),
            (json!({"path": {"value": "/a"}, "methods": ["GET"], "headers": [{"name": "A"}]}), "^/a [] 0 part"),
            (json!({"methods": ["GET"], "headers": [{"name": "A", "value": "b", "type": "x"}]}), "^/ [] 0 part"),
            (json!({"path": {"value": "/a"}, "method": ["GET"]}), "^/a [] 0 part"),
            (json!("/a"), "^/a [] 0 part"),
            (json!(7), "^/ [] 0 part"),
        ] {
            assert_eq!(claimed(&written), expected, "{written}");
        }
    }

    #[test]
    fn rules_that_cannot_be_read_claim_every_request() {
        for (spec, expected) in [
            (json!({}), Extent::Part),
            (json!({"rules": []}), Extent::Part),
            (json!({"rules": {"name": "r"}}), Extent::Part),
            (json!({"rules": ["r"]}), Extent::Part),
            (json!({"rules": [{"name": "r", "matches": {"path": {}}}]}), Extent::Part),
            (json!({"rules": [{"name": "r", "match": [{"path": {}}]}]}), Extent::Part),
            // This one is what was written.
            (json!({"rules": [{"name": "r"}]}), Extent::Whole),
            (json!({"rules": [{"matches": []}]}), Extent::Whole),
            (json!({"rules": [{"matches": null}]}), Extent::Whole),
        ] {
            let salvaged = salvage(Some(&spec));
            assert_eq!(salvaged.len(), 1, "{spec}");
            assert_eq!(salvaged[0].1, [super::Claim::everything(expected)], "{spec}");
        }
        for rule in [json!({"matches": {"path": {"value": "/a"}}}), json!({"match": [{"path": "/a"}], "auth": {}})] {
            assert_eq!(salvage(Some(&json!({"rules": [rule]})))[0].1, [super::part("/a")], "{rule}");
        }
        assert_eq!(salvage(None)[0].1, [super::Claim::everything(Extent::Part)]);
    }
}
