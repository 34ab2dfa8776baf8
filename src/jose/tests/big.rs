//! Just enough arithmetic with large natural numbers to make the keys and signatures that no library makes.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::suspicious_arithmetic_impl,
    reason = "limbs are cut and carried on purpose"
)]

use std::ops::{Add, Mul};

/// A natural number in limbs of 64 bits, the least first, none of them needless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural {
    limbs: Vec<u64>,
}

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        Self { limbs: vec![value] }.trimmed()
    }
}

impl Natural {
    pub(super) fn from_be_bytes(bytes: &[u8]) -> Self {
        let limb = |chunk: &[u8]| chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
        Self { limbs: bytes.rchunks(8).map(limb).collect() }.trimmed()
    }

    /// Without zeros in front.
    pub(super) fn to_be_bytes(&self) -> Vec<u8> {
        let bytes: Vec<u8> = self.limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes[zeros..].to_vec()
    }

    pub(super) fn pow(&self, exponent: u32) -> Self {
        (0..exponent).fold(Self::from(1), |power, _| &power * self)
    }

    /// This to the power of the exponent, modulo an odd number that is more than half of this (Montgomery's
    /// multiplication).
    pub(super) fn pow_mod(&self, exponent: &Self, modulus: &Self) -> Self {
        let montgomery = Montgomery::new(modulus);
        let one = montgomery.shifted(Self::from(1), 64 * modulus.limbs.len());
        let base = montgomery.shifted(montgomery.reduced(self.clone()), 64 * modulus.limbs.len());
        let mut power = one;
        for limb in exponent.limbs.iter().rev() {
            for bit in (0..64).rev() {
                power = montgomery.multiply(&power, &power);
                if limb >> bit & 1 == 1 {
                    power = montgomery.multiply(&power, &base);
                }
            }
        }
        montgomery.multiply(&power, &Self::from(1))
    }

    fn limb(&self, index: usize) -> u64 {
        if index < self.limbs.len() { self.limbs[index] } else { 0 }
    }

    fn is_less(&self, other: &Self) -> bool {
        let length = self.limbs.len().max(other.limbs.len());
        let differing = (0..length).rev().find(|index| self.limb(*index) != other.limb(*index));
        differing.is_some_and(|index| self.limb(index) < other.limb(index))
    }

    /// This less a number that is not larger.
    fn less(&self, other: &Self) -> Self {
        let mut borrow = false;
        let limbs = (0..self.limbs.len()).map(|index| {
            let (difference, first) = self.limb(index).overflowing_sub(other.limb(index));
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            difference
        });
        Self { limbs: limbs.collect() }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        self
    }
}

impl Add for &Natural {
    type Output = Natural;

    fn add(self, other: Self) -> Natural {
        let mut carry = 0;
        let length = self.limbs.len().max(other.limbs.len()) + 1;
        let limbs = (0..length).map(|index| {
            let sum = u128::from(self.limb(index)) + u128::from(other.limb(index)) + carry;
            carry = sum >> 64;
            sum as u64
        });
        Natural { limbs: limbs.collect() }.trimmed()
    }
}

impl Mul for &Natural {
    type Output = Natural;

    fn mul(self, other: Self) -> Natural {
        let mut limbs = vec![0; self.limbs.len() + other.limbs.len()];
        for (shift, factor) in self.limbs.iter().enumerate() {
            add_product(&mut limbs[shift..], *factor, other);
        }
        Natural { limbs }.trimmed()
    }
}

struct Montgomery<'m> {
    modulus: &'m Natural,
    /// −1 divided by the modulus, modulo 2⁶⁴.
    inverse: u64,
}

impl<'m> Montgomery<'m> {
    fn new(modulus: &'m Natural) -> Self {
        let lowest = modulus.limbs[0];
        // Newton's iteration doubles the number of right bits, from three.
        let inverse =
            (0..6).fold(lowest, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(inverse))));
        Self { modulus, inverse: inverse.wrapping_neg() }
    }

    /// The number times so many powers of two.
    fn shifted(&self, number: Natural, bits: usize) -> Natural {
        (0..bits).fold(number, |number, _| self.reduced(&number + &number))
    }

    fn reduced(&self, number: Natural) -> Natural {
        if number.is_less(self.modulus) { number } else { number.less(self.modulus) }
    }

    /// The product, divided by 2⁶⁴ for each limb of the modulus.
    fn multiply(&self, one: &Natural, other: &Natural) -> Natural {
        let length = self.modulus.limbs.len();
        let mut sum = vec![0_u64; length + 2];
        for index in 0..length {
            let factor = one.limb(index);
            add_product(&mut sum, factor, other);
            let quotient = sum[0].wrapping_mul(self.inverse);
            add_product(&mut sum, quotient, self.modulus);
            sum.rotate_left(1);
        }
        self.reduced(Natural { limbs: sum }.trimmed())
    }
}

/// Adds so many times the other number; the sum has room for it. Plain loops, because tests are built unoptimised.
fn add_product(sum: &mut [u64], factor: u64, other: &Natural) {
    let mut carry = 0_u64;
    let mut index = 0;
    while index < other.limbs.len() || (carry > 0 && index < sum.len()) {
        let total = u128::from(sum[index]) + u128::from(factor) * u128::from(other.limb(index)) + u128::from(carry);
        sum[index] = total as u64;
        carry = (total >> 64) as u64;
        index += 1;
    }
}

/// The product of the first primes.
pub(super) fn primorial(count: usize) -> Natural {
    let is_prime = |number: &u64| (2..*number).all(|divisor| !number.is_multiple_of(divisor));
    (2..).filter(is_prime).take(count).fold(Natural::from(1), |product, prime| &product * &Natural::from(prime))
}

#[test]
fn the_arithmetic_is_right() {
    let number = |text: &[u8]| Natural::from_be_bytes(text);
    let prime = number(&[&[0x7f], [0xff; 30].as_slice(), &[0xed]].concat());
    let (three, less_one) = (Natural::from(3), prime.less(&Natural::from(1)));
    assert_eq!(three.pow_mod(&less_one, &prime), Natural::from(1), "Fermat, for 2^255 - 19");
    assert_eq!(three.pow_mod(&Natural::from(20), &prime), Natural::from(3_486_784_401));
    assert_eq!(primorial(10), Natural::from(6_469_693_230));
    assert_eq!(Natural::from(65_537).pow(3), Natural::from(281_487_861_809_153));
    assert_eq!(number(&[1, 2, 3, 4, 5]).to_be_bytes(), [1, 2, 3, 4, 5]);
}
