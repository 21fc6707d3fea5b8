//! The rule of NEW-VIEW against every history of a small scope, and against many random ones.
//!
//! Settled points 3, guides. The model holds what replicas of a group of four may have
//! prepared, committed and learned; replica 3 is a villain that votes for everything and shows what
//! it likes of what exists. The oracle is naive: a cut is decided once two correct replicas sent
//! their commits. Whatever quorum starts the next view, everything decided must survive in it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use std::vec;
use std::vec::Vec;

use quorate_crypto::Certificate;
use quorate_types::{Digest, GroupConfiguration, LaneSeq, ReplicaId, Signature, Slot, View};

use super::choose;
use crate::fixtures::Fixture;
use crate::message::{
    Base, CommitCertificate, Cut, HashedCut, PrepareCertificate, Prepared, Tip, ViewChange,
};

const CORRECT: usize = 3;

/// A cut of the model, by its place in the list of cuts; 0 is the origin.
type CutId = usize;

/// What became of the group so far, as far as a view change can show it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// For each correct replica the highest cut that it knows decided.
    known: [CutId; CORRECT],
    /// For each correct replica the highest prepare certificate of each slot.
    prepared: [BTreeMap<u64, (u64, CutId)>; CORRECT],
    /// Every prepare certificate that exists.
    certificates: BTreeSet<(u64, CutId)>,
    /// What two correct replicas committed to.
    decided: BTreeSet<CutId>,
}

/// What a rule makes of view changes: the base and the cuts behind it.
type Outcome = (Slot, Digest, Vec<HashedCut>);
type Rule = fn(&GroupConfiguration, &[Arc<ViewChange>]) -> Outcome;

struct Model {
    group: GroupConfiguration,
    rule: Rule,
    cuts: Vec<HashedCut>,
    parents: Vec<CutId>,
    /// The cut that a view proposes behind another, by number of the proposal.
    children: BTreeMap<(u64, CutId, u8), CutId>,
}

impl Model {
    fn new(rule: Rule) -> Self {
        let fixture = Fixture::new();
        let cuts = vec![fixture.origin()];
        Self { group: fixture.group, rule, cuts, parents: vec![0], children: BTreeMap::new() }
    }

    fn slot(&self, cut: CutId) -> u64 {
        self.cuts[cut].slot.get()
    }

    fn child(&mut self, view: u64, parent: CutId, number: u8) -> CutId {
        if let Some(known) = self.children.get(&(view, parent, number)) {
            return *known;
        }
        let mut content = [number; 32];
        content[0] = u8::try_from(view).expect("few views");
        let tip = Tip { seq: LaneSeq::ZERO, digest: Digest::new(content) };
        let (before, slot) = (self.cuts[parent].digest(), self.cuts[parent].slot.next());
        self.cuts.push(HashedCut::new(Cut {
            epoch: self.group.epoch,
            slot,
            parent: before,
            tips: vec![tip],
            links: Vec::new(),
            rows: Vec::new(),
            inline: None,
        }));
        self.parents.push(parent);
        self.children.insert((view, parent, number), self.cuts.len() - 1);
        self.cuts.len() - 1
    }

    fn id(&self, digest: Digest) -> CutId {
        self.cuts.iter().position(|cut| cut.digest() == digest).expect("a cut of the model")
    }

    fn ancestor(&self, mut cut: CutId, slot: u64) -> CutId {
        while self.slot(cut) > slot {
            cut = self.parents[cut];
        }
        cut
    }

    fn change(&self, base: CutId, prepared: &[(u64, CutId)]) -> Arc<ViewChange> {
        let certificate = Certificate::new([]);
        let of = |&(view, cut): &(u64, CutId)| {
            let (slot, digest) = (self.cuts[cut].slot, self.cuts[cut].digest());
            let certificate = certificate.clone();
            let certificate =
                PrepareCertificate { view: View::new(view), slot, digest, certificate };
            Prepared { cut: self.cuts[cut].clone(), certificate }
        };
        let (view, slot, digest) = (View::ZERO, self.cuts[base].slot, self.cuts[base].digest());
        let base = match base {
            0 => Base::Start,
            _ => Base::Committed {
                cut: self.cuts[base].clone(),
                certificate: CommitCertificate {
                    view,
                    slot,
                    digest,
                    certificate: Certificate::new([]),
                },
            },
        };
        let (from, signature) = (ReplicaId::new(0), Signature::new([0; 64]));
        let prepared = prepared.iter().map(of).collect();
        Arc::new(ViewChange { view: View::new(9), base, prepared, from, signature })
    }

    /// What a correct replica shows.
    fn honest(&self, state: &State, replica: usize) -> Arc<ViewChange> {
        let base = state.known[replica];
        let above = state.prepared[replica].range(self.slot(base) + 1..);
        self.change(base, &above.map(|(_, shown)| *shown).collect::<Vec<_>>())
    }

    /// The rule, and whether it gives a chain in which everything decided survives.
    fn start(&self, state: &State, changes: &[Arc<ViewChange>]) -> (CutId, Vec<CutId>, bool) {
        let (slot, digest, again) = (self.rule)(&self.group, changes);
        let base = if slot == Slot::ZERO { 0 } else { self.id(digest) };
        let again: Vec<CutId> = again.iter().map(|cut| self.id(cut.digest())).collect();
        let survives = |&cut: &CutId| {
            let slot = self.slot(cut);
            match usize::try_from(slot.saturating_sub(self.slot(base))).expect("few slots") {
                0 => self.ancestor(base, slot) == cut,
                above => again.get(above - 1) == Some(&cut),
            }
        };
        let line = [&[base], &again[..]].concat();
        let is_chain = line.windows(2).all(|pair| self.parents[pair[1]] == pair[0]);
        let is_safe = is_chain && state.decided.iter().all(survives);
        (base, again, is_safe)
    }
}

fn real(group: &GroupConfiguration, changes: &[Arc<ViewChange>]) -> Outcome {
    let choice = choose(group, changes);
    let (slot, digest) = choice.base.slot_and_digest(group);
    (slot, digest, choice.proposed_again.iter().map(|it| it.cut.clone()).collect())
}

/// Which cut may follow a digest, and which view is taken before another.
type Twist = (fn(&HashedCut, Digest) -> bool, fn(u64, u64) -> bool);

/// The rule with another way to pick, to show that the check would notice.
fn wrong(
    group: &GroupConfiguration,
    changes: &[Arc<ViewChange>],
    (fits, ranks_higher): Twist,
) -> Outcome {
    let highest = changes.iter().map(|change| change.base.slot_and_digest(group)).max();
    let (base, base_digest) = highest.expect("a quorum");
    let (mut slot, mut digest, mut again) = (base, base_digest, Vec::new());
    loop {
        slot = slot.next();
        let mut best: Option<&Prepared> = None;
        for shown in changes.iter().flat_map(|change| &change.prepared) {
            let is_next = shown.cut.slot == slot && fits(&shown.cut, digest);
            let view = shown.certificate.view.get();
            if is_next && best.is_none_or(|it| ranks_higher(view, it.certificate.view.get())) {
                best = Some(shown);
            }
        }
        let Some(best) = best else { return (base, base_digest, again) };
        digest = best.cut.digest();
        again.push(best.cut.clone());
    }
}

fn of_lowest_view(group: &GroupConfiguration, changes: &[Arc<ViewChange>]) -> Outcome {
    wrong(group, changes, (|cut, digest| cut.parent == digest, |left, right| left < right))
}

fn of_any_parent(group: &GroupConfiguration, changes: &[Arc<ViewChange>]) -> Outcome {
    wrong(group, changes, (|_, _| true, |left, right| left > right))
}

fn without_bases(group: &GroupConfiguration, changes: &[Arc<ViewChange>]) -> Outcome {
    let blind = |change: &Arc<ViewChange>| {
        let (base, prepared) = (Base::Start, change.prepared.clone());
        Arc::new(ViewChange { base, prepared, ..ViewChange::clone(change) })
    };
    real(group, &changes.iter().map(blind).collect::<Vec<_>>())
}

/// Every quorum of view changes that can start the next view, the villain's lies included.
fn quorums(model: &Model, state: &State) -> Vec<Vec<Arc<ViewChange>>> {
    let honest: Vec<_> = (0..CORRECT).map(|replica| model.honest(state, replica)).collect();
    let mut bases: Vec<CutId> = vec![0];
    bases.extend(state.decided.iter().copied());
    let mut lies = Vec::new();
    for &base in &bases {
        lies.push(model.change(base, &[]));
        for shown in state.certificates.iter().filter(|it| model.slot(it.1) > model.slot(base)) {
            lies.push(model.change(base, &[*shown]));
        }
    }
    let mut all = vec![honest.clone()];
    for left_out in 0..CORRECT {
        let pair = honest.iter().enumerate().filter(|(replica, _)| *replica != left_out);
        let pair: Vec<_> = pair.map(|(_, change)| Arc::clone(change)).collect();
        all.extend(lies.iter().map(|lie| [&pair[..], &[Arc::clone(lie)]].concat()));
    }
    all
}

/// Every way in which a view can end with one slot in flight: nothing prepared; or a certificate,
/// with any replicas committing and, if that decides it, any of them learning so.
fn ends(model: &Model, state: &State, (view, cut): (u64, CutId)) -> Vec<State> {
    let mut all = vec![state.clone()];
    let slot = model.slot(cut);
    for committers in 0..1_usize << CORRECT {
        // A correct replica that knows another cut decided at this slot commits nothing else.
        let has = |set: usize, replica: usize| set >> replica & 1 == 1;
        let knows = |replica: usize| model.slot(state.known[replica]) >= slot;
        if (0..CORRECT).any(|replica| has(committers, replica) && knows(replica)) {
            continue;
        }
        let mut after = state.clone();
        after.certificates.insert((view, cut));
        let members = (0..CORRECT).filter(|replica| has(committers, *replica));
        for replica in members {
            after.prepared[replica].insert(slot, (view, cut));
        }
        if committers.count_ones() < 2 {
            all.push(after);
            continue;
        }
        after.decided.insert(cut);
        for learners in 0..1_usize << CORRECT {
            let mut learned = after.clone();
            let mut members = (0..CORRECT).filter(|replica| has(learners, *replica));
            if members.clone().all(|replica| !knows(replica)) {
                members.by_ref().for_each(|replica| learned.known[replica] = cut);
                all.push(learned);
            }
        }
    }
    all
}

/// Walks through every history of two view changes with one slot in flight. Returns the number of
/// starts that were judged, and of those in which something decided was lost.
fn exhaust(rule: Rule) -> (u64, u64) {
    let mut model = Model::new(rule);
    let (mut judged, mut lost) = (0, 0);
    let first = model.child(0, 0, 0);
    let mut states: BTreeSet<State> =
        ends(&model, &State::default(), (0, first)).into_iter().collect();
    for view in 1..=2 {
        let mut next = BTreeSet::new();
        for state in &states {
            let mut targets = BTreeSet::new();
            for changes in quorums(&model, state) {
                let (base, again, is_safe) = model.start(state, &changes);
                judged += 1;
                lost += u64::from(!is_safe);
                targets.insert((base, again.first().copied()));
            }
            for (base, again) in targets.into_iter().filter(|_| view < 2) {
                // Whoever follows the start learns the base.
                let mut followed = state.clone();
                for known in
                    followed.known.iter_mut().filter(|known| model.slot(**known) < model.slot(base))
                {
                    *known = base;
                }
                let cut = again.unwrap_or_else(|| model.child(view, base, 0));
                next.extend(ends(&model, &followed, (view, cut)));
                next.extend(ends(&model, state, (view, cut)));
            }
        }
        states = next;
    }
    (judged, lost)
}

#[test]
fn everything_decided_survives_two_view_changes_with_one_slot_in_flight() {
    let (judged, lost) = exhaust(real);
    assert_eq!(lost, 0, "of {judged} starts");
    assert!(judged > 5_000, "the scope is not empty: {judged}");
}

#[test]
fn the_exhaustive_check_notices_wrong_rules() {
    assert!(exhaust(of_lowest_view).1 > 0, "the lowest view in place of the highest");
    assert!(exhaust(without_bases).1 > 0, "a base that is not believed");
}

struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("small")
    }

    fn flip(&mut self) -> bool {
        self.next() & 8 == 0
    }
}

/// The votes of one view.
#[derive(Default)]
struct Round {
    prepared: [BTreeMap<u64, CutId>; CORRECT],
    committed: [BTreeMap<u64, CutId>; CORRECT],
    commits: BTreeMap<CutId, usize>,
    proposals: Vec<CutId>,
}

/// One view of many small steps, under the rules R1 and R2.
fn random_view(
    model: &mut Model,
    state: &mut State,
    (view, window): (u64, u64),
    ((base, again), random): ((CutId, &[CutId]), &mut Random),
) {
    let mut round = Round { proposals: again.to_vec(), ..Round::default() };
    let fresh_above = again.last().copied().unwrap_or(base);
    let top = |model: &Model, cut| model.slot(cut);
    for _ in 0..60 {
        let replica = random.below(CORRECT);
        match random.below(4) {
            0 => {
                // The leader proposes behind anything that it proposed, twice if it likes.
                let tops = round
                    .proposals
                    .iter()
                    .copied()
                    .filter(|cut| model.slot(*cut) >= model.slot(fresh_above));
                let parents: Vec<CutId> = tops.chain([fresh_above]).collect();
                let parent = parents[random.below(parents.len())];
                let number = u8::from(random.below(4) == 0);
                let cut = model.child(view, parent, number);
                round.proposals.push(cut);
            }
            1 => {
                let Some(cut) = pick(&round.proposals, random) else { continue };
                let (slot, parent) = (model.slot(cut), model.parents[cut]);
                let has_parent = parent == base
                    || round.prepared[replica].get(&(slot.wrapping_sub(1))) == Some(&parent)
                    || (slot > top(model, fresh_above) && state.known[replica] == parent);
                let limit = top(model, state.known[replica]).max(top(model, base)) + window;
                if has_parent && slot <= limit && slot > top(model, state.known[replica]) {
                    round.prepared[replica].entry(slot).or_insert(cut);
                }
            }
            2 => commit(model, state, &mut round, (view, window, replica), random),
            _ => {
                let decided: Vec<CutId> =
                    round.commits.iter().filter(|it| *it.1 >= 2).map(|it| *it.0).collect();
                let Some(cut) = pick(&decided, random) else { continue };
                if model.slot(cut) > top(model, state.known[replica]) {
                    state.known[replica] = cut;
                }
            }
        }
    }
}

fn pick(from: &[CutId], random: &mut Random) -> Option<CutId> {
    (!from.is_empty()).then(|| from[random.below(from.len())])
}

/// R2: with a certificate, behind the own commit of the parent or a parent known decided.
fn commit(
    model: &Model,
    state: &mut State,
    round: &mut Round,
    (view, window, replica): (u64, u64, usize),
    random: &mut Random,
) {
    let Some(cut) = pick(&round.proposals, random) else { return };
    let (slot, parent) = (model.slot(cut), model.parents[cut]);
    let votes = round.prepared.iter().filter(|votes| votes.get(&slot) == Some(&cut)).count();
    let is_behind = state.known[replica] == parent
        || round.committed[replica].get(&(slot.wrapping_sub(1))) == Some(&parent);
    let known = model.slot(state.known[replica]);
    if votes < 2 || !is_behind || slot <= known || slot > known + window {
        return;
    }
    if round.committed[replica].insert(slot, cut).is_some() {
        return;
    }
    state.certificates.insert((view, cut));
    state.prepared[replica].insert(slot, (view, cut));
    let commits = round.commits.entry(cut).or_default();
    *commits += 1;
    if *commits >= 2 {
        state.decided.insert(cut);
    }
}

/// A villain's view change of what exists: any base, at most one certificate for each slot.
fn random_lie(model: &Model, state: &State, random: &mut Random) -> Arc<ViewChange> {
    let mut bases: Vec<CutId> = vec![0];
    bases.extend(state.decided.iter().copied());
    let base = bases[random.below(bases.len())];
    let mut shown: BTreeMap<u64, (u64, CutId)> = BTreeMap::new();
    for certificate in &state.certificates {
        let slot = model.slot(certificate.1);
        if slot > model.slot(base) && random.flip() {
            shown.insert(slot, *certificate);
        }
    }
    model.change(base, &shown.into_values().collect::<Vec<_>>())
}

/// Returns how many of the runs lost something decided, and how many decided anything.
fn random_runs(rule: Rule, window: u64, runs: u64) -> (u64, u64) {
    let (mut lost, mut decided) = (0, 0);
    let mut random = Random(0x1234_5678 + window);
    for _ in 0..runs {
        let mut model = Model::new(rule);
        let mut state = State::default();
        let (mut base, mut again) = (0, Vec::new());
        for view in 0..3 {
            random_view(&mut model, &mut state, (view, window), ((base, &again), &mut random));
            let left_out = random.below(CORRECT + 1);
            let mut changes: Vec<_> = (0..CORRECT)
                .filter(|replica| *replica != left_out)
                .map(|replica| model.honest(&state, replica))
                .collect();
            if left_out < CORRECT {
                changes.push(random_lie(&model, &state, &mut random));
            }
            let is_safe;
            (base, again, is_safe) = model.start(&state, &changes);
            if !is_safe {
                lost += 1;
                break;
            }
        }
        decided += u64::from(!state.decided.is_empty());
    }
    (lost, decided)
}

#[test]
fn everything_decided_survives_random_histories_with_several_slots_in_flight() {
    for window in 1..=3 {
        let (lost, decided) = random_runs(real, window, 10_000);
        assert_eq!(lost, 0, "window {window}");
        assert!(decided > 1_000, "window {window}: {decided} runs decided something");
    }
}

#[test]
fn the_random_check_notices_wrong_rules() {
    assert!(random_runs(of_lowest_view, 3, 10_000).0 > 0, "the lowest view");
    assert!(random_runs(of_any_parent, 3, 10_000).0 > 0, "parents ignored: 3(b)");
    assert!(random_runs(without_bases, 3, 10_000).0 > 0, "a base that is not believed");
}
