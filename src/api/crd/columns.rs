//! What `kubectl get` shows of each kind: what it is about, and whether it works.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

use crate::name::Kind;

/// Shown always, or only with `-o wide`.
const ALWAYS: Option<i32> = None;
const WIDE: Option<i32> = Some(1);

type Column = (&'static str, &'static str, &'static str, Option<i32>);

/// The columns of a kind: its own first, then those that say whether it works.
pub(super) fn of(kind: Kind) -> Vec<CustomResourceColumnDefinition> {
    let own: &[Column] = match kind {
        Kind::ApiRoute => &[("Hosts", "string", ".spec.hosts", ALWAYS)],
        Kind::TokenPolicy => &[
            ("Entries", "string", ".spec.accept[*].name", ALWAYS),
            ("Hardened", "string", r#".status.conditions[?(@.type=="Hardened")].status"#, ALWAYS),
            ("Signs", "string", ".status.signing.kid", ALWAYS),
            ("Since", "date", ".status.signing.since", ALWAYS),
            ("Next", "string", ".status.signing.next", ALWAYS),
            ("Routes", "integer", ".status.routes", WIDE),
        ],
        Kind::ModelBackend => &[
            ("Provider", "string", ".spec.provider", ALWAYS),
            ("Endpoint", "string", ".spec.endpoint", WIDE),
            ("Routes", "integer", ".status.routes", WIDE),
        ],
        Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => &[],
    };
    let working: &[Column] = &[
        ("Accepted", "string", r#".status.conditions[?(@.type=="Accepted")].status"#, ALWAYS),
        ("Programmed", "string", r#".status.conditions[?(@.type=="Programmed")].status"#, ALWAYS),
        ("Reason", "string", r#".status.conditions[?(@.type=="Programmed")].reason"#, ALWAYS),
        ("Message", "string", r#".status.conditions[?(@.type=="Programmed")].message"#, WIDE),
        ("Age", "date", ".metadata.creationTimestamp", ALWAYS),
    ];
    own.iter()
        .chain(working)
        .map(|&(name, type_, json_path, priority)| CustomResourceColumnDefinition {
            name: name.to_owned(),
            type_: type_.to_owned(),
            json_path: json_path.to_owned(),
            priority,
            ..CustomResourceColumnDefinition::default()
        })
        .collect()
}
