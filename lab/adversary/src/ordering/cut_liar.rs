//! Byzantine participant that, as leader, proposes cuts that do not follow: behind another parent,
//! tips that too few hold, that leave their chain or go too far at once, a row twice, an inline
//! batch that is not the next one (settled points 13, 19).

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{
    AckVector, Batch, Contents, Cut, HashedCut, PrePrepare, SignedProposal, Tip,
};
use quorate_bft::rules;
use quorate_history::Prng;
use quorate_types::{Digest, ReplicaId};

use super::{Context, Deeds, Holdings, Sending, Villain, peers};

/// More batches than any cut may add to a lane.
const TOO_MANY_BATCHES: u64 = 40;

/// Proposes what no correct replica may accept.
#[derive(Debug)]
pub(super) struct CutLiar {
    per_mille: u64,
    /// The next of [`WRONGS`].
    turn: usize,
}

impl CutLiar {
    pub(super) fn new(prng: &mut Prng) -> Self {
        let per_mille = [300, 1_000][prng.index(2)];
        Self { per_mille, turn: prng.index(WRONGS.len()) }
    }

    /// The proposal with one thing wrong. Each wrong has its turn: who leads seldom would leave
    /// some of them to chance.
    fn wrong(&mut self, context: &mut Context<'_>, honest: &PrePrepare) -> PrePrepare {
        let mut cut: Cut = (*honest.cut).clone();
        WRONGS[self.turn % WRONGS.len()](context, &mut cut);
        self.turn += 1;
        let cut = HashedCut::new(cut);
        let choice = (honest.proposal.view, &cut);
        let proposal = SignedProposal::sign(context.group(), choice, context.signer());
        PrePrepare { proposal, cut, inline: None }
    }
}

/// One for each rule of [`rules::judge`] that forbids it; each breaks its rule whatever the cut is,
/// and no other one before.
const WRONGS: [fn(&mut Context<'_>, &mut Cut); 6] =
    [another_parent, a_branch, a_leap, a_rumour, a_row_twice, a_gap];

/// `Parent`: the cut before it is none that there is.
fn another_parent(context: &mut Context<'_>, cut: &mut Cut) {
    cut.parent = any_digest(context.prng);
}

/// `Chain`: a tip goes back, or is another batch in the same place.
fn a_branch(context: &mut Context<'_>, cut: &mut Cut) {
    let back = context.prng.below(2);
    let lane = any_lane(context, cut);
    let Tip { seq, .. } = cut.tips[lane];
    cut.tips[lane] = Tip { seq: seq.minus(back), digest: any_digest(context.prng) };
}

/// `Quota`: a lane grows by too much.
fn a_leap(context: &mut Context<'_>, cut: &mut Cut) {
    let lane = any_lane(context, cut);
    let tip = cut.tips[lane];
    cut.tips[lane] = Tip { seq: tip.seq.plus(TOO_MANY_BATCHES), ..tip };
}

/// `Unproven`: too few rows for what a lane grows by, or a lane grows by a batch that nobody holds.
fn a_rumour(context: &mut Context<'_>, cut: &mut Cut) {
    if cut.links.iter().any(|links| !links.is_empty()) {
        return cut.rows.truncate(context.group().resilience.weak_quorum());
    }
    let index = any_lane(context, cut);
    let lane = ReplicaId::new(u16::try_from(index).expect("few lanes"));
    let bodies = [any_digest(context.prng)];
    let grown = rules::chain(context.group(), lane, cut.tips[index], &bodies).last();
    cut.tips[index] = grown.expect("a chain of one link");
    cut.links[index] = bodies.to_vec();
}

/// `Rows`: one of them stands there twice.
fn a_row_twice(context: &mut Context<'_>, cut: &mut Cut) {
    let own = || {
        let from = (context.me(), context.now.wall);
        Arc::new(AckVector::sign(context.group(), from, cut.tips.clone(), context.signer()))
    };
    let row = cut.rows.first().cloned().unwrap_or_else(own);
    if cut.rows.is_empty() {
        cut.rows.push(Arc::clone(&row));
    }
    cut.rows.insert(0, row);
}

/// `Inline`: the batch is not the next one of the leader's lane.
fn a_gap(context: &mut Context<'_>, cut: &mut Cut) {
    let tip = cut.tips[context.me().index()];
    let place = (context.me(), tip.seq.plus(2), tip.digest);
    let batch = Batch::sign(context.group(), place, Contents::default(), context.signer());
    cut.inline = Some(batch.header);
}

fn any_lane(context: &mut Context<'_>, cut: &Cut) -> usize {
    context.prng.index(cut.tips.len())
}

fn any_digest(prng: &mut Prng) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&prng.next_u64().to_be_bytes());
    Digest::new(bytes)
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
        let wrong = Message::PrePrepare(Arc::new(self.wrong(context, honest)));
        deeds.send(&peers(&sending.to), sending.class, wrong);
    }
}

#[cfg(test)]
mod tests {
    //! Each wrong breaks the rule that it is about, and breaks it in every cut.
    use std::sync::Arc;

    use quorate_bft::message::{AckVector, Batch, Contents, Cut, HashedCut};
    use quorate_bft::rules::{self, CutFault};
    use quorate_history::Prng;
    use quorate_types::{GroupConfiguration, Instant, Now, ReplicaId, UnixTime};

    use super::super::tests::{Group, group};
    use super::super::{Context, Holdings, Seat};
    use super::WRONGS;

    const LEADER: ReplicaId = ReplicaId::new(3);
    const FAULTS: [CutFault; WRONGS.len()] = [
        CutFault::Parent,
        CutFault::Chain,
        CutFault::Quota,
        CutFault::Unproven,
        CutFault::Rows,
        CutFault::Inline,
    ];

    fn batch(group: &Group, lane: ReplicaId) -> Batch {
        let tip = Cut::origin(&group.configuration).tips[lane.index()];
        let place = (lane, tip.seq.next(), tip.digest);
        Batch::sign(&group.configuration, place, Contents::default(), &*group.signers[lane.index()])
    }

    /// Behind the origin, with a batch inline.
    fn inline(group: &Group) -> Cut {
        let origin = HashedCut::new(Cut::origin(&group.configuration));
        Cut {
            slot: origin.slot.next(),
            parent: origin.digest(),
            links: vec![Vec::new(); group.signers.len()],
            inline: Some(batch(group, LEADER).header),
            ..(*origin).clone()
        }
    }

    /// Behind the origin, with a lane that grows.
    fn grown(group: &Group) -> Cut {
        let mut cut = Cut { inline: None, ..inline(group) };
        let header = batch(group, ReplicaId::new(1)).header.header;
        cut.links[1].push(header.body);
        cut.tips[1].seq = header.seq;
        cut.tips[1].digest = batch(group, ReplicaId::new(1)).digest();
        let row = |index: u16| {
            let signer = &*group.signers[usize::from(index)];
            let from = (ReplicaId::new(index), UnixTime::ZERO);
            Arc::new(AckVector::sign(&group.configuration, from, cut.tips.clone(), signer))
        };
        cut.rows = (0..3).map(row).collect();
        cut
    }

    fn judged(group: &GroupConfiguration, cut: &Cut) -> Result<(), CutFault> {
        rules::judge(group, LEADER, cut, &HashedCut::new(Cut::origin(group)))
    }

    #[test]
    fn each_wrong_breaks_its_own_rule_in_whatever_cut() {
        let group = group();
        let mut prng = Prng::from_seed(5);
        let configuration = Arc::new(group.configuration.clone());
        let signer = Arc::clone(&group.signers[LEADER.index()]);
        let mut holdings = Holdings::new(Seat::Replica(LEADER), configuration, signer);
        let now = Now { instant: Instant::ZERO, wall: UnixTime::ZERO };
        let mut context = Context { holdings: &mut holdings, now, prng: &mut prng };
        for honest in [inline(&group), grown(&group)] {
            assert_eq!(judged(&group.configuration, &honest), Ok(()));
            for (wrong, fault) in WRONGS.iter().zip(FAULTS) {
                for _ in 0..10 {
                    let mut cut = honest.clone();
                    wrong(&mut context, &mut cut);
                    assert_eq!(judged(&group.configuration, &cut), Err(fault));
                }
            }
        }
    }
}
