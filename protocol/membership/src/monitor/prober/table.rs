//! What a prober knows of each server: 64 bytes in one row, no timer and no allocation.

use alloc::vec::Vec;

use quorate_types::{Configuration, Instant, MemberRecord, MemberStatus, NodeId, PublicKey};

use crate::monitor::observation::Verdict;

/// A probe that was sent and not settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    /// None.
    Nothing,
    /// Any answer counts.
    Plain,
    /// Only a signature counts.
    Signed,
}

/// One server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The key that it showed a certificate for, where the configuration names none.
    pub(super) shown_key: Option<PublicKey>,
    /// When it was asked last.
    pub(super) sent_at: Instant,
    /// Makes its tickets differ from each other.
    pub(super) number: u32,
    /// Misses in a row.
    pub(super) missed: u16,
    /// Answers in a row.
    pub(super) answered: u16,
    /// How long the run of misses or answers was when it was last stated; 0 if it was not.
    pub(super) stated: u16,
    /// What this member said of it last, and the log may still have.
    pub(super) said: Option<Verdict>,
    /// Whether the log has a proof that it lied.
    pub(super) is_convicted: bool,
    /// What was asked last.
    pub(super) sent: Sent,
    /// What another member said of it, while it may still be agreed to.
    pub(super) heard: Option<Verdict>,
    /// Whether it has duties, or is in the system no more.
    pub(super) status: MemberStatus,
}

const _: () = assert!(size_of::<Row>() <= 64, "a row is small");

impl Row {
    fn of(record: &MemberRecord) -> Self {
        Self {
            shown_key: None,
            sent_at: Instant::ZERO,
            number: 0,
            missed: 0,
            answered: 0,
            stated: 0,
            said: None,
            is_convicted: false,
            sent: Sent::Nothing,
            heard: None,
            status: record.status,
        }
    }

    /// Whether it has duties.
    pub(super) fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    /// One more miss.
    pub(super) const fn miss(&mut self) {
        if self.missed == 0 {
            self.stated = 0;
        }
        (self.missed, self.answered) = (self.missed.saturating_add(1), 0);
        self.sent = Sent::Nothing;
    }

    /// One more answer.
    pub(super) const fn hear(&mut self) {
        if self.answered == 0 {
            self.stated = 0;
        }
        (self.missed, self.answered) = (0, self.answered.saturating_add(1));
        self.sent = Sent::Nothing;
    }

    /// Whether a run of this length was not stated for so many periods.
    pub(super) const fn is_news(&self, length: u16, restate_every: u16) -> bool {
        self.stated == 0 || length.saturating_sub(self.stated) >= restate_every
    }

    /// Whether an answer proves something only with a signature: in a run of misses, and of who is
    /// to be brought back. A plain answer can be given by anybody at the address.
    pub(super) fn needs_proof(&self) -> bool {
        self.missed > 0 || !self.is_active()
    }
}

/// The rows in the order of the configuration's members.
pub(super) fn rows(
    configuration: &Configuration,
    known: impl Fn(NodeId) -> Option<Row>,
) -> Vec<Row> {
    let row = |record: &MemberRecord| {
        let fresh = Row::of(record);
        match known(record.id) {
            // What was counted of an active server says nothing of an inactive one.
            Some(row) if row.status == fresh.status => {
                let Row { missed, answered, number, is_convicted, .. } = row;
                Row { missed, answered, number, is_convicted, ..fresh }
            }
            Some(Row { is_convicted, .. }) => Row { is_convicted, ..fresh },
            None => fresh,
        }
    };
    configuration.members.iter().map(|record| row(record)).collect()
}
