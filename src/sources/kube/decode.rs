//! Documents of the API server as objects.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::watch::Document;
use crate::api::{GROUP, VERSION};
use crate::clock::UnixTime;
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Body, Meta, Object, Version};

/// Repeats the whole object, a Secret's members included, inside its own metadata.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether the kind is one of our own.
pub(super) fn is_ours(kind: Kind) -> bool {
    kind.group() == GROUP
}

/// Which object of this kind a document is; `None` if it has no name, which the API server never sends.
pub(super) fn key(kind: Kind, document: &Document) -> Option<ObjectKey> {
    let metadata = document.get("metadata")?;
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    Some(ObjectKey::new(kind, text("namespace")?, text("name")?))
}

/// The object of this kind that a document is. One that cannot be decoded is an object too, of which only that is known.
pub(super) fn object(kind: Kind, mut document: Document) -> Option<Object> {
    let key = key(kind, &document)?;
    let metadata = document.get_mut("metadata").and_then(Value::as_object_mut)?;
    metadata.remove("managedFields");
    if let Some(Value::String(mut copy)) = annotations(metadata).and_then(|all| all.remove(LAST_APPLIED)) {
        copy.zeroize();
    }
    let meta = meta(key, metadata);
    Some(Object { body: body(kind, document), meta })
}

fn annotations(metadata: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    metadata.get_mut("annotations").and_then(Value::as_object_mut)
}

fn meta(key: ObjectKey, metadata: &Map<String, Value>) -> Meta {
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).unwrap_or_default();
    let pairs = |field: &str| {
        let pairs = metadata.get(field).and_then(Value::as_object).into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.as_str().into(), value.as_str()?.into()))).collect()
    };
    Meta {
        key,
        uid: text("uid").into(),
        version: Version::parse(text("resourceVersion")),
        generation: Generation(metadata.get("generation").and_then(Value::as_u64).unwrap_or_default()),
        created: text("creationTimestamp")
            .parse::<Timestamp>()
            .map(|time| UnixTime::from_millis(time.as_millisecond()))
            .unwrap_or_default(),
        labels: pairs("labels"),
        annotations: pairs("annotations"),
    }
}

fn body(kind: Kind, mut document: Document) -> Body {
    if is_ours(kind) {
        document.remove("metadata");
        document.remove("status");
        document.insert("apiVersion".to_owned(), format!("{GROUP}/{VERSION}").into());
        document.insert("kind".to_owned(), kind.as_str().into());
        return Body::Ours(document);
    }
    // Nothing else is watched, see `kube::start`.
    if kind == Kind::Service {
        decoded(kind, document, Body::Service)
    } else if kind == Kind::EndpointSlice {
        decoded(kind, document, Body::EndpointSlice)
    } else {
        decoded(kind, document, Body::Secret)
    }
}

/// The document as `core` has it. Strings are moved, not copied, so that those of a Secret are wiped by their owner.
fn decoded<T: DeserializeOwned>(kind: Kind, document: Document, body: impl FnOnce(T) -> Body) -> Body {
    match serde_path_to_error::deserialize(Value::Object(document)) {
        Ok(decoded) => body(decoded),
        // The error itself would quote the value.
        Err(error) => Body::Undecodable(format!("{} is not what this version knows of a {kind}", error.path())),
    }
}
