//! How many servers off the shortlist get another root with an epoch.
//!
//! A root is named with a deposit, and costs the log 2 KB and every server some 150 bytes. So that
//! servers which name one in each epoch cannot make these grow with their number, an epoch takes so
//! many and no more. Whoever is on the shortlist, or in the group, is not counted: it brings its
//! keys anyway, and is one of about a thousand.
//!
//! # Whose root is taken
//! ```text
//! root replaced less than 256 epochs ago     while fewer than 1/16 of the quota were named
//! otherwise, tree not in its last quarter    while fewer than 1/2
//! otherwise                                  while fewer than all
//! ```
//! So half of it is for trees in their last quarter alone. There a server names its root by
//! itself, with 512 epochs left (`ROOT_EPOCHS_DEFAULT`, and up to a sixth later). A bad server
//! can have a tree made that looks old, and be in its last quarter at once; but the record says
//! when its root was replaced, so it is there once in [`ROOT_REST_EPOCHS`] epochs. Of `N`
//! servers, a third of them bad, these name `N / 768` in an epoch, and the good ones as many; the
//! quota is `N / 128` or more. If all bad ones come at once, others wait 43 epochs, or twice that
//! where members have passed on roots that the log then refused. Whoever needs another root
//! sooner, because its tree was stolen, shares the rest with bad servers that have not asked for
//! long; and so does, in the smallest part, whoever has just got one. Nobody is
//! kept out for good: the lot puts every active server on a shortlist now and then.
//!
//! Invariants: MEM-72.

use quorate_types::{Epoch, LaterRoot};

use crate::epoch_key::EpochKeyCertificate;
use crate::identity::IDENTITY_EPOCHS;
use crate::limits::{
    ROOT_EPOCHS_DEFAULT, ROOT_REST_EPOCHS, ROOTS_AGAIN_PART, ROOTS_EARLY_PART, ROOTS_MAX,
    ROOTS_ONE_IN,
};

/// From so many epochs of a tree on it is in its last quarter.
const LATE_EPOCHS: u64 = IDENTITY_EPOCHS as u64 / 4 * 3;

const _: () = assert!(
    LATE_EPOCHS <= ROOT_EPOCHS_DEFAULT as u64,
    "who names a root when it is time to is in the last quarter of its tree"
);
const _: () = assert!(
    ROOT_REST_EPOCHS == IDENTITY_EPOCHS as u64 / 16,
    "a root that was just replaced is replaced again only for want of others who ask"
);

/// How much a server needs the root that it names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum RootNeed {
    /// Its root was replaced a short while ago.
    Again,
    /// Its tree has long to go.
    Early,
    /// Its tree is in its last quarter.
    Pressing,
}

impl RootNeed {
    /// The need of an identity that has this root, if not its first one, and names another in a
    /// certificate of the next epoch. The certificate is by the root that it has, or nothing.
    pub(crate) fn of(later_root: Option<LaterRoot>, certificate: &EpochKeyCertificate) -> Self {
        let since = |since: Epoch| certificate.statement.epoch.get().saturating_sub(since.get());
        if later_root.is_some_and(|later| since(later.since) < ROOT_REST_EPOCHS) {
            Self::Again
        } else if certificate.passed() < LATE_EPOCHS {
            Self::Early
        } else {
            Self::Pressing
        }
    }
}

/// MEM-72: how many roots servers off the shortlist name with an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RootQuota {
    max: u64,
}

impl RootQuota {
    /// The quota of an epoch that has so many members.
    pub(crate) fn of(member_count: u64) -> Self {
        Self { max: ROOTS_MAX.max(member_count / ROOTS_ONE_IN) }
    }

    /// Is there room for one more, where so many have been named?
    pub(crate) const fn takes(self, named_count: u64, need: RootNeed) -> bool {
        let part = match need {
            RootNeed::Again => ROOTS_AGAIN_PART,
            RootNeed::Early => ROOTS_EARLY_PART,
            RootNeed::Pressing => 1,
        };
        named_count < self.max / part
    }
}

#[cfg(test)]
mod tests;
