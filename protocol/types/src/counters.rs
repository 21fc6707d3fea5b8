//! Numbers that count upwards and are never mixed up: epochs, views, slots, lane positions.

use core::fmt;

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The first value.
            pub const ZERO: Self = Self(0);

            /// Wraps a number read from outside the protocol.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The following value; stays at the maximum, which no correct participant reaches.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The preceding value, if there is one.
            #[must_use]
            pub const fn previous(self) -> Option<Self> {
                match self.0.checked_sub(1) {
                    Some(value) => Some(Self(value)),
                    None => None,
                }
            }

            /// This value moved forward by `count`; stays at the maximum.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }

            /// This value moved back by `count`; stays at zero.
            #[must_use]
            pub const fn minus(self, count: u64) -> Self {
                Self(self.0.saturating_sub(count))
            }

            /// How far this value is ahead of `other`; 0 if it is not.
            #[must_use]
            pub const fn since(self, other: Self) -> u64 {
                self.0.saturating_sub(other.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

counter!(
    /// A period with one configuration. Genesis is epoch 0.
    Epoch, "e"
);
counter!(
    /// A period of an epoch with one leader: replica `view mod n`.
    View, "v"
);
counter!(
    /// A position in the total order of cuts; slots are named together with their epoch.
    Slot, "s"
);
counter!(
    /// A position in the chain of batches of one lane in one epoch; 0 is the chain's origin.
    LaneSeq, "b"
);
counter!(
    /// The number that a client gives to a request of a session.
    RequestId, "r"
);
