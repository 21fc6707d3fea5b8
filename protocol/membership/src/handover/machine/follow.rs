//! What the log says: from the own replica, or from `f + 1` members that tell alike.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_threshold::{Commitment, GroupKey, KeyShare};
use quorate_types::NodeId;

use super::{Handover, Output, Topic, Turn};
use crate::handover::attempt::{Attempt, Occasion, parameters};
use crate::handover::message::Message;
use crate::handover::stage::{News, Stage, Underway};

impl Handover {
    pub(super) fn on_own_news(&mut self, turn: &mut Turn<'_>, news: News) {
        if !self.is_about_this_epoch(&news) {
            return turn.mark("handover.news_of_another_epoch");
        }
        let news = Arc::new(news);
        self.own = Some(Arc::clone(&news));
        self.believe(turn, news);
    }

    pub(super) fn on_claim(&mut self, turn: &mut Turn<'_>, from: NodeId, news: News) {
        if self.place_of(from).is_none() || !self.is_about_this_epoch(&news) {
            return turn.mark("handover.claim_ignored");
        }
        self.claims.insert(from, Arc::new(news));
        let count = |news: &Arc<News>| self.claims.values().filter(|other| *other == news).count();
        let needed = self.resilience().weak_quorum();
        let believed = self.claims.values().find(|news| count(news) >= needed).cloned();
        if let Some(news) = believed {
            self.believe(turn, news);
        }
    }

    /// Takes a share of the epoch that came when this participant was there already: its dealers
    /// were slow, or one of them cheated. One of an attempt that failed may be in its place, as
    /// long as the log has not said which sharing it is.
    pub(super) fn on_share(&mut self, turn: &mut Turn<'_>, share: Arc<KeyShare>) {
        let Some(member) = &mut self.setup.member else { return };
        if member.share.is_some() && self.group_key.is_some() {
            return;
        }
        member.share = Some(share);
        self.try_share(turn);
    }

    // MEM-76: before anything is signed or dealt with it.
    /// Is the own share one of the sharing that the log names? Then what opened its dealings goes;
    /// if not, it goes itself.
    fn try_share(&mut self, turn: &mut Turn<'_>) {
        let (Some(group_key), Some(member)) = (&self.group_key, &mut self.setup.member) else {
            return;
        };
        let Some(share) = &member.share else { return };
        let epoch = self.setup.configuration.epoch;
        if group_key.check_share(share).is_ok() {
            turn.settle(epoch);
        } else {
            let unfit = share.public_share();
            member.share = None;
            turn.mark("handover.share_of_a_failed_attempt");
            turn.effects.emit(Output::Unfit(epoch, unfit));
        }
    }

    fn is_about_this_epoch(&self, news: &News) -> bool {
        let configuration = &self.setup.configuration;
        news.system == configuration.system && news.epoch == configuration.epoch
    }

    /// Goes on to a later stage; one that is not later says nothing new.
    fn believe(&mut self, turn: &mut Turn<'_>, news: Arc<News>) {
        if self.known.as_ref().is_some_and(|known| known.progress() >= news.progress()) {
            return;
        }
        if self.group_key.is_none()
            && let Some(sharing) = &news.sharing
        {
            let commitment = Commitment::decode(&sharing.0, parameters(self.resilience()));
            self.group_key = commitment.and_then(GroupKey::new).ok().map(Arc::new);
            self.try_share(turn);
        }
        let number = |news: &Arc<News>| Some(attempt_of(news)?.number);
        if self.known.as_ref().and_then(number).is_some_and(|it| number(&news) == Some(it)) {
            // What was said in this attempt still stands; only how far it is has to be told.
            self.said.remove(&Topic::News);
        } else {
            self.said.clear();
        }
        self.known = Some(news);
        self.repetitions = 0;
        self.arm_repeat(turn);
    }

    /// Recipients that do not run the log hear of it from the members.
    pub(super) fn tell_recipients(&mut self, turn: &mut Turn<'_>) {
        let Some(news) = self.own.clone() else { return };
        let Some(attempt) = attempt_of(&news) else { return };
        let is_over = self.certified.is_some() || self.member_place().is_none();
        if is_over || planted(Plant::NewsNotTold) || !self.says(Topic::News) {
            return;
        }
        let seats = attempt.seats.iter().map(|seat| seat.node);
        // A member that has no key in this epoch runs no replica of its group.
        let strangers: Vec<_> = seats.filter(|node| self.member_key(*node).is_none()).collect();
        for node in strangers {
            turn.send(node, Message::News(Box::new(News::clone(&news))));
        }
    }

    /// What is being dealt, if anything is.
    pub(super) fn underway(&self) -> Option<&Underway> {
        match self.stage()? {
            Stage::Dealing(underway) => Some(underway),
            Stage::Open | Stage::Frozen(_) | Stage::Redrawing(_) | Stage::Done(_) => None,
        }
    }

    /// The attempt in which shares are being made, or were made.
    pub(super) fn attempt(&self) -> Option<&Attempt> {
        attempt_of(self.known.as_ref()?)
    }

    pub(super) fn occasion(&self) -> Occasion {
        let configuration = &self.setup.configuration;
        Occasion {
            system: configuration.system,
            epoch: configuration.epoch.next(),
            system_key: self.setup.system_key,
        }
    }
}

/// The attempt that is under way, or was the last.
fn attempt_of(news: &News) -> Option<&Attempt> {
    match &news.stage {
        Stage::Dealing(underway) => Some(&underway.attempt),
        Stage::Done(decided) => Some(&decided.attempt),
        Stage::Open | Stage::Frozen(_) | Stage::Redrawing(_) => None,
    }
}
