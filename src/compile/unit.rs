//! What one object decides alone: the first of the three levels, a function of the object and the settings.
//!
//! An object is checked against its schema, decoded, and its values are read: durations, sizes, names, URLs, expressions,
//! expectations. Nothing else is looked up. An object that is broken gives a unit that refuses.

mod access;
mod claims;
mod headers;
mod hosts;
mod issue;
mod model;
mod policy;
mod route;
mod rule;
mod url;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

pub(super) use access::{AccessUnit, Expressions, TokenRuleUnit};
pub(super) use claims::Claim;
pub(super) use issue::{ClientDraft, IssueDraft, IssuerClaim, KnownBy, SigningDraft, SubjectDraft};
pub(super) use model::{ModelDraft, ModelUnit};
pub(super) use policy::{EntryDraft, KeysDraft, PolicyDraft, PolicyUnit, TakesDraft, skipped_key};
pub(super) use route::{ActionUnit, BackendUnit, RewriteUnit, RouteUnit, RuleBody, RuleUnit, ServicePort, TargetUnit};
pub(super) use url::{Origin, Url};

use super::Settings;
use super::admission::{self, Violation};
use super::notes::{Notes, Problem};
use crate::finding::{Code, FieldPath, Finding};
use crate::name::Kind;
use crate::resources::{Body, Object};

/// What one of our objects decides alone.
#[derive(Debug)]
pub(super) enum Unit {
    Route(RouteUnit),
    Policy(PolicyUnit),
    Model(ModelUnit),
}

/// What units are made with.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a Settings,
    pub(super) expressions: &'a mut Expressions,
}

/// The unit of one of our objects; `None` if it is another installation's, or none of ours.
pub(super) fn unit(object: &Object, context: &mut Context<'_>) -> Option<Unit> {
    let empty = Map::new();
    let document = match &object.body {
        Body::Ours(document) => document,
        Body::Service(_) | Body::EndpointSlice(_) | Body::Secret(_) | Body::Undecodable(_) | Body::Withheld(..) => {
            &empty
        }
    };
    if !admission::is_of_class(document, &context.settings.class) {
        return None;
    }
    match object.key().kind {
        Kind::ApiRoute => Some(Unit::Route(route::unit(object, document, context))),
        Kind::TokenPolicy => Some(Unit::Policy(policy::unit(object, document))),
        Kind::ModelBackend => Some(Unit::Model(model::unit(object, document, context))),
        Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => None,
    }
}

/// The spec of an object that keeps to its schema. Otherwise everything that is wrong with it is noted, and the code is
/// that of the first.
fn decode<T: DeserializeOwned>(kind: Kind, document: &Map<String, Value>, notes: &mut Notes) -> Result<T, Code> {
    let violations = admission::check(kind, document);
    if let Some(first) = violations.first() {
        let code = first.code;
        for Violation { field, code, cause, cure } in violations {
            let finding = Finding::error(notes.object(), field, code, cause, cure);
            notes.push(finding);
        }
        return Err(code);
    }
    let spec = admission::as_stored(document.clone()).remove("spec").unwrap_or_default();
    serde_path_to_error::deserialize(spec).map_err(|error| {
        let field = error.path().iter().fold(FieldPath::spec(), |path, segment| match segment {
            Segment::Seq { index } => path.index(*index),
            Segment::Map { key } => path.field(key),
            Segment::Enum { variant } => path.field(variant),
            Segment::Unknown => path,
        });
        let cause = error.inner().to_string();
        let code = if cause.starts_with("unknown field") { Code::UnknownField } else { Code::InvalidValue };
        notes.error_at(field, Problem::plain(code, cause))
    })
}
