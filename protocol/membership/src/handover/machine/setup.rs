//! What a participant is started with.

use alloc::sync::Arc;
use core::fmt;

use quorate_crypto::Signer;
use quorate_threshold::{DecryptionKey, KeyShare, PublicKey, Seed};
use quorate_types::{Configuration, Duration, NodeId};

use crate::handover::deposit::Deposit;
use crate::schemes::Schemes;
use crate::shortlist::Shortlist;

/// What a member of the epoch that ends holds.
#[derive(Debug)]
pub struct MemberSecrets {
    /// Signs with the key of the epoch.
    pub signer: Arc<dyn Signer>,
    /// Its share of the system's key; none while the system is being founded.
    pub share: Option<Arc<KeyShare>>,
    /// Uniform secret bytes, fresh for the epoch and durable: all its dealings follow from them.
    pub seed: Seed,
}

/// A server's keys of the next epoch, durable before they are given here.
#[derive(Debug)]
pub struct NextKeys {
    /// Signs with the key of the next epoch.
    pub signer: Arc<dyn Signer>,
    /// What it deposits; none behind a crash if what opens dealings was erased before: then nobody
    /// waits for a deposit any more.
    pub deposit: Option<Deposit>,
    /// Opens what dealers seal for it, until its share is there (MEM-75).
    pub decryption_key: Option<DecryptionKey>,
}

/// How long things take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How long an epoch lasts.
    pub length: Duration,
    /// How long a founding waits for founders that are not there, if it can do without them.
    pub patience: Duration,
    /// With so many changes waiting it ends before its time.
    pub change_count_max: u32,
    /// Wait before what is not settled is said again.
    pub repeat: Duration,
    /// The same, while nothing but deposits is under way.
    pub repeat_idle: Duration,
    /// How long the first attempt may take; each later one twice as long.
    pub attempt: Duration,
}

/// What a participant is started with.
pub struct Setup {
    /// The configuration of the epoch that ends.
    pub configuration: Arc<Configuration>,
    /// Who brings keys to that epoch.
    pub shortlist: Shortlist,
    /// The system's key; none while the system is being founded.
    pub system_key: Option<PublicKey>,
    /// This server.
    pub me: NodeId,
    /// If it is a member of the epoch's group.
    pub member: Option<MemberSecrets>,
    /// Its keys of the next one, with which it can be drawn.
    pub next: Option<NextKeys>,
    /// What it checks with.
    pub schemes: Schemes,
    /// How long things take.
    pub policy: Policy,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setup({}, {:?})", self.me, self.configuration.epoch)
    }
}
