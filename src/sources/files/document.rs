//! Documents to objects: which kind, which name, and what bearward takes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::metadata::{self, Described, Problem};
use super::places::{Places, Position, Span};
use super::yaml::{self, Document, YamlError};
use super::{Admission, Located, Note, ReadableSecrets};
use crate::api::{GROUP, VERSION};
use crate::clock::UnixTime;
use crate::finding::{Code, FieldPath, Finding, nearest};
use crate::name::{Generation, Kind, ObjectKey};
use crate::resources::{Body, Meta, Object, Version};

/// The label by which a Secret offers itself; without it, it is not read.
const USE_LABEL: &str = "bearward.dev/use";

/// A file as it was found.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) path: &'a Arc<str>,
    pub(super) text: &'a str,
    /// Its permissions, as `chmod` counts them.
    pub(super) mode: u32,
    pub(super) readable_secrets: ReadableSecrets,
    pub(super) admission: &'a Admission,
    /// The age of its first document.
    pub(super) created: UnixTime,
}

/// What a file says.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) objects: Vec<Object>,
    /// Of each object, in the same order.
    pub(super) places: Vec<Places>,
    pub(super) located: Vec<Located>,
    pub(super) notes: Vec<Note>,
    /// Why an API server would not take some of the objects.
    pub(super) refused: Vec<Located>,
    /// A document is no object that could be taken, so the file does not count.
    pub(super) is_broken: bool,
}

/// Reads a whole file.
pub(super) fn decode(file: Found<'_>) -> Decoded {
    let mut decoding = Decoding { file, decoded: Decoded::default(), seen: BTreeSet::new() };
    match yaml::read(file.text) {
        Ok(documents) => documents.into_iter().for_each(|document| decoding.document(document)),
        Err(YamlError { at, problem }) => {
            let cause = format!("line {}: {problem}", at.line);
            decoding.broken(Code::InvalidYaml, FieldPath::root(), point(at), cause, problem.cure());
        }
    }
    decoding.decoded
}

/// One character, where no more is known.
fn point(at: Position) -> Span {
    Span { start: at, end: Position { column: at.column + 1, ..at } }
}

struct Decoding<'a> {
    file: Found<'a>,
    decoded: Decoded,
    /// The objects of this file so far.
    seen: BTreeSet<ObjectKey>,
}

impl Decoding<'_> {
    /// Something that makes the whole file not count.
    fn broken(&mut self, code: Code, field: FieldPath, at: Span, cause: String, cure: impl Into<String>) {
        let object = ObjectKey::new(Kind::File, "", Arc::clone(self.file.path));
        self.decoded.is_broken = true;
        self.found(Finding::error(&object, field, code, cause, cure), at);
    }

    fn found(&mut self, finding: Finding, at: Span) {
        self.decoded.located.push(Located { finding, at: Some(at) });
    }

    fn note(&mut self, line: usize, text: String) {
        self.decoded.notes.push(Note { path: Arc::clone(self.file.path), line, text });
    }

    /// One document: an object, or a list of them.
    fn document(&mut self, Document { value, mut places }: Document) {
        let at = places.value;
        let Value::Object(mut document) = value else {
            let cause = format!("line {}: the document is no object", at.start.line);
            return self.broken(
                Code::InvalidValue,
                FieldPath::root(),
                at,
                cause,
                "write apiVersion, kind and metadata",
            );
        };
        let is_list = document.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        let Some(Value::Array(items)) = document.get_mut("items").filter(|_| is_list).map(Value::take) else {
            return self.object(document, &places);
        };
        // The items of a list of one kind need not say which.
        let api_version = document.get("apiVersion").cloned();
        let kind = document.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List"));
        let kind = kind.filter(|kind| !kind.is_empty()).map(|kind| Value::String(kind.to_owned()));
        let item_places = places.take_member("items").map(Places::into_items).unwrap_or_default();
        for (item, places) in items.into_iter().zip(item_places) {
            let Value::Object(mut item) = item else {
                let cause = format!("line {}: the item is no object", places.value.start.line);
                let cure = "write apiVersion, kind and metadata";
                self.broken(Code::InvalidValue, FieldPath::root(), places.value, cause, cure);
                continue;
            };
            if let (Some(api_version), Some(kind)) = (&api_version, &kind) {
                item.entry("apiVersion").or_insert_with(|| api_version.clone());
                item.entry("kind").or_insert_with(|| kind.clone());
            }
            self.object(item, &places);
        }
    }

    fn object(&mut self, document: Map<String, Value>, places: &Places) {
        let line = places.value.start.line;
        let word = |name: &str| document.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
        let (Some(api_version), Some(written)) = (word("apiVersion"), word("kind")) else {
            let cause = format!("line {line}: the document has no apiVersion or no kind");
            let cure = format!("write them, such as apiVersion: {GROUP}/{VERSION} and kind: ApiRoute");
            return self.broken(Code::UnknownKind, FieldPath::root(), places.value, cause, cure);
        };
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = match kind_of(group, version, written) {
            Ok(kind) => kind,
            Err(Unknown::Foreign) => {
                return self.note(line, format!("{written} of {api_version} is not read by bearward"));
            }
            Err(Unknown::Ours { field, cause, cure }) => {
                let at = places.member(field).map_or(places.value, |place| place.value);
                let cause = format!("line {}: {cause}", at.start.line);
                return self.broken(Code::UnknownKind, FieldPath::root().field(field), at, cause, cure);
            }
        };
        match metadata::read(&document) {
            Ok(described) => self.described(kind, described, document, places),
            Err(problems) => {
                for Problem { field, code, cause, cure } in problems {
                    let place = places.find(&field);
                    let at = place.key.unwrap_or(place.value);
                    let cause = format!("line {}: {cause}", at.start.line);
                    self.broken(code, field, at, cause, cure);
                }
            }
        }
    }

    /// An object of which it is known which it is.
    fn described(&mut self, kind: Kind, described: Described, mut document: Map<String, Value>, places: &Places) {
        let Described { name, namespace, labels, annotations } = described;
        let key = ObjectKey::new(kind, namespace.as_str(), name);
        let at = places.find(&FieldPath::root().field("metadata").field("name"));
        let at = at.key.unwrap_or(at.value);
        if !self.seen.insert(key.clone()) {
            let cause =
                format!("line {}: the file has an object of this kind, namespace and name already", at.start.line);
            let cure = "rename or remove one of the two; the first is in force";
            let field = FieldPath::root().field("metadata").field("name");
            return self.found(Finding::error(&key, field, Code::DuplicateObject, cause, cure), at);
        }
        let mut withheld = None;
        if kind == Kind::Secret {
            if !labels.contains_key(USE_LABEL) {
                let text = format!("{key} is not read, since it does not offer itself by the label {USE_LABEL}");
                return self.note(places.value.start.line, text);
            }
            if self.file.readable_secrets == ReadableSecrets::Refuse && self.file.mode & 0o044 != 0 {
                let mode = self.file.mode & 0o777;
                let code = Code::SecretFileReadable;
                let cause = format!("the file has mode {mode:03o}, so others than its owner can read it");
                self.found(Finding::error(&key, FieldPath::root(), code, cause, code.cure()), at);
                // Whoever names it is told the same, and not that it is missing.
                withheld =
                    Some(Body::Withheld(code, format!("others than its owner can read its file, of mode {mode:03o}")));
            }
        }
        let count = i64::try_from(self.decoded.objects.len()).unwrap_or(i64::MAX);
        let meta = Meta {
            key,
            uid: "".into(),
            version: Version::default(),
            generation: Generation::default(),
            created: UnixTime::from_millis(self.file.created.millis().saturating_add(count)),
            labels,
            annotations,
        };
        if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
            metadata.insert("namespace".to_owned(), Value::String(namespace));
        }
        let object = Object { meta, body: withheld.unwrap_or_else(|| body(kind, document)) };
        self.admit(&object, places);
        self.decoded.objects.push(object);
        self.decoded.places.push(places.clone());
    }

    /// Judges an object as an API server would.
    fn admit(&mut self, object: &Object, places: &Places) {
        let found = match &object.body {
            Body::Ours(document) => (self.file.admission)(object.key(), document),
            Body::Undecodable(_) => object.undecodable().into_iter().collect(),
            Body::Service(_) | Body::EndpointSlice(_) | Body::Secret(_) | Body::Withheld(..) => Vec::new(),
        };
        self.decoded.refused.extend(found.into_iter().map(|finding| {
            let place = places.find(&finding.field);
            Located { at: Some(place.key.unwrap_or(place.value)), finding }
        }));
    }
}

/// Why a document is of no kind that is read.
enum Unknown {
    /// It is somebody else's business.
    Foreign,
    /// It would be ours, but for a mistake in this field.
    Ours { field: &'static str, cause: String, cure: String },
}

fn kind_of(group: &str, version: &str, written: &str) -> Result<Kind, Unknown> {
    const OURS: [Kind; 3] = [Kind::ApiRoute, Kind::TokenPolicy, Kind::ModelBackend];
    let ours = OURS.into_iter().find(|kind| kind.as_str() == written);
    if group == GROUP {
        if version != VERSION {
            let cause = format!("this version of bearward reads {GROUP}/{VERSION} only");
            let cure = format!("write {GROUP}/{VERSION}, or upgrade bearward");
            return Err(Unknown::Ours { field: "apiVersion", cause, cure });
        }
        let known = OURS.map(Kind::as_str);
        return ours.ok_or_else(|| Unknown::Ours {
            field: "kind",
            cause: format!("there is no such kind in {GROUP}/{VERSION}"),
            cure: match nearest(written, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("use one of {}, or upgrade bearward", known.join(", ")),
            },
        });
    }
    // One of our kinds in a group that is nearly ours is a mistake, not somebody else's.
    if ours.is_some() && nearest(group, [GROUP]).is_some() {
        let cause = "the group is none that bearward reads this kind of".to_owned();
        return Err(Unknown::Ours { field: "apiVersion", cause, cure: format!("did you mean `{GROUP}/{VERSION}`?") });
    }
    match (group, version, written) {
        ("", "v1", "Service") => Ok(Kind::Service),
        ("", "v1", "Secret") => Ok(Kind::Secret),
        ("discovery.k8s.io", "v1", "EndpointSlice") => Ok(Kind::EndpointSlice),
        _ => Err(Unknown::Foreign),
    }
}

fn body(kind: Kind, mut document: Map<String, Value>) -> Body {
    match kind {
        Kind::ApiRoute | Kind::TokenPolicy | Kind::ModelBackend | Kind::File => {
            document.remove("metadata");
            document.remove("status");
            Body::Ours(document)
        }
        Kind::Service => read(document).map_or_else(Body::Undecodable, Body::Service),
        Kind::EndpointSlice => read(document).map_or_else(Body::Undecodable, Body::EndpointSlice),
        Kind::Secret => read(document).map_or_else(Body::Undecodable, Body::Secret),
    }
}

/// Decodes an object of Kubernetes' own. The decoder's words would quote the value, so only the field is named.
fn read<T: DeserializeOwned>(document: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(document)).map_err(|error| {
        format!("{} is missing, of the wrong type, or not in the form that it must have", error.path())
    })
}
