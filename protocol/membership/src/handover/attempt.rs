//! One attempt at dealing the system's key to a group: who gets shares, and what names it.
//!
//! Settled points 14, 27, 33.

use alloc::vec::Vec;

use quorate_crypto::{Domain, hash};
use quorate_threshold::{EncryptionKey, Parameters, Rejected, Session, ShareIndex};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Epoch, NodeId, PublicKey, Resilience, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::deposit::EncryptionKeyBytes;

const SEATS: Limit = Limit::new("seats of a group", REPLICAS_MAX);

/// The keys that a server deposited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeatKeys {
    /// Signs in the next epoch.
    pub epoch_key: PublicKey,
    /// Subshares are sealed with it.
    pub encryption_key: EncryptionKeyBytes,
}

/// A place in the next group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seat {
    /// The server.
    pub node: NodeId,
    /// Its keys. A server without is as good as silent; only a group that has to stay because
    /// there are too few candidates can have one.
    pub keys: Option<SeatKeys>,
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Its number, from 0, over all attempts of the epoch.
    pub number: u32,
    /// Bad members that the next group tolerates.
    pub resilience: Resilience,
    /// The next group, in the order of share indices.
    pub seats: Vec<Seat>,
}

/// What a session of dealings is about.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The system.
    pub system: SystemId,
    /// The epoch that begins.
    pub epoch: Epoch,
    /// The system's key; none while it is being made.
    pub system_key: Option<quorate_threshold::PublicKey>,
}

/// The size of the sharing among a group: `f + 1` shares sign.
///
/// # Panics
/// Never: a group has at most 64 members.
#[must_use]
pub fn parameters(resilience: Resilience) -> Parameters {
    let number = |count: usize| u16::try_from(count).expect("at most 64 members");
    let (needed, shares) = (resilience.weak_quorum(), resilience.replicas());
    Parameters::new(number(needed), number(shares)).expect("f + 1 is at most 3f + 1")
}

impl Attempt {
    /// Names the attempt in every dealing: the same for all dealers, different for all attempts.
    #[must_use]
    pub fn session(&self, occasion: &Occasion) -> Session {
        let mut writer = Writer::with_capacity(4096);
        occasion.system.encode(&mut writer);
        occasion.epoch.encode(&mut writer);
        occasion.system_key.is_some().encode(&mut writer);
        if let Some(key) = &occasion.system_key {
            writer.raw(key.as_bytes());
        }
        self.encode(&mut writer);
        Session::new(*hash(Domain::HandoverSession, writer.as_bytes()).as_bytes())
    }

    /// The size of the next sharing.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        parameters(self.resilience)
    }

    /// The index of a server's share, if it gets one.
    #[must_use]
    pub fn index_of(&self, node: NodeId) -> Option<ShareIndex> {
        let place = self.seats.iter().position(|seat| seat.node == node)?;
        let index = u16::try_from(place + 1).expect("at most 64 members");
        Some(ShareIndex::new(index).expect("from 1 to 64"))
    }

    /// The key under which a recipient signs.
    #[must_use]
    pub fn key_of(&self, node: NodeId) -> Option<PublicKey> {
        let seat = self.seats.iter().find(|seat| seat.node == node)?;
        seat.keys.map(|keys| keys.epoch_key)
    }

    /// What dealers seal with, in the order of share indices. The log has checked the proofs.
    ///
    /// # Errors
    /// What a point may be refused for: the log did not check, so it is not to be believed.
    pub fn encryption_keys(&self) -> Result<Vec<Option<EncryptionKey>>, Rejected> {
        let keys = self.seats.iter().map(|seat| seat.keys);
        keys.map(|keys| {
            keys.map(|keys| EncryptionKey::decode_vouched(&keys.encryption_key.0)).transpose()
        })
        .collect()
    }
}

quorate_wire::fields!(SeatKeys { epoch_key, encryption_key });
quorate_wire::fields!(Seat { node, keys });

impl Encode for Attempt {
    fn encode(&self, writer: &mut Writer) {
        self.number.encode(writer);
        self.resilience.encode(writer);
        writer.sequence(&self.seats);
    }
}

impl Decode for Attempt {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: Decode::decode(reader)?,
            resilience: Decode::decode(reader)?,
            seats: reader.sequence(SEATS)?,
        })
    }
}
