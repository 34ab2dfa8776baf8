//! A Secret: its members as bytes that wipe themselves.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use super::{Metadata, null_is_empty};
use crate::secret;

/// A Secret of the core group. Like the bytes that it holds, it cannot be printed or copied.
#[derive(Deserialize)]
#[serde(from = "Written")]
pub struct Secret {
    /// What it says about itself.
    pub metadata: Metadata,
    /// Its type, such as `bearward.dev/api-key`; `Opaque` where it does not say.
    pub kind: String,
    /// Its members. Those that a file wrote as `stringData` are here too, in place of `data` of the same name, as the
    /// API server would put them.
    pub data: BTreeMap<String, secret::Secret>,
}

/// A Secret as JSON has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    metadata: Metadata,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    data: BTreeMap<String, Encoded>,
    #[serde(default, deserialize_with = "null_is_empty")]
    string_data: BTreeMap<String, Plain>,
}

struct Encoded(secret::Secret);

struct Plain(secret::Secret);

impl From<Written> for Secret {
    fn from(written: Written) -> Self {
        let mut data: BTreeMap<_, _> = written.data.into_iter().map(|(name, Encoded(bytes))| (name, bytes)).collect();
        data.extend(written.string_data.into_iter().map(|(name, Plain(bytes))| (name, bytes)));
        Self { metadata: written.metadata, kind: written.kind.unwrap_or_else(|| "Opaque".to_owned()), data }
    }
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.map(Zeroizing::new).unwrap_or_default();
        // The error of the decoder would quote a byte of the text, so it is not passed on.
        let bytes = BASE64_STANDARD
            .decode(text.as_bytes())
            .map_err(|_| de::Error::custom(format_args!("expected base64 with padding, found {} bytes", text.len())))?;
        Ok(Self(secret::Secret::new(bytes)))
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        Ok(Self(secret::Secret::new(text.into_bytes())))
    }
}
