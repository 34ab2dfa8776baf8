//! Durations as CEL's `duration()` reads them: Go's `time.ParseDuration`.

/// Nanoseconds; `None` if the text is no duration or does not fit 63 bits, which is an error to Go too.
///
/// `[-+]?([0-9]*(\.[0-9]*)?[a-z]+)+`, with at least one digit in each number, or a bare `0`. Digits of a fraction below
/// a nanosecond are cut off.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, after) = unit(after)?;
        let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(part_of(unit, fraction)?)?;
        rest = after;
    }
    Some(sign * total)
}

/// The leading ASCII digits, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The nanoseconds of the leading unit, and what follows it.
fn unit(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|character: char| character == '.' || character.is_ascii_digit()).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let nanoseconds = match name {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    Some((nanoseconds, rest))
}

/// This fraction of a unit, given by the digits after the point; those after the eighteenth are less than a nanosecond.
fn part_of(unit: i64, fraction: &str) -> Option<i64> {
    let kept = fraction.get(..fraction.len().min(18))?;
    if kept.is_empty() {
        return Some(0);
    }
    let scale = 10_i128.checked_pow(u32::try_from(kept.len()).ok()?)?;
    i64::try_from(i128::from(unit) * kept.parse::<i128>().ok()? / scale).ok()
}
