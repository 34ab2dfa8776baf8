//! What expressions may name.

use super::kind::Kind;
use super::node::Input;

/// A variable whose members are declared one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: &'static str,
    pub(super) members: &'static [(&'static str, Input, Kind)],
}

/// The variable that is a map of whatever the token says.
pub(super) const CLAIMS: &str = "claims";

/// The variables that are records.
pub(super) const RECORDS: [Record; 2] = [
    Record {
        name: "token",
        members: &[
            ("policy", Input::Policy, Kind::Text),
            ("entry", Input::Entry, Kind::Text),
            ("issuer", Input::Issuer, Kind::Text),
            ("scopes", Input::Scopes, Kind::List(&Kind::Text)),
        ],
    },
    Record {
        name: "request",
        members: &[
            ("method", Input::Method, Kind::Text),
            ("host", Input::Host, Kind::Text),
            ("path", Input::Path, Kind::Text),
            ("query", Input::Query, Kind::Map(&Kind::Text)),
            ("headers", Input::Headers, Kind::Map(&Kind::Text)),
            ("ip", Input::Ip, Kind::Text),
        ],
    },
];

/// The record of this name.
pub(super) fn record(name: &str) -> Option<Record> {
    RECORDS.into_iter().find(|record| record.name == name)
}

/// Every variable, and every member of a record with the record's name, in which a mistyped name is looked for.
pub(super) fn names() -> impl Iterator<Item = (String, &'static str)> {
    let roots = [CLAIMS].into_iter().chain(RECORDS.into_iter().map(|record| record.name));
    let members =
        RECORDS.into_iter().flat_map(|record| record.members.iter().map(move |member| (record.name, member.0)));
    roots.map(|name| (name.to_owned(), name)).chain(members.map(|(record, name)| (format!("{record}.{name}"), name)))
}

/// A function and how it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) name: &'static str,
    pub(super) form: &'static str,
}

/// All functions, comprehensions included.
pub(super) const FUNCTIONS: [Form; 13] = [
    Form { name: "all", form: "list.all(item, condition)" },
    Form { name: "contains", form: "text.contains(part)" },
    Form { name: "endsWith", form: "text.endsWith(end)" },
    Form { name: "exists", form: "list.exists(item, condition)" },
    Form { name: "exists_one", form: "list.exists_one(item, condition)" },
    Form { name: "filter", form: "list.filter(item, condition)" },
    Form { name: "has", form: "has(map.member)" },
    Form { name: "int", form: "int(value)" },
    Form { name: "map", form: "list.map(item, value)" },
    Form { name: "matches", form: "text.matches('pattern')" },
    Form { name: "size", form: "size(value)" },
    Form { name: "startsWith", form: "text.startsWith(start)" },
    Form { name: "string", form: "string(value)" },
];
