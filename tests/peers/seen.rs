//! What an upstream took a request for.

use serde_json::Value;

use crate::gateway::IDENTITY;

/// One request as an upstream read it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The address of the client, by which rows are told apart: the gateway says it, and takes nobody's word for it.
    pub(crate) client: String,
    /// The request's id.
    pub(crate) id: String,
    pub(crate) method: String,
    /// Path and query as they came.
    pub(crate) target: String,
    /// The path as the upstream normalises it for its own purposes, without escapes.
    pub(crate) path: Vec<u8>,
    /// A character for each byte.
    pub(crate) body: String,
    /// All of the body came.
    pub(crate) is_complete: bool,
    /// The fields that the upstream tells of, trailers among them.
    pub(crate) fields: Vec<(String, String)>,
}

impl Seen {
    /// What no upstream may ever be sent, whatever the client sent.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let values = |name: &str| -> Vec<&str> {
            let named = self.fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.as_str()).collect()
        };
        let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
        if lengths.len() + codings.len() > 1 {
            faults.push(format!("it has several framings: {lengths:?} {codings:?}"));
        }
        if self.is_complete && lengths.iter().any(|length| *length != self.body_bytes().to_string()) {
            faults.push(format!("its length is {lengths:?}, and its body has {} bytes", self.body_bytes()));
        }
        if codings.iter().any(|coding| *coding != "chunked") {
            faults.push(format!("its coding is {codings:?}"));
        }
        if values("host").len() != 1 {
            faults.push(format!("its hosts are {:?}", values("host")));
        }
        for name in ["upgrade", "http2-settings", "expect", "x-original-url", "x-rewrite-url"] {
            if !values(name).is_empty() {
                faults.push(format!("it has {name}"));
            }
        }
        let fields = self.fields.iter().flat_map(|(name, value)| [name.as_str(), value]);
        for text in [self.method.as_str(), &self.target].into_iter().chain(fields) {
            if text.chars().any(|character| character.is_control() && character != '\t' && character < '\u{80}') {
                faults.push(format!("control characters in {}", text.escape_debug()));
            }
        }
        faults
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.body.chars().count()
    }

    /// Whether it has the field of an identity, in any spelling.
    pub(crate) fn claims_an_identity(&self) -> bool {
        let is_one = |name: &str| name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        self.fields.iter().any(|(name, _)| is_one(&name.to_ascii_lowercase()) == IDENTITY)
    }

    /// Whether the upstream would say that the path is below `folder`.
    pub(crate) fn is_below(&self, folder: &str) -> bool {
        let mut segments = Vec::new();
        for segment in self.path.split(|byte| matches!(byte, b'/' | b'\\')) {
            match segment {
                b"" | b"." => {}
                b".." => drop(segments.pop()),
                _ => segments.push(segment),
            }
        }
        segments.first().is_some_and(|first| *first == folder.as_bytes())
    }
}

/// The string of a member.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// A text of as many characters as there are bytes.
pub(crate) fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes of such a text.
pub(crate) fn to_latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).expect("a character is no byte")).collect()
}

/// Without escapes; what is no escape stays.
pub(crate) fn decode(path: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut bytes = path.as_bytes();
    while let [first, rest @ ..] = bytes {
        let escape = rest.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(byte);
            bytes = &rest[2..];
        } else {
            decoded.push(*first);
            bytes = rest;
        }
    }
    decoded
}
