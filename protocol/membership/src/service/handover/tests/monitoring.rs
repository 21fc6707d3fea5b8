//! What members say of servers, over whole epochs: who goes, who waits, who comes back.
//! Adversary M01, scenarios 10, 12 and 14 of the notes.
use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;
use quorate_crypto::{Domain, Signer, hash};
use quorate_machine::ServiceState;
use quorate_types::{Digest, Epoch, GroupId, MemberStatus, NodeId, Slot, View};

use super::harness::Town;
use crate::limits::{OBSERVATION_AGE_SLOTS_MAX, SPOKEN_ABOUT_MAX};
use crate::monitor::caps::Held;
use crate::monitor::evidence::{
    Contradiction, Evidence, Misdeed, SignedStatement, StatementKind, framed,
};
use crate::monitor::{
    Accusation, AnswerKey, Answerer, Claim, Finding, Found, Observation, ProberRequest, Question,
    Rebuttal, Shown, Ticket, Verdict, Wanted,
};
use crate::service::{
    Docket, MembershipOperation, MembershipReply, MonitoringRefusal, Refusal, Standing,
};
use crate::testing::epoch_signer;

const HEARD: MembershipReply = MembershipReply::Heard;

fn unheard(refusal: MonitoringRefusal) -> MembershipReply {
    MembershipReply::Unheard(refusal)
}

/// What a test says and sees.
impl Town {
    fn observation(&self, server: NodeId, verdict: Verdict) -> Observation {
        let system = self.configuration.configuration().system;
        let claim = Claim { server, verdict };
        Observation { system, epoch: self.epoch(), slot: Slot::new(self.slot), claim }
    }

    fn state(&mut self, member: NodeId, observation: Observation) -> MembershipReply {
        let signer = epoch_signer(self.number_of(member), self.epoch());
        self.ask(&MembershipOperation::Observe(observation.sign(member, &signer)))
    }

    fn say(&mut self, member: NodeId, server: NodeId, verdict: Verdict) -> MembershipReply {
        let observation = self.observation(server, verdict);
        self.state(member, observation)
    }

    /// `f + 1` members say it, none of them the server itself; what the last one hears.
    fn agree(&mut self, server: NodeId, verdict: Verdict) -> MembershipReply {
        let needed = self.configuration.configuration().membership.weak_quorum();
        let members = self.group().into_iter().filter(|member| *member != server).take(needed);
        let replies: Vec<_> = members.map(|member| self.say(member, server, verdict)).collect();
        replies.last().unwrap().clone()
    }

    /// An eviction is executed; in which slot.
    pub(super) fn evict(&mut self, server: NodeId) -> Slot {
        let reply = self.agree(server, Verdict::Suspect);
        assert!(matches!(reply, MembershipReply::Recorded(_)), "{reply:?}");
        Slot::new(self.slot)
    }

    fn standing(&mut self, server: NodeId) -> Option<Standing> {
        let all = MembershipOperation::GetFindings(NodeId::new([0; 32]));
        let MembershipReply::Findings(page) = self.ask(&all) else { panic!("a page") };
        page.standings.into_iter().find(|standing| standing.server == server)
    }

    fn next(&mut self, server: NodeId) -> Option<Finding> {
        self.standing(server)?.next
    }

    pub(super) fn held(&mut self, server: NodeId) -> Option<Held> {
        self.next(server)?.held
    }

    fn status(&self, server: NodeId) -> MemberStatus {
        self.configuration.configuration().member(server).unwrap().status
    }

    pub(super) fn inactive(&self) -> BTreeSet<NodeId> {
        let members = self.configuration.configuration().members.iter();
        let out = members.filter(|member| member.status == MemberStatus::Inactive);
        out.map(|member| member.id).collect()
    }

    pub(super) fn outsiders(&self) -> Vec<NodeId> {
        let members = self.configuration.configuration().members.iter().map(|member| member.id);
        members.filter(|id| !self.group().contains(id)).collect()
    }

    fn rebuttal(&self, server: NodeId, eviction: Slot) -> Rebuttal {
        let signer = epoch_signer(self.number_of(server), self.epoch());
        let key = AnswerKey {
            epoch: self.epoch(),
            signer: std::sync::Arc::new(signer),
            certificate: None,
        };
        let system = self.configuration.configuration().system;
        let wanted = Wanted::Accused { slot: eviction, certificate: false };
        let ticket = Ticket { place: 0, token: 0 };
        let question = Question { to: server, epoch: self.epoch(), ticket, wanted };
        let mut writer = quorate_wire::Writer::default();
        Answerer::new(system, server, key).answer(&question, &mut writer).unwrap();
        let answer: crate::monitor::Answer = quorate_wire::decode(writer.as_bytes()).unwrap();
        let Shown::Rebuttal(proof) = answer.shown else { panic!("{:?}", answer.shown) };
        Rebuttal { server, eviction, signature: proof.signature, certificate: None }
    }

    fn rebut(&mut self, server: NodeId, eviction: Slot) -> MembershipReply {
        let rebuttal = self.rebuttal(server, eviction);
        self.ask(&MembershipOperation::Rebut(rebuttal.into()))
    }

    /// Two votes of a server for one slot that differ.
    pub(super) fn accuse(&mut self, server: NodeId) -> MembershipReply {
        self.accuse_with(server, server)
    }

    /// Two votes for one slot that differ, said to be of a server, signed by another one.
    fn accuse_with(&mut self, server: NodeId, signer: NodeId) -> MembershipReply {
        let signer = epoch_signer(self.number_of(signer), self.epoch());
        let system = self.configuration.configuration().system;
        let frame = (system, GroupId::new([2; 32]), self.epoch());
        let vote = |digest: u8| {
            let choice = (View::new(1), (Slot::new(5), Digest::new([digest; 32])));
            let bytes = framed(frame, &choice);
            let signature = signer.sign(&hash(Domain::Commit, &bytes));
            SignedStatement { kind: StatementKind::Commit, bytes, signature }
        };
        let both = Contradiction { first: vote(1), second: vote(2) };
        let evidence = Evidence { server, misdeed: Misdeed::Contradiction(both) };
        let accusation = Accusation { evidence, certificate: None };
        self.ask(&MembershipOperation::Accuse(accusation.into()))
    }

    fn docket(&self) -> Docket {
        let scan = |from: &[u8], count| self.state.scan(from, count);
        Docket::read(Slot::new(self.slot), scan).unwrap()
    }

    fn is_at_risk(&self) -> bool {
        self.docket().is_at_risk(self.configuration.configuration())
    }
}

#[test]
fn mem_51_a_silent_server_is_inactive_in_the_next_epoch_and_comes_back_without_a_certificate() {
    let mut town = Town::new(8, 1);
    let silent = town.outsiders()[1];
    let before = town.configuration.configuration().member(silent).unwrap().clone();
    town.evict(silent);
    assert_eq!(town.status(silent), MemberStatus::Active, "not before the epoch ends");
    town.live_an_epoch();
    for _ in 0..3 {
        let record = town.configuration.configuration().member(silent).unwrap();
        assert_eq!(record.status, MemberStatus::Inactive);
        let kept = (record.id, record.identity_key, &record.address, record.is_on_ring);
        assert_eq!(kept, (before.id, before.identity_key, &before.address, true), "MEM-51");
        assert!(!town.group().contains(&silent), "MEM-51");
        town.live_an_epoch();
    }
    assert_eq!(town.agree(silent, Verdict::Alive), MembershipReply::Recorded(town.epoch()));
    town.live_an_epoch();
    assert_eq!(town.status(silent), MemberStatus::Active);
    assert_eq!(town.standing(silent), None, "nothing is left of it");
    assert_eq!(town.reader().tally().active, 8);
    assert_eq!(town.news().change_count, 0);
}

/// M01.
#[test]
fn mem_43_f_members_evict_nobody_and_bring_nobody_back() {
    let mut town = Town::new(8, 1);
    let (good, dead) = (town.outsiders()[0], town.outsiders()[2]);
    town.evict(dead);
    town.live_an_epoch();
    let liar = town.group()[0];
    for _ in 0..5 {
        assert_eq!(town.say(liar, good, Verdict::Suspect), HEARD, "MEM-43");
        assert_eq!(town.say(liar, dead, Verdict::Alive), HEARD, "MEM-43");
    }
    let observation = town.observation(good, Verdict::Suspect);
    let forged =
        observation.sign(town.group()[1], &epoch_signer(town.number_of(liar), town.epoch()));
    let forged = town.ask(&MembershipOperation::Observe(forged));
    assert_eq!(forged, unheard(MonitoringRefusal::BadSignature));
    town.live_an_epoch();
    assert_eq!(
        (town.status(good), town.status(dead)),
        (MemberStatus::Active, MemberStatus::Inactive)
    );
}

#[test]
fn what_two_members_say_in_two_epochs_is_not_added_up() {
    let mut town = Town::new(8, 1);
    let server = town.outsiders()[0];
    assert_eq!(town.say(town.group()[0], server, Verdict::Suspect), HEARD);
    town.live_an_epoch();
    assert_eq!(town.standing(server), None, "MEM-50: nothing said outlives its epoch");
    let member = *town.group().iter().find(|id| **id != server).unwrap();
    assert_eq!(town.say(member, server, Verdict::Suspect), HEARD);
    town.live_an_epoch();
    assert_eq!(town.status(server), MemberStatus::Active);
}

/// Settled point 32: a hiccup of this morning, and a liar tonight.
#[test]
fn a_word_that_was_taken_back_or_has_grown_old_is_not_added_to_anothers() {
    let mut town = Town::new(8, 1);
    let server = town.outsiders()[0];
    let (first, second) = (town.group()[0], town.group()[1]);
    let hiccup = town.observation(server, Verdict::Suspect);
    assert_eq!(town.state(first, hiccup), HEARD);
    assert_eq!(town.say(first, server, Verdict::Alive), HEARD);
    assert_eq!(town.say(second, server, Verdict::Suspect), HEARD, "it was taken back");
    assert_eq!(town.state(first, hiccup), unheard(MonitoringRefusal::Repeated));
    town.slot += OBSERVATION_AGE_SLOTS_MAX + 2;
    assert_eq!(town.state(first, hiccup), unheard(MonitoringRefusal::Repeated));
    assert_eq!(town.say(first, server, Verdict::Suspect), HEARD, "the other word is old");
    assert_eq!(town.next(server), None);
}

/// Scenario 14.
#[test]
fn who_is_there_cancels_its_eviction_with_the_word_of_f_plus_one_in_any_order() {
    for is_word_first in [true, false] {
        let mut town = Town::new(8, 1);
        let server = town.outsiders()[0];
        let slot = town.evict(server);
        let (first, second) = (town.group()[0], town.group()[1]);
        if is_word_first {
            assert_eq!(town.rebut(server, slot), MembershipReply::Recorded(Epoch::ZERO));
            assert_eq!(town.rebut(server, slot), unheard(MonitoringRefusal::Repeated));
            assert_eq!(town.say(first, server, Verdict::Alive), HEARD);
            assert!(town.next(server).is_some(), "one member is not enough");
            assert_eq!(town.say(second, server, Verdict::Alive), HEARD);
        } else {
            assert_eq!(town.agree(server, Verdict::Alive), HEARD);
            assert!(town.next(server).is_some(), "it has not spoken itself");
            assert_eq!(town.rebut(server, slot), HEARD);
        }
        assert_eq!(town.next(server), None);
        assert_eq!(town.news().change_count, 0);
        town.live_an_epoch();
        assert_eq!(town.status(server), MemberStatus::Active);
    }
}

/// Scenarios 11 and 14: signatures that were collected beforehand, of others, of other evictions.
#[test]
fn no_other_signature_of_the_server_cancels() {
    let mut town = Town::new(8, 1);
    let (server, other) = (town.outsiders()[0], town.outsiders()[1]);
    let early = town.rebuttal(server, Slot::new(2));
    let slot = town.evict(server);
    let early = town.ask(&MembershipOperation::Rebut(early.into()));
    assert_eq!(early, unheard(MonitoringRefusal::OtherSubject));
    let stolen = Rebuttal { server, ..town.rebuttal(other, slot) };
    let stolen = town.ask(&MembershipOperation::Rebut(stolen.into()));
    assert_eq!(stolen, unheard(MonitoringRefusal::BadSignature));
    assert_eq!(town.rebut(other, slot), unheard(MonitoringRefusal::NothingToSay));
    let before = town.observation(server, Verdict::Alive);
    let before = Observation { slot: Slot::new(slot.get() - 1), ..before };
    assert_eq!(town.state(town.group()[0], before), unheard(MonitoringRefusal::Old));
    town.live_an_epoch();
    assert_eq!(town.status(server), MemberStatus::Inactive);
}

#[test]
fn mem_22_what_is_found_behind_the_freeze_waits_and_what_was_fixed_stays() {
    let mut town = Town::new(9, 1);
    let (fixed, late) = (town.outsiders()[0], town.outsiders()[4]);
    let slot = town.evict(fixed);
    town.prepare();
    assert_eq!(town.rebut(fixed, slot), unheard(MonitoringRefusal::Fixed), "MEM-22");
    let alive = town.say(town.group()[0], fixed, Verdict::Alive);
    assert_eq!(alive, unheard(MonitoringRefusal::Fixed), "MEM-22");
    assert_eq!(town.agree(late, Verdict::Suspect), MembershipReply::Recorded(Epoch::new(1)));
    let shares = town.finish();
    let over = town.say(town.group()[0], late, Verdict::Suspect);
    assert_eq!(over, unheard(MonitoringRefusal::NotNow));
    town.turn(shares);
    assert_eq!(town.inactive(), BTreeSet::from([fixed]));
    assert!(town.next(late).is_some(), "MEM-22: it is not lost");
}

#[test]
fn mem_23_what_was_found_is_bound_by_the_randomness() {
    let fixed = |is_evicted: bool| {
        let mut town = Town::new(8, 1);
        town.deposit_all();
        let server = town.outsiders()[0];
        if is_evicted {
            town.evict(server);
        }
        town.freeze();
        town.frozen().fixed.changes
    };
    assert_ne!(fixed(true), fixed(false), "MEM-23");
}

/// Scenario 10: the group sees 40 of 100 dead.
#[test]
fn mem_45_in_a_partition_evictions_keep_to_the_caps_and_the_others_wait() {
    let mut town = Town::new(16, 1);
    let ring: Vec<_> = town.configuration.configuration().members.iter().map(|it| it.id).collect();
    let lost: BTreeSet<_> = town.outsiders().into_iter().take(6).collect();
    for server in &lost {
        town.evict(*server);
    }
    assert_eq!(town.news().change_count, 0, "MEM-73: what was found hurries nobody by its number");
    let mut counts = Vec::new();
    for _ in 0..3 {
        town.live_an_epoch();
        let gone = town.inactive();
        for start in 0..ring.len() {
            let window = (start..start + 4).map(|seat| ring[seat % ring.len()]);
            assert!(window.filter(|id| gone.contains(id)).count() <= 1, "MEM-45");
        }
        for server in lost.difference(&gone) {
            assert_eq!(town.held(*server), Some(Held::Window), "MEM-49");
            assert_eq!(town.status(*server), MemberStatus::Active);
        }
        assert!(gone.is_subset(&lost) && !gone.is_empty());
        let waiting = (lost.len() - gone.len()) as u64;
        assert_eq!(town.reader().tally().waiting, waiting, "MEM-49");
        assert_eq!(town.news().change_count, 0, "MEM-73: what the caps hold back hurries nobody");
        counts.push(gone.len());
    }
    assert_eq!((counts[0], counts[1]), (counts[1], counts[2]), "what is full stays full");
    assert!(!town.is_at_risk(), "what waits anyway hurries nobody");
}

#[test]
fn mem_49_who_waits_goes_when_there_is_room_or_rebuts() {
    let mut town = Town::new(8, 1);
    let [first, second, third, ..] = town.outsiders()[..] else { panic!("four of them") };
    town.evict(first);
    let waits_since = town.evict(second);
    town.evict(third);
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([first]), "of eight any two are near");
    assert_eq!(town.next(second).unwrap().slot, waits_since, "MEM-49");
    assert!(matches!(town.rebut(second, waits_since), MembershipReply::Recorded(_)));
    assert_eq!(town.agree(second, Verdict::Alive), HEARD);
    assert_eq!(town.next(second), None, "it was there after all");
    assert!(matches!(town.agree(first, Verdict::Alive), MembershipReply::Recorded(_)));
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([third]), "there is room for it");
}

#[test]
fn mem_46_no_eviction_leaves_too_few_for_a_group() {
    let mut town = Town::new(5, 1);
    let silent = town.outsiders()[0];
    town.evict(silent);
    let (spare, member) = (town.number_of(town.group()[0]), town.group()[1]);
    assert_eq!(town.remove(spare), MembershipReply::Refused(Refusal::TooFewServers), "MEM-25");
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([silent]));
    town.evict(member);
    town.live_an_epoch();
    assert_eq!(town.status(member), MemberStatus::Active, "MEM-46: four must stay");
    assert_eq!(town.held(member), Some(Held::TooFewLeft));
    assert_eq!(town.remove(spare), MembershipReply::Refused(Refusal::TooFewServers), "MEM-25");
    let dead = town.number_of(silent);
    assert_eq!(town.remove(dead), MembershipReply::Recorded(town.epoch()), "it has no duties");
    let successor = 20;
    assert_eq!(town.add(successor), MembershipReply::Recorded(town.epoch()));
    town.live_an_epoch();
    assert_eq!(town.held(member), Some(Held::Window), "one of its four neighbours has gone");
}

#[test]
fn a_silent_member_of_a_group_that_cannot_be_drawn_anew_keeps_its_seat() {
    let mut town = Town::new(5, 1);
    let member = town.group()[2];
    town.evict(member);
    let servers = town.servers();
    let absent = town.number_of(town.outsiders()[0]);
    for server in servers.into_iter().filter(|server| *server != absent) {
        town.deposit(server).unwrap();
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    assert!(town.underway().attempt.seats.iter().any(|seat| seat.node == member));
    let shares = town.finish();
    town.turn(shares);
    assert_eq!((town.status(member), town.held(member)), (MemberStatus::Active, Some(Held::Seat)));
    town.live_an_epoch();
    assert_eq!(town.status(member), MemberStatus::Inactive, "MEM-49");
}

#[test]
fn who_waits_to_be_evicted_is_drawn_only_for_want_of_others() {
    let mut town = Town::new(8, 1);
    let [first, second, ..] = town.outsiders()[..] else { panic!("four of them") };
    let silent = [first, second];
    for server in silent {
        town.evict(server);
    }
    for _ in 0..3 {
        town.live_an_epoch();
        assert_eq!(town.inactive().len(), 1, "of eight any two are near, so one has to wait");
        assert!(silent.iter().all(|server| !town.group().contains(server)));
    }
}

#[test]
fn mem_45_a_removal_of_one_neighbour_too_many_takes_the_override() {
    let mut town = Town::new(9, 1);
    let mut ring: Vec<_> = town.configuration.configuration().members.clone();
    ring.sort_by_key(|member| member.id);
    let number = |town: &Town, place: usize| town.number_of(ring[place].id);
    let [first, beside, apart] = [0, 3, 4].map(|place| number(&town, place));
    let epoch = MembershipReply::Recorded(town.epoch());
    assert_eq!(town.remove(first), epoch);
    let refused = MembershipReply::Refused(Refusal::NeighboursGone);
    assert_eq!(town.remove(beside), refused, "MEM-45: three places on, so in one window");
    assert_eq!(town.remove(apart), epoch, "of one window it is the only one");
    assert_eq!(town.remove(first), epoch, "what was recorded is no reason against itself");
    assert_eq!(town.remove(beside), refused);
    assert_eq!(town.remove_as(beside, true), epoch, "the authority says so");

    let mut town = Town::new(9, 1);
    town.evict(ring[0].id);
    town.live_an_epoch();
    assert_eq!(town.remove(beside), refused, "who is inactive counts");
    let gone = MembershipReply::Recorded(town.epoch());
    assert_eq!(town.remove(first), gone, "who has no duties takes nothing away");
}

#[test]
fn mem_48_who_is_proved_to_lie_goes_and_nothing_that_is_said_brings_it_back() {
    let mut town = Town::new(9, 1);
    let liar = town.outsiders()[0];
    assert_eq!(town.accuse(liar), MembershipReply::Recorded(Epoch::ZERO));
    let slot = Slot::new(town.slot);
    assert_eq!(town.accuse(liar), unheard(MonitoringRefusal::Repeated));
    assert_eq!(town.rebut(liar, slot), unheard(MonitoringRefusal::NothingToSay));
    assert_eq!(town.agree(liar, Verdict::Alive), unheard(MonitoringRefusal::NothingToSay));
    assert_eq!(town.next(liar).unwrap().found, Found::Guilty);
    let read = town.docket();
    let is_told = |before| {
        let news = read.news_since(before);
        news.iter().any(|it| matches!(it, ProberRequest::Convicted(server) if *server == liar))
    };
    assert!(is_told(None), "members say nothing of it any more");
    assert!(!is_told(Some(&read)), "they hear of it once");
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([liar]));
    assert_eq!(town.agree(liar, Verdict::Alive), unheard(MonitoringRefusal::Convicted), "MEM-48");
    let convicted = town.standing(liar).unwrap().convicted.unwrap();
    assert_eq!((convicted.epoch, convicted.slot), (Epoch::ZERO, slot), "kept and shown");
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([liar]), "MEM-48");
}

#[test]
fn mem_44_forged_evidence_is_refused_and_changes_nothing() {
    let mut town = Town::new(8, 1);
    let (liar, good) = (town.outsiders()[0], town.outsiders()[1]);
    // The first request fills the map.
    assert_eq!(town.standing(good), None);
    let before = town.state.scan(b"", usize::MAX);
    assert_eq!(town.accuse_with(good, liar), unheard(MonitoringRefusal::BadSignature), "MEM-44");
    assert_eq!(town.state.scan(b"", usize::MAX), before, "MEM-44: nothing is kept of it");
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::new());
    assert!(matches!(town.accuse(liar), MembershipReply::Recorded(_)), "the right one counts");
}

#[test]
fn mem_48_proof_takes_the_place_of_what_can_be_cancelled_and_counts_late_too() {
    let mut town = Town::new(9, 1);
    let (liar, other) = (town.outsiders()[0], town.outsiders()[4]);
    let slot = town.evict(liar);
    assert!(matches!(town.accuse(liar), MembershipReply::Recorded(_)));
    assert_eq!(town.rebut(liar, slot), unheard(MonitoringRefusal::NothingToSay));
    town.evict(other);
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([liar]), "in the order of the log");
    let back = town.agree(liar, Verdict::Alive);
    assert_eq!(back, unheard(MonitoringRefusal::Convicted), "MEM-48");

    let mut town = Town::new(9, 1);
    let liar = town.outsiders()[0];
    town.evict(liar);
    town.live_an_epoch();
    assert!(matches!(town.agree(liar, Verdict::Alive), MembershipReply::Recorded(_)));
    assert_eq!(town.accuse(liar), HEARD, "MEM-48: it is not brought back");
    assert_eq!(town.next(liar), None);
    town.live_an_epoch();
    assert_eq!(town.inactive(), BTreeSet::from([liar]));
}

#[test]
fn mem_8_what_changes_nothing_has_its_reason_and_is_not_kept() {
    let mut town = Town::new(8, 1);
    let (server, member) = (town.outsiders()[0], town.group()[0]);
    let nobody = NodeId::new([7; 32]);
    let right = town.observation(server, Verdict::Suspect);
    let outsider = town.outsiders()[1];
    let table = [
        (member, town.observation(nobody, Verdict::Suspect), MonitoringRefusal::Unknown),
        (member, town.observation(server, Verdict::Alive), MonitoringRefusal::NothingToSay),
        (outsider, right, MonitoringRefusal::Stranger),
        (member, Observation { epoch: Epoch::new(1), ..right }, MonitoringRefusal::OtherSubject),
        (member, Observation { slot: Slot::new(1_000), ..right }, MonitoringRefusal::FromTheFuture),
    ];
    let before = town.state.clone();
    for (by, observation, refusal) in table {
        assert_eq!(town.state(by, observation), unheard(refusal));
        assert_eq!(town.state, before, "MEM-8: {refusal:?}");
    }
    let full = [b"n", &member.as_bytes()[..]].concat();
    town.state.put(&full, quorate_wire::encode(&SPOKEN_ABOUT_MAX));
    assert_eq!(
        town.say(member, server, Verdict::Suspect),
        unheard(MonitoringRefusal::Full),
        "MEM-50"
    );
    town.live_an_epoch();
    assert_eq!(town.state.get(&full), None, "MEM-50");
    let mut young = Town::founding(7, 1);
    let server = young.outsiders()[0];
    let founding = young.say(young.group()[0], server, Verdict::Suspect);
    assert_eq!(founding, unheard(MonitoringRefusal::NotNow));
}

#[test]
fn a_window_is_at_risk_when_f_of_it_are_to_go() {
    let mut town = Town::new(8, 1);
    let (one, other) = (town.outsiders()[0], town.outsiders()[1]);
    assert!(!town.is_at_risk());
    assert_eq!(town.say(town.group()[0], one, Verdict::Suspect), HEARD);
    assert!(!town.is_at_risk(), "one member hurries nobody");
    let slot = town.evict(one);
    assert!(town.is_at_risk());
    assert!(matches!(town.rebut(one, slot), MembershipReply::Recorded(_)));
    assert_eq!(town.agree(one, Verdict::Alive), HEARD);
    assert!(!town.is_at_risk(), "it was cancelled");
    town.evict(one);
    town.live_an_epoch();
    assert!(!town.is_at_risk(), "it has gone");
    town.evict(other);
    assert!(!town.is_at_risk(), "it could not go, however soon the epoch ended");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Whatever comes in whatever order, the numbers in the map are those of the members.
    #[test]
    fn mem_25_counts_follow_the_members_through_evictions_and_returns(
        rounds in prop::collection::vec(
            (prop::collection::vec((0_u8..5, 0_usize..7), 0..6), any::<bool>()), 1..4
        )
    ) {
        let mut town = Town::new(7, 1);
        for (deeds, is_late) in rounds {
            if is_late {
                town.prepare();
            }
            for (kind, place) in deeds {
                let members = &town.configuration.configuration().members;
                let server = members[place % members.len()].id;
                let number = town.number_of(server);
                match kind {
                    0 | 1 => drop(town.agree(server, Verdict::Suspect)),
                    2 => drop(town.agree(server, Verdict::Alive)),
                    3 => drop(town.remove(number)),
                    _ => drop(town.accuse(server)),
                }
            }
            if !is_late {
                town.prepare();
            }
            let shares = town.finish();
            town.turn(shares);
            let members = &town.configuration.configuration().members;
            let active = members.iter().filter(|it| it.status == MemberStatus::Active).count();
            prop_assert!(active >= 4, "MEM-46");
            let reader = town.reader();
            let epoch = reader.header().epoch;
            let pending = reader.pending(epoch).count();
            let waiting = pending + reader.findings(epoch).count();
            prop_assert_eq!(reader.tally().waiting, waiting as u64);
            prop_assert!(reader.tally().fresh <= pending as u64, "MEM-73");
            prop_assert_eq!(reader.tally().present, active as u64, "MEM-69");
            if pending == 0 {
                prop_assert_eq!(reader.tally().active, active as u64, "MEM-25");
            }
        }
    }
}
