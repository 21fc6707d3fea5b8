//! What the tests of this crate share: ready committees, and a naive second opinion on arithmetic.

use std::vec::Vec;

use crate::dealing::{Dealer, Dealt, Subshare};
use crate::group::GroupKey;
use crate::parameters::{Parameters, ShareIndex};
use crate::seed::{Seed, Session};
use crate::share::KeyShare;
use crate::sharing::Sharing;

/// Groups of 3f+1 with a threshold of f+1, for f of 1, 2 and 4.
pub(crate) const GROUPS: [(u16, u16); 3] = [(2, 4), (3, 7), (5, 13)];

pub(crate) fn index(number: u16) -> ShareIndex {
    ShareIndex::new(number).unwrap()
}

pub(crate) fn parameters(threshold: u16, share_count: u16) -> Parameters {
    Parameters::new(threshold, share_count).unwrap()
}

pub(crate) fn seed(byte: u8) -> Seed {
    Seed::new([byte; 32])
}

pub(crate) fn session(byte: u8) -> Session {
    Session::new([byte; 32])
}

/// A committee with its shares.
pub(crate) struct Committee {
    pub(crate) group: GroupKey,
    pub(crate) shares: Vec<KeyShare>,
}

pub(crate) fn deal_fresh(parameters: Parameters, dealer: u16) -> Dealt {
    let seed = seed(u8::try_from(dealer).unwrap());
    Dealer { seed: &seed, session: session(1), parameters }.deal_fresh(index(dealer))
}

/// The subshares for `recipient` out of all that was dealt.
pub(crate) fn subshares_for(recipient: ShareIndex, dealt: &[Dealt]) -> Vec<Subshare> {
    let all = dealt.iter().flat_map(|dealt| &dealt.subshares);
    let own = all.filter(|subshare| subshare.recipient() == recipient);
    own.map(|subshare| Subshare::decode(subshare.encode().as_ref()).unwrap()).collect()
}

pub(crate) fn assemble(sharing: &Sharing, dealt: &[Dealt]) -> Committee {
    let group = sharing.group_key().clone();
    let share =
        |recipient| sharing.assemble_share(recipient, &subshares_for(recipient, dealt)).unwrap();
    Committee { shares: group.parameters().indices().map(share).collect(), group }
}

/// A committee from one trusted dealer.
pub(crate) fn committee(threshold: u16, share_count: u16) -> Committee {
    let parameters = parameters(threshold, share_count);
    let dealt = deal_fresh(parameters, 1);
    let checked = dealt.dealing.clone().check_fresh(session(1), parameters).unwrap();
    assemble(&Sharing::fresh(std::vec![checked]).unwrap(), &[dealt])
}

/// Integers modulo the group order by schoolbook: nothing in common with the library.
pub(crate) mod naive {
    use std::vec::Vec;

    /// The group order, least limb first.
    const ORDER: [u64; 4] = [
        0xffff_ffff_0000_0001,
        0x53bd_a402_fffe_5bfe,
        0x3339_d808_09a1_d805,
        0x73ed_a753_299d_7d48,
    ];

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Number([u64; 4]);

    impl Number {
        pub(crate) fn small(value: u16) -> Self {
            Self([u64::from(value), 0, 0, 0])
        }

        pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
            let limb = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
            Self([limb(24), limb(16), limb(8), limb(0)])
        }

        pub(crate) fn to_bytes(self) -> Vec<u8> {
            self.0.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
        }

        pub(crate) fn add(self, right: Self) -> Self {
            // The order has 255 bits, so a sum of two reduced numbers does not overflow.
            let mut carry = false;
            let sum = core::array::from_fn(|at| {
                let (low, over) = self.0[at].overflowing_add(right.0[at]);
                let (low, again) = low.overflowing_add(u64::from(carry));
                carry = over || again;
                low
            });
            Self(sum).reduced()
        }

        pub(crate) fn sub(self, right: Self) -> Self {
            self.add(Self(ORDER).minus(right).0)
        }

        pub(crate) fn mul(self, right: Self) -> Self {
            let mut product = Self::small(0);
            for bit in (0..256).rev() {
                product = product.add(product);
                if right.0[bit / 64] >> (bit % 64) & 1 == 1 {
                    product = product.add(self);
                }
            }
            product
        }

        /// By Fermat: the power of the order minus two.
        pub(crate) fn invert(self) -> Self {
            let exponent = Self(ORDER).minus(Self::small(2)).0;
            let mut power = Self::small(1);
            for bit in (0..256).rev() {
                power = power.mul(power);
                if exponent.0[bit / 64] >> (bit % 64) & 1 == 1 {
                    power = power.mul(self);
                }
            }
            power
        }

        fn reduced(self) -> Self {
            let (less, borrowed) = self.minus(Self(ORDER));
            if borrowed { self } else { less }
        }

        fn minus(self, right: Self) -> (Self, bool) {
            let mut borrow = false;
            let difference = core::array::from_fn(|at| {
                let (low, under) = self.0[at].overflowing_sub(right.0[at]);
                let (low, again) = low.overflowing_sub(u64::from(borrow));
                borrow = under || again;
                low
            });
            (Self(difference), borrow)
        }
    }

    /// The value at zero of the polynomial through these points.
    pub(crate) fn interpolate(points: &[(u16, Number)]) -> Number {
        let mut sum = Number::small(0);
        for (own, value) in points {
            let (mut numerator, mut denominator) = (*value, Number::small(1));
            for (other, _value) in points.iter().filter(|(other, _value)| other != own) {
                let other = Number::small(*other);
                numerator = numerator.mul(other);
                denominator = denominator.mul(other.sub(Number::small(*own)));
            }
            sum = sum.add(numerator.mul(denominator.invert()));
        }
        sum
    }
}
