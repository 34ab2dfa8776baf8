//! The checksum of our own credentials: CRC-32 (ISO 3309, as in zip and Ethernet) as six digits of base 62.

/// How many digits it has: 62⁶ is more than 2³².
pub(in crate::jose) const LENGTH: usize = 6;
/// The digits in order of value.
pub(super) const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// The checksum of everything before it, most significant digit first.
pub(crate) fn of(text: &str) -> String {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [0; LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = rest % 62;
        rest /= 62;
    }
    digits.into_iter().filter_map(digit).collect()
}

/// The character of a value below 62.
pub(super) fn digit(value: u32) -> Option<char> {
    usize::try_from(value).ok().and_then(|index| DIGITS.get(index)).copied().map(char::from)
}

/// Bit by bit: a key has 60 bytes, so a table would save less than it costs to read.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_check_value_of_crc_32_comes_out() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }
}
