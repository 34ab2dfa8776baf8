//! What one object says: its records, and the version of its last write.
//!
//! | member | what |
//! |---|---|
//! | `data.last` | the version of the last write of any record in it, in decimal digits |
//! | `binaryData.<key, in base64url>` | version and end (milliseconds since 1970), eight bytes each, the highest first; the value |
//!
//! An object that says anything else was edited by somebody, and nothing is made of it: who cannot tell whether a token was
//! revoked must not take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::k8s_openapi::ByteString;
use ::k8s_openapi::api::core::v1::ConfigMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::UnixTime;
use crate::store::table::{Bounds, Entry, Table};
use crate::store::{Record, Version};

/// How much one object holds: an API server takes 1 MiB of values.
pub(super) const BOUNDS: Bounds = Bounds { records: 4_096, bytes: 900 << 10 };

/// The member that has the version of the last write.
const LAST: &str = "last";

/// What an object says; of one that is not there, that it is empty. An error names the member that is broken.
pub(super) fn read(object: Option<&ConfigMap>, now: UnixTime) -> Result<Table, String> {
    let Some(object) = object else {
        // An object that was removed, and with it the version, does not give the same ones away again.
        return Ok(Table::new(BOUNDS, u64::try_from(now.millis()).unwrap_or(0)));
    };
    let last = object.data.as_ref().and_then(|data| data.get(LAST)?.parse().ok()).ok_or(LAST)?;
    let mut table = Table::new(BOUNDS, last);
    for (member, value) in object.binary_data.iter().flatten() {
        let (key, entry) = entry(member, value).ok_or_else(|| member.clone())?;
        table.load(key, entry);
    }
    if table.last() == last { Ok(table) } else { Err(LAST.to_owned()) }
}

/// The object with these records; what else it has (its resource version) stays.
pub(super) fn write(object: ConfigMap, table: &Table) -> ConfigMap {
    let member = |(key, entry): (&Arc<str>, &Entry)| {
        let Entry { record, until } = entry;
        let value = [&record.version.0.to_be_bytes()[..], &until.millis().to_be_bytes(), &record.value].concat();
        (URL_SAFE_NO_PAD.encode(&**key), ByteString(value))
    };
    ConfigMap {
        data: Some(BTreeMap::from([(LAST.to_owned(), table.last().to_string())])),
        binary_data: Some(table.iter().map(member).collect()),
        ..object
    }
}

fn entry(member: &str, value: &ByteString) -> Option<(Arc<str>, Entry)> {
    let key = String::from_utf8(URL_SAFE_NO_PAD.decode(member).ok()?).ok()?;
    let (version, rest) = value.0.split_first_chunk()?;
    let (until, value) = rest.split_first_chunk()?;
    let record = Record { value: value.to_vec().into(), version: Version(u64::from_be_bytes(*version)) };
    Some((key.into(), Entry { record, until: UnixTime::from_millis(i64::from_be_bytes(*until)) }))
}
