//! Recognises RSA moduli of the Infineon library (ROCA, CVE-2017-15361), which can be factored.
//!
//! Its primes are `k·M + (65537^a mod M)`, where `M` is the product of the first 126 primes for keys of 2048 bits and
//! more. So the modulus is a power of 65537 modulo each of these primes. Where 65537 generates all residues that says
//! nothing; over all of them an innocent modulus passes by chance less than once in 2¹⁰⁰.

/// The last of the first 126 primes.
const LAST_PRIME: u32 = 701;
/// The base of the library's powers.
const GENERATOR: u32 = 65_537;

/// Whether the modulus, in big-endian bytes, is a power of 65537 modulo every one of the primes.
pub(super) fn is_weak(modulus: &[u8]) -> bool {
    (2..=LAST_PRIME).filter(|number| is_prime(*number)).all(|prime| is_power(remainder(modulus, prime), prime))
}

fn is_prime(number: u32) -> bool {
    (2..number).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
}

/// The big number modulo a small one, byte by byte.
fn remainder(number: &[u8], divisor: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % divisor)
}

/// Whether some power of the generator leaves this remainder: all of them are tried, there are less than the prime.
fn is_power(remainder: u32, prime: u32) -> bool {
    let powers = std::iter::successors(Some(1 % prime), |power| Some(power * (GENERATOR % prime) % prime));
    let distinct = usize::try_from(prime).unwrap_or_default();
    powers.take(distinct).any(|power| power == remainder)
}
