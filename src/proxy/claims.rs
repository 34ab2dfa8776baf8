//! What an upstream is told of the caller: claims as header fields.

use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::worker::Worker;
use crate::jose::Claims;
use crate::snapshot::ForwardedClaim;
use crate::telemetry::Event;

/// The most bytes of a claim that becomes a header.
const MAX_CLAIM_BYTES: usize = 1 << 10;

/// Sets the headers that carry claims. What could be misread in a header is left out, and counted.
pub(super) fn tell(worker: &Worker, told: &[ForwardedClaim], claims: &Claims, headers: &mut HeaderMap) {
    for told in told {
        let Some(claim) = claims.get(&told.claim) else { continue };
        match text(claim).and_then(|text| HeaderValue::try_from(text).ok()) {
            Some(value) => {
                headers.insert(told.header.clone(), value);
            }
            None => worker.counters().event(Event::ClaimDropped),
        }
    }
}

/// A claim as a header: strings as they are, numbers and booleans as text, lists joined by commas. `None` for objects,
/// nested lists, an item with a comma in it, anything but printable ASCII, more than a kilobyte, and texts with blanks
/// around them: who reads a header takes those off (RFC 9110, section 5.5), and `" admin"` would be `admin`.
pub(super) fn text(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::Array(items) => {
            let items: Option<Vec<_>> =
                items.iter().map(|item| scalar(item).filter(|text| !text.contains(','))).collect();
            items?.join(",")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => scalar(claim)?,
    };
    let is_plain = text.len() <= MAX_CLAIM_BYTES && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    is_plain.then_some(text)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (text.trim_ascii() == text).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
