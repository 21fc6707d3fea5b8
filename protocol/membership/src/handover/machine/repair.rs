//! A recipient that was cheated is made whole by the others.
//!
//! Settled point 5: a complaint never removes a dealing, it only starts repair; and only about a
//! dealing that the log chose, by the recipient that it concerns. Whoever finds the complaint right
//! tells the one that was cheated its own subshare of that one dealing, over a link that only the
//! two can read.

use alloc::vec::Vec;

use quorate_threshold::{COMPLAINT_BYTES, Complaint, EncryptionKey, ShareIndex, Subshare, Verdict};
use quorate_types::NodeId;

use super::receive::Inside;
use super::{Handover, Topic, Turn};
use crate::handover::dealing::ChosenDealing;
use crate::handover::message::{DealingName, Grievance, Help, Message};

impl Handover {
    pub(super) fn complain(
        &mut self,
        turn: &mut Turn<'_>,
        about: DealingName,
        complaint: [u8; COMPLAINT_BYTES],
    ) {
        if !self.says(Topic::Grievance(about.dealer)) {
            return;
        }
        turn.mark("handover.complained");
        let seats = self.attempt().into_iter().flat_map(|attempt| &attempt.seats);
        let others = seats.map(|seat| seat.node).filter(|node| *node != self.setup.me);
        let others: Vec<_> = others.collect();
        for node in others {
            turn.send(node, Message::Grievance(Grievance { about, complaint }));
        }
    }

    pub(super) fn on_grievance(&mut self, turn: &mut Turn<'_>, from: NodeId, said: &Grievance) {
        let Some(is_cheated) = self.judge(turn, from, said) else {
            return turn.mark("handover.grievance_ignored");
        };
        if !is_cheated {
            return turn.mark("handover.grievance_unfounded");
        }

        let held = self.receiving.held.get(&said.about.dealer);
        if let Some(Inside::Subshare(subshare)) = held.map(|held| &held.inside) {
            let help = Help { about: said.about, subshare: *subshare.encode() };
            turn.mark("handover.helped");
            turn.send(from, Message::Help(help));
        }
    }

    /// Did the dealer cheat the one who says so? None: this server cannot tell, or need not.
    fn judge(&mut self, turn: &mut Turn<'_>, from: NodeId, said: &Grievance) -> Option<bool> {
        let dealer = said.about.dealer;
        let recipient = self.recipient(from, said.about)?;
        if let Some(known) = self.receiving.judged.get(&(dealer, recipient)) {
            return Some(*known);
        }
        let complaint = Complaint::decode(&said.complaint).ok()?;
        if complaint.recipient() != recipient {
            return None;
        }
        let keys = self.attempt()?.seats.get(usize::from(recipient.get()) - 1)?.keys?;
        let key = EncryptionKey::decode_vouched(&keys.encryption_key.0).ok()?;
        let held = self.receiving.held.get(&dealer).filter(|held| self.is_in_choice(held))?;
        let verdict = complaint.judge(&held.checked, &held.sealed, &key).ok()?;
        let is_cheated = verdict == Verdict::DealerLied;
        let published = is_cheated.then(|| held.published.clone());
        self.receiving.judged.insert((dealer, recipient), is_cheated);
        if let Some(published) = published {
            self.expose(turn, &published, said.complaint);
        }
        Some(is_cheated)
    }

    fn is_in_choice(&self, held: &super::receive::Held) -> bool {
        let mut choice = self.choice().unwrap_or_default().iter();
        choice.any(|chosen: &ChosenDealing| held.is(chosen))
    }

    /// The index of a recipient of this attempt.
    fn recipient(&self, from: NodeId, about: DealingName) -> Option<ShareIndex> {
        let session = self.session()?;
        let is_of_this = session.as_bytes() == about.session.as_bytes();
        self.attempt()?.index_of(from).filter(|_| is_of_this)
    }

    pub(super) fn on_help(&mut self, turn: &mut Turn<'_>, from: NodeId, help: &Help) {
        let dealer = help.about.dealer;
        let (Some(helper), Some((_, me))) = (self.recipient(from, help.about), self.seat()) else {
            return turn.mark("handover.help_unasked");
        };
        let Some(held) = self.receiving.held.get_mut(&dealer) else {
            return turn.mark("handover.help_unasked");
        };
        let subshare = Subshare::decode(&help.subshare).ok();
        let is_right = |it: &Subshare| held.checked.check_subshare(helper, it).is_ok();
        let is_due = matches!(held.inside, Inside::Cheated(_));
        let Some(subshare) = subshare.filter(is_right).filter(|_| is_due) else {
            return turn.mark("handover.help_rejected");
        };

        let known = self.receiving.help.entry(dealer).or_default();
        known.retain(|other| other.recipient() != helper);
        known.push(subshare);
        if let Ok(repaired) = held.checked.repair(me, known) {
            turn.mark("handover.repaired");
            held.inside = Inside::Subshare(repaired);
            self.receiving.help.remove(&dealer);
        }
    }
}
