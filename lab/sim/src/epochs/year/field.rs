//! Numbers modulo the order of the groups of BLS12-381, for somebody who interpolates: slow, small,
//! and nothing of the code that is under test.

use std::collections::BTreeMap;

/// A number, the lowest word first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Number([u64; 4]);

/// The order: 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001.
const ORDER: Number = Number([
    0xffff_ffff_0000_0001,
    0x53bd_a402_fffe_5bfe,
    0x3339_d808_09a1_d805,
    0x73ed_a753_299d_7d48,
]);

impl Number {
    pub(super) const ZERO: Self = Self([0; 4]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0]);

    pub(super) const fn small(value: u64) -> Self {
        Self([value, 0, 0, 0])
    }

    /// Reads 32 bytes, the highest first; they must be below the order.
    pub(super) fn read(bytes: &[u8; 32]) -> Self {
        let word = |place: usize| {
            let word = bytes[24 - 8 * place..].first_chunk().expect("32 bytes have four words");
            u64::from_be_bytes(*word)
        };
        Self(std::array::from_fn(word))
    }

    /// 32 bytes, the highest first.
    pub(super) fn write(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, word) in self.0.iter().rev().enumerate() {
            bytes[8 * place..8 * place + 8].copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    fn raw_add(self, other: Self) -> Self {
        let mut carry = false;
        Self(std::array::from_fn(|place| {
            let (sum, first) = self.0[place].overflowing_add(other.0[place]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            sum
        }))
    }

    fn raw_sub(self, other: Self) -> Self {
        let mut borrow = false;
        Self(std::array::from_fn(|place| {
            let (rest, first) = self.0[place].overflowing_sub(other.0[place]);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            rest
        }))
    }

    fn is_below(self, other: Self) -> bool {
        self.0.iter().rev().lt(other.0.iter().rev())
    }

    /// The sum; the order has 255 bits, so that nothing is carried out of 256.
    pub(super) fn add(self, other: Self) -> Self {
        let sum = self.raw_add(other);
        if sum.is_below(ORDER) { sum } else { sum.raw_sub(ORDER) }
    }

    pub(super) fn sub(self, other: Self) -> Self {
        if self.is_below(other) { self.raw_add(ORDER).raw_sub(other) } else { self.raw_sub(other) }
    }

    /// The product, by doubling.
    pub(super) fn mul(self, other: Self) -> Self {
        let mut product = Self::ZERO;
        for word in other.0.iter().rev() {
            for bit in (0..64).rev() {
                product = product.add(product);
                if word >> bit & 1 == 1 {
                    product = product.add(self);
                }
            }
        }
        product
    }

    /// One through it, by Fermat's little theorem.
    pub(super) fn inverse(self) -> Self {
        let exponent = ORDER.raw_sub(Self::small(2));
        let mut power = Self::ONE;
        for word in exponent.0.iter().rev() {
            for bit in (0..64).rev() {
                power = power.mul(power);
                if word >> bit & 1 == 1 {
                    power = power.mul(self);
                }
            }
        }
        power
    }
}

/// The value at zero of the polynomial through these points, whose places differ; with the weights
/// of the places that are known already.
pub(super) fn interpolate(points: &[(u16, Number)], known: &mut Weights) -> Number {
    let places: Vec<u16> = points.iter().map(|(place, _)| *place).collect();
    let weights = known
        .entry(places)
        .or_insert_with_key(|places| places.iter().map(|place| weight(*place, places)).collect());
    let weighted = weights.iter().zip(points).map(|(weight, (_, value))| weight.mul(*value));
    weighted.fold(Number::ZERO, Number::add)
}

/// By places: with how much the value at each counts at zero.
pub(super) type Weights = BTreeMap<Vec<u16>, Vec<Number>>;

/// With how much the value at one of these places counts at zero.
pub(super) fn weight(place: u16, places: &[u16]) -> Number {
    let mine = Number::small(u64::from(place));
    let others = places.iter().filter(|other| **other != place);
    let others = others.map(|other| Number::small(u64::from(*other)));
    let (above, below) = others.fold((Number::ONE, Number::ONE), |(above, below), other| {
        (above.mul(other), below.mul(other.sub(mine)))
    });
    above.mul(below.inverse())
}
