//! Judges an object of our own kinds as the API server would: by the very schema that `crds/` holds.
//!
//! The schema in [`crate::api::crd()`] is the only statement of what form an object may have. The API server reads it
//! where there is one; `check` and `serve` read it here. So there is one verdict, by construction, and a table of
//! documents in `tests/admission` is played to both.
//!
//! What the API server does that may surprise, and is done here too:
//!
//! - A member that is `null` counts as not there, since nothing in our schemas is nullable; in a list, it is of the
//!   wrong type. An unknown member is unknown even if it is `null`.
//! - A pattern is looked for anywhere in the text; lengths count characters; `80.0` is the whole number 80.
//! - A rule in CEL runs only where its field is set, and an error in it refuses.
//!
//! Stricter than an API server that is asked leniently: an unknown member is refused, as kubectl asks for by default.
//! Where a part is broken, rules about it are not run; the API server may run them and say more, never another verdict.

mod duration;
mod pattern;
mod rule;
mod schema;
#[cfg(test)]
mod tests;
mod view;
mod walk;
mod words;

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::api;
use crate::finding::{Code, FieldPath, Finding};
use crate::name::{Kind, ObjectKey, is_label};

use rule::Surroundings;
use schema::{Node, SchemaError, whole_number};
use walk::{Place, Walk};

/// One thing that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where in the object; of a member that is missing, where it should be.
    pub field: FieldPath,
    /// [`Code::UnknownField`] or [`Code::InvalidValue`].
    pub code: Code,
    /// What was expected and the shape of what was found; never a text that the object holds.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
}

/// What the schema of `kind` does not allow in `object`, in the order of the walk; at most 256. An object without any
/// is one that the API server would take, and decodes to the kind's type once it went through [`as_stored`].
///
/// The object comes without `metadata`, which the API server judges by rules of its own, and without `status`, which
/// users do not write. The kinds of Kubernetes have no schema here: of them nothing is said.
pub fn check(kind: Kind, object: &Map<String, Value>) -> Vec<Violation> {
    let schema = match kind {
        Kind::ApiRoute => &*API_ROUTE,
        Kind::TokenPolicy => &*TOKEN_POLICY,
        Kind::ModelBackend => &*MODEL_BACKEND,
        Kind::Service | Kind::EndpointSlice | Kind::Secret | Kind::File => return Vec::new(),
    };
    let Schema { spec, surroundings } = match schema {
        Ok(schema) => schema,
        Err(error) => {
            return vec![Violation {
                field: FieldPath::root(),
                code: Code::InvalidValue,
                cause: format!("the object cannot be judged: {error}"),
                cure: "this is a fault of bearward; please report it".to_owned(),
            }];
        }
    };
    let mut walk = Walk::new(surroundings);
    for name in object.keys() {
        if !matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status") {
            let (cause, cure) = words::unknown(name, ["apiVersion", "kind", "metadata", "spec"].into_iter());
            walk.found(Place::member(name), Code::UnknownField, cause, cure);
        }
    }
    let place = Place::member("spec");
    match object.get("spec") {
        None | Some(Value::Null) => walk.missing(place, spec),
        Some(value) => walk.value(place, spec, value),
    }
    walk.into_found()
}

/// The same as findings on `object`, if it is of this class: every other class is another installation's business.
pub fn findings(class: &str, object: &ObjectKey, document: &Map<String, Value>) -> Vec<Finding> {
    if !is_of_class(document, class) {
        return Vec::new();
    }
    let violations = check(object.kind, document).into_iter();
    violations.map(|Violation { field, code, cause, cure }| Finding::error(object, field, code, cause, cure)).collect()
}

/// Whether the object is of the class of this installation. One whose class is none that an installation could have is
/// everybody's: nobody else knows better whose it is, and it is broken, so whoever takes it refuses.
pub(super) fn is_of_class(document: &Map<String, Value>, class: &str) -> bool {
    match document.get("spec").and_then(|spec| spec.get("class")) {
        None | Some(Value::Null) => class == api::DEFAULT_CLASS,
        Some(Value::String(written)) => written == class || !is_label(written),
        Some(_) => true,
    }
}

/// The object as the API server would store it, and as the types of [`crate::api`] read it: members that are `null` are
/// left out, and a whole number is written without a fraction. What is in a list stays.
pub fn as_stored(object: Map<String, Value>) -> Map<String, Value> {
    let kept = object.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| (name, value_as_stored(value))).collect()
}

fn value_as_stored(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(as_stored(members)),
        Value::Array(items) => Value::Array(items.into_iter().map(value_as_stored).collect()),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().and_then(whole_number);
            whole.map_or(Value::Number(number), Value::from)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

static API_ROUTE: LazyLock<Result<Schema, SchemaError>> = LazyLock::new(|| Schema::of(Kind::ApiRoute));
static TOKEN_POLICY: LazyLock<Result<Schema, SchemaError>> = LazyLock::new(|| Schema::of(Kind::TokenPolicy));
static MODEL_BACKEND: LazyLock<Result<Schema, SchemaError>> = LazyLock::new(|| Schema::of(Kind::ModelBackend));

/// The schema of one kind.
struct Schema {
    spec: Node,
    surroundings: Surroundings,
}

impl Schema {
    fn of(kind: Kind) -> Result<Self, SchemaError> {
        let spec = Node::of_spec(api::crd(kind).ok_or(SchemaError::Missing)?)?;
        let surroundings = Surroundings::of(&spec)?;
        Ok(Self { spec, surroundings })
    }
}
