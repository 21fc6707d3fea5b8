//! What the system signs while an epoch ends: the beacon, the draw of another group, the header.
//!
//! Each member gives its part only when its own replica has executed what makes it due (MEM-15,
//! MEM-16); whoever has `f + 1` good parts has the signature, which is the same for all.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_threshold as threshold;
use quorate_threshold::{CombineFailure, GroupKey, KeyShare, PartialSignature, Signature};
use quorate_types::{Digest, NodeId};

use super::{Handover, Topic, Turn};
use crate::handover::message::{Message, Part};
use crate::handover::operation::HandoverOperation;
use crate::handover::randomness::Draw;
use crate::handover::stage::{Decided, Stage};
use crate::header::CertifiedHeader;

/// What is due to be signed at a stage.
enum Due {
    Draw(Draw),
    Header(Box<Decided>),
}

impl Due {
    fn of(stage: &Stage) -> Option<Self> {
        match stage {
            Stage::Open | Stage::Dealing(_) => None,
            Stage::Frozen(frozen) => Some(Self::Draw(Draw::Epoch(frozen.fixed))),
            Stage::Redrawing(underway) => {
                let attempt = underway.attempt.number + 1;
                Some(Self::Draw(Draw::Group(underway.frozen.fixed, attempt)))
            }
            Stage::Done(decided) => Some(Self::Header(decided.clone())),
        }
    }

    fn message(&self) -> Digest {
        match self {
            Self::Draw(draw) => draw.message(),
            Self::Header(decided) => decided.header.hash(),
        }
    }

    const fn domain(&self) -> threshold::Domain {
        match self {
            Self::Draw(draw) => draw.domain(),
            Self::Header(_) => threshold::Domain::Configuration,
        }
    }
}

impl Handover {
    /// Gives the own part of what is due, and puts parts together.
    pub(super) fn sign(&mut self, turn: &mut Turn<'_>) {
        if self.certified.is_some() {
            return;
        }
        // MEM-15, MEM-16: what the own replica has executed, not what others tell.
        let Some(due) = self.own.as_ref().and_then(|news| Due::of(&news.stage)) else { return };
        if let Some((message, partial)) = self.own_part(&due)
            && self.says(Topic::Part(message))
        {
            let part = Part { message, partial: partial.encode() };
            self.tell_members(turn, &Message::Part(part));
        }
        if let Some(signature) = self.combine(turn, &due) {
            self.on_signature(turn, due, signature);
        }
    }

    /// The own part of what is due, made once: a step comes with every message, and a part costs
    /// more than the rest of the step.
    fn own_part(&mut self, due: &Due) -> Option<(Digest, PartialSignature)> {
        let (me, message) = (self.setup.me, due.message());
        let share = self.signing_share()?;
        let known = self.parts.get(&me).filter(|(of, _)| *of == message);
        if let Some(part) = known {
            return Some(*part);
        }
        let scheme = &*self.setup.schemes.threshold;
        let part = (message, scheme.sign_partial(share, due.domain(), message.as_bytes()));
        self.parts.insert(me, part);
        Some(part)
    }

    /// The share that signs: of the epoch that ends. The first configuration of a system is signed
    /// with the first shares that there are.
    fn signing_share(&self) -> Option<&KeyShare> {
        match self.setup.system_key {
            Some(_) => self.setup.member.as_ref()?.share.as_deref(),
            None => self.receiving.share().map(|share| &**share),
        }
    }

    /// The public side of the shares that sign.
    fn signing_key(&mut self) -> Option<Arc<GroupKey>> {
        if self.setup.system_key.is_some() {
            return self.group_key.clone();
        }
        let sharing = self.sharing()?;
        Some(Arc::new(sharing.group_key().clone()))
    }

    pub(super) fn on_part(&mut self, turn: &mut Turn<'_>, from: NodeId, part: &Part) {
        let index = self.index_of(from).filter(|_| from != self.setup.me);
        let partial = PartialSignature::decode(&part.partial).ok();
        let Some(partial) = partial.filter(|partial| Some(partial.index()) == index) else {
            return turn.mark("handover.part_rejected");
        };

        // It may come before this member is as far: one for each member is kept, the latest.
        self.parts.insert(from, (part.message, partial));
    }

    fn combine(&mut self, turn: &mut Turn<'_>, due: &Due) -> Option<Signature> {
        let message = due.message();
        if self.signed.as_ref().is_some_and(|(known, _)| *known == message) {
            return self.signed.as_ref().map(|(_, signature)| *signature);
        }
        let group_key = self.signing_key()?;
        let of_this =
            |(known, partial): &(Digest, PartialSignature)| (*known == message).then_some(*partial);
        let parts: Vec<_> = self.parts.values().filter_map(of_this).collect();
        if parts.len() < group_key.parameters().threshold() {
            return None;
        }
        let scheme = &*self.setup.schemes.threshold;
        let combined = scheme.combine(&group_key, due.domain(), message.as_bytes(), &parts);
        let (signature, bad) = match combined {
            Ok(combined) => (Some(combined.signature), combined.bad),
            Err(CombineFailure { bad, .. }) => (None, bad),
        };
        // A bad part is looked at once: its sender may send another.
        for index in bad {
            turn.mark("handover.part_bad");
            self.parts.retain(|_, (_, partial)| partial.index() != index);
        }
        if let Some(signature) = signature {
            self.signed = Some((message, signature));
        }
        signature
    }

    fn on_signature(&mut self, turn: &mut Turn<'_>, due: Due, signature: Signature) {
        match due {
            Due::Draw(Draw::Epoch(_)) => self.announce(turn, HandoverOperation::Beacon(signature)),
            Due::Draw(Draw::Group(..)) => self.announce(turn, HandoverOperation::Redraw(signature)),
            Due::Header(decided) => {
                let header = decided.header;
                self.certify(turn, &CertifiedHeader { header, signature });
            }
        }
    }
}
