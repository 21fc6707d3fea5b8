//! Byzantine participant that says nothing: at all, in one phase, or to some (B03).

use quorate_bft::Message;
use quorate_history::Prng;
use quorate_types::Peer;

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// What is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Silence {
    Whole,
    /// The messages of one phase, by their number in [`phase`].
    Phase(u64),
    /// Everything to this many of the others.
    Towards(usize),
}

/// Leaves messages out.
#[derive(Debug)]
pub(super) struct Silent(Silence);

const PHASES: u64 = 8;

/// The phase that a message belongs to, where somebody waits for it.
const fn phase(message: &Message) -> Option<u64> {
    match message {
        Message::PrePrepare(_) => Some(0),
        Message::Prepare(_) => Some(1),
        Message::Commit(_) => Some(2),
        Message::Checkpoint(_) | Message::Ended(_) => Some(3),
        Message::NewView(_) => Some(4),
        Message::AckVector(_) => Some(5),
        Message::Batch(_) => Some(6),
        Message::Slots(_) | Message::StateChunk(_) => Some(7),
        Message::Request(_)
        | Message::Reply(_)
        | Message::NewLeader(_)
        | Message::NewLeaderProof(_)
        | Message::Accusation(_)
        | Message::ViewChange(_)
        | Message::Status(_)
        | Message::FetchBatches(_)
        | Message::FetchProposal(_)
        | Message::FetchSlots(_)
        | Message::FetchState(_) => None,
    }
}

impl Silent {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self(match prng.below(4) {
            0 => Silence::Whole,
            1 => Silence::Towards(1 + prng.index(3)),
            _ => Silence::Phase(prng.below(PHASES)),
        })
    }

    fn omits(&self, context: &Context<'_>, peer: &Peer, message: &Message) -> bool {
        match self.0 {
            Silence::Whole => true,
            Silence::Phase(number) => phase(message) == Some(number),
            Silence::Towards(count) => context.others().iter().take(count).any(|one| one == peer),
        }
    }
}

impl Villain<Holdings> for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let all = peers(&sending.to);
        let hears = |peer: &&Peer| !self.omits(context, peer, &sending.message);
        let told: Vec<Peer> = all.iter().filter(hears).copied().collect();
        if told.len() == all.len() {
            return deeds.pass(sending);
        }
        deeds.mark("liar.silent");
        deeds.share(&told, sending.class, sending.message);
    }
}
