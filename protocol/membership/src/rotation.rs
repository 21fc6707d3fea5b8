//! From whom the membership group is drawn, and how much of it changes at a time.
//!
//! Specification of the membership service 4.3: a small group drawn from all servers fails now and
//! then, since too many bad ones are drawn by chance. An operator has three ways out: a larger
//! group, a *pool* of servers that are trusted more than others, and few *seats* that change per
//! epoch, so that a group that is good stays good for long. The last one gives an adversary that
//! much more time to go for the members who stay.

use alloc::vec::Vec;
use core::fmt;

use quorate_types::{NodeId, Resilience};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::POOL_SERVERS_MAX;

const POOL: Limit = Limit::new("servers of a pool", POOL_SERVERS_MAX);

/// The rule by which groups are drawn.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rotation {
    /// Who can be drawn, in ascending order of id, up to [`POOL_SERVERS_MAX`]; nothing: every
    /// server.
    pub pool: Option<Vec<NodeId>>,
    /// Most seats that are given to others with an epoch, as long as no more members have to leave;
    /// nothing: all of them.
    pub seats_max: Option<u16>,
}

/// Why groups cannot be drawn by a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RotationError {
    /// The servers of the pool are not in ascending order, or one is there twice.
    Order,
    /// The pool has fewer servers than a group has members.
    SmallPool {
        /// Servers that a group has.
        needed: usize,
        /// Servers in the pool.
        got: usize,
    },
    /// No seat would ever change hands.
    NoSeats,
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => f.write_str("a server of the pool is there twice, or out of order"),
            Self::SmallPool { needed, got } => {
                write!(f, "{got} servers in the pool, a group has {needed}")
            }
            Self::NoSeats => f.write_str("no seat would ever change hands"),
        }
    }
}

impl core::error::Error for RotationError {}

impl Rotation {
    /// Can groups of this size be drawn by it?
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, resilience: Resilience) -> Result<(), RotationError> {
        if self.seats_max == Some(0) {
            return Err(RotationError::NoSeats);
        }
        let Some(pool) = &self.pool else { return Ok(()) };
        if !pool.is_sorted_by(|left, right| left < right) {
            return Err(RotationError::Order);
        }
        let (needed, got) = (resilience.replicas(), pool.len());
        if got < needed {
            return Err(RotationError::SmallPool { needed, got });
        }
        Ok(())
    }

    /// Can this server be drawn?
    #[must_use]
    pub fn admits(&self, node: NodeId) -> bool {
        self.pool.as_ref().is_none_or(|pool| pool.binary_search(&node).is_ok())
    }

    /// How many members of a group of this size keep their seats at the least, if so many can.
    #[must_use]
    pub fn kept(&self, resilience: Resilience) -> usize {
        self.seats_max.map_or(0, |seats| resilience.replicas().saturating_sub(usize::from(seats)))
    }
}

impl Encode for Rotation {
    fn encode(&self, writer: &mut Writer) {
        self.pool.is_some().encode(writer);
        if let Some(pool) = &self.pool {
            writer.sequence(pool);
        }
        self.seats_max.encode(writer);
    }
}

impl Decode for Rotation {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let has_pool: bool = Decode::decode(reader)?;
        let pool = if has_pool { Some(reader.sequence(POOL)?) } else { None };
        Ok(Self { pool, seats_max: Decode::decode(reader)? })
    }
}

#[cfg(test)]
mod tests {
    //! A rule by which no group could be drawn is none.
    use std::vec::Vec;

    use quorate_types::{NodeId, Resilience};

    use super::{Rotation, RotationError};

    fn pool(ids: &[u8]) -> Rotation {
        let ids = ids.iter().map(|id| NodeId::new([*id; 32])).collect::<Vec<_>>();
        Rotation { pool: Some(ids), seats_max: None }
    }

    #[test]
    fn a_pool_is_in_order_and_has_servers_enough() {
        let four = Resilience::new(1).unwrap();
        assert_eq!(Rotation::default().check(four), Ok(()));
        assert_eq!(pool(&[1, 2, 3, 4]).check(four), Ok(()));
        assert_eq!(pool(&[1, 3, 2, 4]).check(four), Err(RotationError::Order));
        assert_eq!(pool(&[1, 2, 2, 4]).check(four), Err(RotationError::Order));
        let small = RotationError::SmallPool { needed: 4, got: 3 };
        assert_eq!(pool(&[1, 2, 3]).check(four), Err(small));
        let still = Rotation { pool: None, seats_max: Some(0) };
        assert_eq!(still.check(four), Err(RotationError::NoSeats));
    }

    #[test]
    fn who_is_not_in_the_pool_is_not_drawn() {
        let pool = pool(&[1, 2, 3, 4]);
        assert!(pool.admits(NodeId::new([3; 32])) && !pool.admits(NodeId::new([5; 32])));
        assert!(Rotation::default().admits(NodeId::new([5; 32])));
    }

    #[test]
    fn a_rule_is_read_as_it_was_written() {
        for rotation in [
            Rotation::default(),
            pool(&[1, 2, 3, 4]),
            Rotation { seats_max: Some(3), ..pool(&[1, 2, 3, 4]) },
        ] {
            let bytes = quorate_wire::encode(&rotation);
            assert_eq!(quorate_wire::decode(&bytes), Ok(rotation));
        }
    }
}
