//! Byzantine participant that, as leader, proposes cuts that do not follow: tips that too few hold,
//! tips that go back, too much at once, an inline batch of somebody else (settled points 13, 19).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{Cut, HashedCut, PrePrepare, SignedProposal, Tip};
use quorate_history::Prng;
use quorate_types::ReplicaId;

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// Proposes what no correct replica may accept.
#[derive(Debug)]
pub(super) struct CutLiar {
    per_mille: u64,
}

impl CutLiar {
    pub(super) fn new(prng: &mut Prng) -> Self {
        Self { per_mille: [50, 300, 1_000][prng.index(3)] }
    }
}

fn wrong(context: &mut Context<'_>, honest: &PrePrepare) -> PrePrepare {
    let mut cut: Cut = (*honest.cut).clone();
    let lane = context.prng.index(cut.tips.len());
    match context.prng.below(5) {
        0 => cut.rows.clear(),
        1 => cut.rows.truncate(context.group().resilience.weak_quorum()),
        2 => {
            let tip = cut.tips[lane];
            cut.tips[lane] = Tip { seq: tip.seq.minus(1), ..tip };
        }
        3 => {
            let tip = cut.tips[lane];
            cut.tips[lane] = Tip { seq: tip.seq.plus(40), ..tip };
        }
        _ => {
            if let Some(inline) = &mut cut.inline {
                inline.header.lane = ReplicaId::new(u16::try_from(lane).expect("few lanes"));
            } else {
                cut.links[lane].clear();
            }
        }
    }
    let cut = HashedCut::new(cut);
    let choice = (honest.proposal.view, &cut);
    let proposal = SignedProposal::sign(context.group(), choice, context.signer());
    PrePrepare { proposal, cut, inline: None }
}

impl Villain<Holdings> for CutLiar {
    fn name(&self) -> &'static str {
        "cut-liar"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::PrePrepare(honest) = &*sending.message else { return deeds.pass(sending) };
        if !context.leads(honest.proposal.view) || !context.prng.chance(self.per_mille) {
            return deeds.pass(sending);
        }
        deeds.mark("liar.cut_wrong");
        let wrong = Message::PrePrepare(Arc::new(wrong(context, honest)));
        deeds.send(&peers(&sending.to), sending.class, wrong);
    }
}
