//! Durations and sizes as resources write them, `1m30s` and `10Mi`, each with one parser.

use std::time::Duration;

use thiserror::Error;

/// Why a duration or size could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not of the form `^([0-9]+(ms|s|m|h))+$`.
    #[error("expected numbers with the units h, m, s or ms, such as 1m30s")]
    Duration,
    /// Not of the form `^[0-9]+(Ki|Mi|Gi)?$`.
    #[error("expected a whole number of bytes, or one with Ki, Mi or Gi, such as 10Mi")]
    Bytes,
    /// More than the type can hold.
    #[error("the number is too large")]
    TooLarge,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// Reads a duration of Gateway API's form (GEP-2257), without its bound of five digits: the API server's `duration()`
/// reads the same. Units may repeat and come in any order; there are no fractions and no days.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Duration);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = digits(rest).ok_or(QuantityError::Duration)?;
        let (unit, after) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
            .into_iter()
            .find_map(|(name, millis)| Some((millis, after.strip_prefix(name)?)))
            .ok_or(QuantityError::Duration)?;
        let millis = number?.checked_mul(unit).ok_or(QuantityError::TooLarge)?;
        total = total.checked_add(Duration::from_millis(millis)).ok_or(QuantityError::TooLarge)?;
        rest = after;
    }
    Ok(total)
}

/// Reads a size: a whole number of bytes, or of KiB, MiB or GiB.
pub fn parse_bytes(text: &str) -> Result<Bytes, QuantityError> {
    let (number, unit) = digits(text).ok_or(QuantityError::Bytes)?;
    let factor: u64 = match unit {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return Err(QuantityError::Bytes),
    };
    number?.checked_mul(factor).map(Bytes).ok_or(QuantityError::TooLarge)
}

/// The leading ASCII digits as a number, and what follows; `None` where there are none.
fn digits(text: &str) -> Option<(Result<u64, QuantityError>, &str)> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end).filter(|(number, _)| !number.is_empty())?;
    Some((number.parse().map_err(|_| QuantityError::TooLarge), rest))
}
