//! Villains with keys: nothing that a member signs stops, stalls or overturns the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_bft::limits::FETCH_SLOTS_MAX;
use quorate_bft::message::{
    Base, Checkpoint, CheckpointCertificate, Cut, FetchState, HashedCut, Message, Phase,
    StateChunk, Status, Tip, Vote,
};
use quorate_bft::rules::judge;
use quorate_bft::{Parameters, Record};
use quorate_state::Map;
use quorate_types::{Digest, Duration, LaneSeq, Peer, ReplicaId, Slot, View};

use crate::follower::every;
use crate::forge::{ORIGIN, tip_of};
use crate::support::Cluster;

const SECOND: Duration = Duration::from_secs(1);

fn with_slots_in_flight(slots_in_flight: u64) -> Parameters {
    Parameters { slots_in_flight, ..Parameters::default() }
}

/// A group that never ran, of which only replica `index` runs.
fn only(index: u16, parameters: Parameters) -> Cluster {
    let mut cluster = Cluster::silent(parameters);
    for other in (0..4).filter(|other| *other != index) {
        cluster.crash(other);
    }
    cluster
}

fn prepares_of(cluster: &Cluster, index: u16) -> Vec<Vote> {
    let votes = cluster.sent_by(index).filter_map(|(_, _, message)| match message {
        Message::Prepare(vote) => Some(*vote),
        _ => None,
    });
    votes.collect()
}

#[test]
fn an_accusation_of_the_last_view_panics_nobody_b17() {
    let mut cluster = Cluster::new(1);
    let (accusation, from) = (cluster.accusation(u64::MAX, 1), cluster.peer(3));
    for index in [0, 1, 2, 0, 1, 2] {
        assert!(cluster.deliver(from, index, accusation.clone()));
        cluster.settle();
    }
    assert_eq!(cluster.replica(0).view(), (View::ZERO, true), "another view is nobody's business");
    assert_eq!(cluster.invoke("a").as_deref(), Some("a;"));
}

#[test]
fn an_accusation_moves_whoever_is_in_its_view() {
    let mut cluster = Cluster::new(1);
    let (accusation, from) = (cluster.accusation(0, 1), cluster.peer(3));
    assert!(cluster.deliver(from, 1, accusation));
    cluster.settle();
    for index in 0..4 {
        assert_eq!(cluster.replica(index).view(), (View::new(1), true));
    }
    assert_eq!(cluster.invoke("a").as_deref(), Some("a;"));
}

fn boast(cluster: &Cluster) -> Message {
    let far = Slot::new(u64::MAX);
    Message::Status(Status {
        view: View::ZERO,
        is_active: true,
        committed: far,
        executed: far,
        stable: far,
        floor: far,
        acknowledged: vec![LaneSeq::new(u64::MAX); cluster.group.members.len()],
    })
}

#[test]
fn a_status_of_slots_that_do_not_exist_stops_no_leader_b11() {
    let mut cluster = Cluster::new(1);
    cluster.crash(3);
    for _ in 0..20 {
        for index in 0..3 {
            let (from, status) = (cluster.peer(3), boast(&cluster));
            cluster.deliver(from, index, status);
        }
        cluster.pass(Duration::from_millis(250));
    }
    assert_eq!(cluster.mark("bft.transfer_begun"), 0, "one claim is no reason");
    let ticket = cluster.call("a");
    cluster.settle();
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;"), "the leader proposes");
    assert_eq!(cluster.replica(0).view(), (View::ZERO, true));
}

#[test]
fn lane_heads_that_follow_nothing_are_asked_for_a_few_at_a_time() {
    let mut cluster = Cluster::new(1);
    cluster.crash(3);
    for number in 0..60_u8 {
        let mut tip = cluster.origin_tip(3);
        (tip.seq, tip.digest) = (LaneSeq::new(5), Digest::new([number; 32]));
        let (batch, from) = (cluster.batch(3, tip, "x"), cluster.peer(3));
        cluster.deliver(from, 0, Message::Batch(batch));
        cluster.pass(Duration::from_millis(300));
        let gap = cluster.batch(3, cluster.origin_tip(3), "y");
        assert_ne!(tip_of(&gap).seq, tip.seq);
    }
    cluster.sent.clear();
    cluster.pass(SECOND);
    let asked = cluster.sent_by(0).filter_map(|(_, _, message)| match message {
        Message::FetchBatches(fetch) => Some(fetch.digests.iter().copied()),
        _ => None,
    });
    let asked: BTreeSet<Digest> = asked.flatten().collect();
    assert!(asked.len() <= 4, "what nobody can need is not asked for again: {}", asked.len());
}

/// A lane's owner has the replica fetch one batch after the other that no lane has a place for.
#[test]
fn what_is_fetched_for_a_gap_is_kept_only_where_the_lane_has_a_place_for_it() {
    let mut cluster = Cluster::new(1);
    cluster.crash(3);
    let (owner, held) = (cluster.peer(3), cluster.replica(0).live_items());
    let far = |seq| Tip { seq: LaneSeq::new(seq), digest: Digest::new([7; 32]) };
    let mut last = cluster.batch(3, far(30), "x");
    for number in 0..20_u64 {
        let before = cluster.batch(3, far(100 + number), "x");
        let next = Tip { seq: LaneSeq::new(29 - number), digest: before.digest() };
        last = cluster.batch(3, next, "y");
        cluster.deliver(owner, 0, Message::Batch(Arc::clone(&last)));
        cluster.pass(Duration::from_millis(300));
        let wants = |message: &Message| match message {
            Message::FetchBatches(fetch) => fetch.digests.contains(&before.digest()),
            _ => false,
        };
        assert!(cluster.sent_by(0).any(|(_, _, message)| wants(message)), "it asks");
        cluster.deliver(owner, 0, Message::Batch(before));
    }
    assert_eq!(cluster.replica(0).live_items(), held, "{:?} waits, and no body", last.digest());
}

#[test]
fn a_leader_that_passes_over_a_lane_is_replaced_b05() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let leader = cluster.peer(0);
    cluster.filter = Some(Box::new(move |_, to, message| match message {
        Message::Batch(batch) => !(to == leader && batch.header.header.lane.get() == 1),
        _ => true,
    }));
    let (from, bundle) = (cluster.client_peer(), cluster.bundle_of_client("censored"));
    cluster.deliver(from, 1, Message::Request(bundle));
    for number in 0..40 {
        cluster.call(&number.to_string());
        cluster.settle();
        cluster.pass(Duration::from_millis(100));
    }
    assert!(cluster.journal(1).contains("censored;"), "the other lanes' progress is no excuse");
    assert_ne!(cluster.replica(1).view().0, View::ZERO);
}

#[test]
fn a_batch_withheld_from_the_leader_is_got_from_those_who_acknowledged_it() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let (owner, leader) = (cluster.peer(3), cluster.peer(0));
    cluster.filter = Some(Box::new(move |from, to, message| {
        !(from == owner && to == leader && matches!(message, Message::Batch(_)))
    }));
    let (from, bundle) = (cluster.client_peer(), cluster.bundle_of_client("withheld"));
    cluster.deliver(from, 3, Message::Request(bundle));
    cluster.settle();
    cluster.pass(Duration::from_millis(450));
    assert!(cluster.journal(0).contains("withheld;"));
    assert_eq!(cluster.replica(0).view(), (View::ZERO, true), "the leader is not framed");
}

#[test]
fn rows_of_many_moments_give_a_cut_that_others_accept() {
    let mut cluster = only(0, Parameters::default());
    let origin = cluster.origin_tips();
    let first: Vec<_> =
        (0..4).map(|lane| cluster.batch(lane, origin[usize::from(lane)], "x")).collect();
    let second: Vec<_> =
        (0..4).map(|lane| cluster.batch(lane, tip_of(&first[usize::from(lane)]), "y")).collect();
    let tips = |positions: [usize; 4]| {
        let tip = |(lane, position): (usize, usize)| match position {
            0 => origin[lane],
            1 => tip_of(&first[lane]),
            _ => tip_of(&second[lane]),
        };
        positions.into_iter().enumerate().map(tip).collect::<Vec<_>>()
    };
    // Replica 3 goes ahead of the leader in one lane after the other: three of its vectors lie on
    // the leader's chains, one for each lane.
    let mut messages: Vec<Message> =
        (1..4).map(|lane| Message::Batch(Arc::clone(&first[lane]))).collect();
    for (moment, positions) in [[0, 1, 0, 0], [0, 2, 1, 0], [0, 2, 2, 1]].into_iter().enumerate() {
        let clock = ORIGIN.after(SECOND.times(moment as u64));
        messages.push(Message::AckVector(cluster.vector_at(3, &tips(positions), clock)));
    }
    let from = cluster.peer(3);
    for message in messages {
        cluster.deliver(from, 0, message);
    }
    let last = Message::AckVector(cluster.vector(1, &tips([0, 1, 1, 1])));
    cluster.deliver(cluster.peer(1), 0, last);
    cluster.pass(Duration::from_millis(5));
    let cuts: Vec<_> = cluster.proposals_of(0).collect();
    assert!(!cuts.is_empty(), "the leader proposes");
    for cut in cuts {
        let parent = cluster.origin_cut();
        assert_eq!(judge(&cluster.group, ReplicaId::new(0), &cut, &parent), Ok(()), "BFT-2");
    }
}

/// What a replica said of its lanes long ago, brought by another, takes nothing back.
#[test]
fn a_vector_counts_only_from_who_signed_it_b17() {
    let mut cluster = only(0, Parameters::default());
    let origin = cluster.origin_tips();
    let batch = cluster.batch(1, origin[1], "x");
    let mut tips = origin.clone();
    tips[1] = tip_of(&batch);
    let (owner, liar) = (cluster.peer(1), cluster.peer(2));
    cluster.deliver(owner, 0, Message::Batch(batch));
    let said = Message::AckVector(cluster.vector(1, &tips));
    cluster.deliver(owner, 0, said);
    let old = Message::AckVector(cluster.vector(1, &origin));
    cluster.deliver(liar, 0, old);
    assert_eq!(cluster.mark("bft.vector_relayed"), 1);
    assert_eq!(cluster.proposals_of(0).count(), 0, "two of four are no quorum");
    let third = Message::AckVector(cluster.vector(3, &tips));
    cluster.deliver(cluster.peer(3), 0, third);
    cluster.pass(Duration::from_millis(5));
    let proposed = cluster.proposals_of(0).next().map(|cut| cut.frontier());
    assert_eq!(proposed, Some(tips), "a quorum holds the batch");
}

/// A state that nobody has.
fn made_up(cluster: &Cluster, liar: u16, slot: u64) -> Message {
    let cut = HashedCut::new(Cut { slot: Slot::new(slot), ..Cut::origin(&cluster.group) });
    let CheckpointCertificate { statement, .. } = cluster.checkpoint(&[liar], &cut);
    let signer = (ReplicaId::new(liar), cluster.signer(liar));
    Message::Checkpoint(Checkpoint::sign(&cluster.group, statement, signer))
}

/// Two members lie about states to come, one after the other, and are repaired by a restart.
#[test]
fn states_that_liars_made_up_in_turn_keep_no_checkpoint_from_being_stable_b17() {
    let mut cluster = Cluster::with(1, every(2));
    for liar in [1, 2] {
        for slot in (2..=16).step_by(2) {
            for other in (0..4).filter(|other| *other != liar) {
                let (from, lie) = (cluster.peer(liar), made_up(&cluster, liar, slot));
                cluster.deliver(from, other, lie);
            }
        }
        cluster.crash(liar);
        cluster.restart(liar);
    }
    for number in 0..40 {
        let ticket = cluster.call(&number.to_string());
        cluster.pass(SECOND);
        assert!(cluster.reply(ticket).is_some(), "call {number}");
    }
    assert!(cluster.replica(0).executed_slot() > Slot::new(16), "beyond all that was lied about");
    assert!(cluster.mark("bft.two_states") > 0);
}

#[test]
fn a_statement_counts_only_from_who_signed_it_b17() {
    let mut cluster = only(0, every(2));
    for (sender, relayed) in [(2, 1), (1, 1)] {
        let (from, said) = (cluster.peer(sender), made_up(&cluster, 1, 2));
        cluster.deliver(from, 0, said);
        assert_eq!(cluster.mark("bft.checkpoint_relayed"), relayed);
    }
}

#[test]
fn a_restart_between_a_new_view_and_its_votes_forgets_no_choice() {
    let mut cluster = only(0, Parameters::default());
    let batch = cluster.batch(1, cluster.origin_tip(1), "x");
    let chosen = cluster.cut_inline(&cluster.origin_cut(), &batch);
    let start = || (Base::Start, Vec::new());
    let changes = vec![
        cluster.change(1, 1, (Base::Start, vec![cluster.prepared(&[1, 2, 3], (0, &chosen))])),
        cluster.change(2, 1, start()),
        cluster.change(3, 1, start()),
    ];
    let (new_view, from) = (cluster.new_view(1, changes), cluster.peer(1));
    for effects in 0..12 {
        cluster.crash_after(0, effects);
        cluster.deliver(from, 0, new_view.clone());
        if cluster.runs(0) {
            cluster.crash(0);
        }
        cluster.boot(0);
        let other = cluster.batch(1, cluster.origin_tip(1), "y");
        let fresh = cluster.cut_inline(&cluster.origin_cut(), &other);
        cluster.deliver(from, 0, cluster.proposal(1, &fresh, Some(other)));
        cluster.settle();
        let is_fresh = |vote: &Vote| vote.digest == fresh.digest();
        assert!(!prepares_of(&cluster, 0).iter().any(is_fresh), "crash after {effects} effects");
    }
    cluster.deliver(from, 0, new_view);
    cluster.crash(0);
    cluster.restart(0);
    let voted = cluster.records(0).any(|record| match record {
        Record::Accepted { view, cut, .. } => *view == View::new(1) && *cut == chosen,
        _ => false,
    });
    assert!(voted, "what the view chose is voted for after the restart too");
}

#[test]
fn nobody_votes_below_the_base_of_a_view_3b() {
    let mut cluster = only(0, with_slots_in_flight(3));
    let mut parent = cluster.origin_cut();
    let mut tip = cluster.origin_tip(1);
    let mut cuts = Vec::new();
    for _ in 0..3 {
        let batch = cluster.batch(1, tip, "x");
        let cut = cluster.cut_inline(&parent, &batch);
        (tip, parent) = (tip_of(&batch), cut.clone());
        cuts.push(cut);
    }
    let certificate = cluster.committed(&[1, 2, 3], (0, &cuts[2]));
    let base = Base::Committed { cut: cuts[2].clone(), certificate };
    let changes = vec![
        cluster.change(1, 1, (base, Vec::new())),
        cluster.change(2, 1, (Base::Start, Vec::new())),
        cluster.change(3, 1, (Base::Start, Vec::new())),
    ];
    let (new_view, from) = (cluster.new_view(1, changes), cluster.peer(1));
    assert!(cluster.deliver(from, 0, new_view));
    let other = cluster.batch(1, cluster.origin_tip(1), "y");
    let fresh = cluster.cut_inline(&cluster.origin_cut(), &other);
    assert!(cluster.deliver(from, 0, cluster.proposal(1, &fresh, Some(other))));
    cluster.settle();
    assert_eq!(prepares_of(&cluster, 0), Vec::new(), "slot 1 is decided, though not known here");
}

#[test]
fn the_base_of_a_view_is_learned_through_what_was_prepared() {
    let mut cluster = only(0, with_slots_in_flight(3));
    let from = cluster.peer(1);
    let first = cluster.batch(0, cluster.origin_tip(0), "x");
    let second = cluster.batch(0, tip_of(&first), "y");
    let one = cluster.cut_inline(&cluster.origin_cut(), &first);
    let two = cluster.cut_inline(&one, &second);
    for (cut, batch) in [(&one, &first), (&two, &second)] {
        assert!(cluster.deliver(from, 0, cluster.proposal(0, cut, Some(Arc::clone(batch)))));
    }
    let certificate = cluster.committed(&[1, 2, 3], (0, &two));
    let base = Base::Committed { cut: two, certificate };
    let changes = vec![
        cluster.change(1, 1, (base, Vec::new())),
        cluster.change(2, 1, (Base::Start, Vec::new())),
        cluster.change(3, 1, (Base::Start, Vec::new())),
    ];
    assert!(cluster.deliver(from, 0, cluster.new_view(1, changes)));
    assert_eq!(cluster.replica(0).executed_slot(), Slot::new(2), "nobody else may have slot 1");
}

#[test]
fn a_restart_forgets_no_acknowledgement_however_long_the_log() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    for number in 0..50 {
        let bundle = cluster.bundle_of_client(&number.to_string());
        cluster.deliver(cluster.client_peer(), 1, Message::Request(bundle));
        cluster.settle();
        cluster.pass(Duration::from_millis(2));
    }
    cluster.filter = Some(Box::new(|_, _, message| !matches!(message, Message::PrePrepare(_))));
    let bundle = cluster.bundle_of_client("last");
    cluster.deliver(cluster.client_peer(), 1, Message::Request(bundle));
    cluster.settle();
    let acknowledged = |cluster: &Cluster| {
        let vectors = cluster.sent_by(2).filter_map(|(_, _, message)| match message {
            Message::AckVector(vector) => Some(vector.tips[1]),
            _ => None,
        });
        vectors.last()
    };
    cluster.pass(Duration::from_millis(5));
    let before = acknowledged(&cluster).expect("it spoke");
    assert!(before.seq > LaneSeq::new(40));
    cluster.sent.clear();
    cluster.crash(2);
    cluster.filter = Some(Box::new(|_, _, message| matches!(message, Message::AckVector(_))));
    cluster.restart(2);
    cluster.pass(Duration::from_millis(50));
    assert_eq!(acknowledged(&cluster), Some(before), "BFT-1: one digest per position, for life");
}

#[test]
fn a_liar_with_two_true_checkpoints_does_not_hold_a_transfer_b11() {
    let mut cluster = only(0, Parameters { checkpoint_interval: 4, ..Parameters::default() });
    let mut parent = cluster.origin_cut();
    let mut tip = cluster.origin_tip(1);
    let mut stable = Vec::new();
    for slot in 1..=8 {
        let batch = cluster.batch(1, tip, "x");
        (tip, parent) = (tip_of(&batch), cluster.cut_inline(&parent, &batch));
        if slot % 4 == 0 {
            stable.push((cluster.checkpoint(&[1, 2, 3], &parent), parent.clone()));
        }
    }
    let status = Message::Status(Status {
        view: View::ZERO,
        is_active: true,
        committed: Slot::new(8),
        executed: Slot::new(8),
        stable: Slot::new(8),
        floor: Slot::new(5),
        acknowledged: vec![LaneSeq::ZERO; 4],
    });
    for from in [1, 2, 3] {
        cluster.deliver(cluster.peer(from), 0, status.clone());
    }
    let junk = Map::new().snapshot().chunk(None, 100);
    let mut answers = 0;
    for _ in 0..40 {
        cluster.pass(Duration::from_millis(50));
        while let Some(source) = cluster.next_fetch_of_state() {
            if source != cluster.peer(3) {
                continue;
            }
            let (certificate, cut) = stable[answers % 2].clone();
            let chunk = StateChunk { certificate, cut, chunk: junk.clone() };
            cluster.deliver(source, 0, Message::StateChunk(Arc::new(chunk)));
            answers += 1;
            assert!(answers < 100, "the liar is asked again and again");
        }
    }
    assert!(answers > 0, "the story was told");
}

#[test]
fn an_opening_proposal_beyond_the_window_is_not_accepted() {
    let parameters = Parameters { checkpoint_interval: 1, ..Parameters::default() };
    let mut cluster = only(1, parameters.clone());
    let mut parent = cluster.origin_cut();
    let mut tip = cluster.origin_tip(0);
    let from = cluster.peer(0);
    for _ in 0..parameters.window() + 3 {
        let batch = cluster.batch(0, tip, "x");
        let cut = cluster.cut_inline(&parent, &batch);
        cluster.deliver(from, 1, cluster.proposal(0, &cut, Some(Arc::clone(&batch))));
        for phase in [Phase::Prepare, Phase::Commit] {
            for voter in [0, 2, 3] {
                let vote = cluster.vote(phase, voter, (0, &cut));
                let vote = match phase {
                    Phase::Prepare => Message::Prepare(vote),
                    Phase::Commit => Message::Commit(vote),
                };
                cluster.deliver(from, 1, vote);
            }
        }
        (tip, parent) = (tip_of(&batch), cut);
    }
    cluster.settle();
    let highest = prepares_of(&cluster, 1).iter().map(|vote| vote.slot).max();
    assert_eq!(highest, Some(Slot::new(parameters.window())), "memory ends at the water mark");
}

#[test]
fn a_replica_that_lost_the_proof_of_its_view_still_brings_the_others_there_p06() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    cluster.crash(3);
    cluster.crash(0);
    // Replica 3 wished with replicas 1 and 2; only replica 1 learns of all three wishes, and all
    // that it says is lost with its memory.
    let one = cluster.peer(1);
    cluster.filter = Some(Box::new(move |from, _, _| from != one));
    for _ in 0..1 {
        let wishes: Vec<Message> = [0, 2, 3].map(|from| cluster.wish(from, 1)).into();
        for wish in wishes {
            cluster.deliver(cluster.peer(2), 1, wish);
        }
    }
    cluster.settle();
    assert_eq!(cluster.replica(1).view(), (View::new(1), false));
    cluster.crash(1);
    cluster.filter = None;
    cluster.boot(0);
    cluster.restart(1);
    assert_eq!(cluster.replica(1).view(), (View::new(1), false));
    let ticket = cluster.call("b");
    cluster.settle();
    cluster.pass(SECOND.times(20));
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;"));
}

#[test]
fn a_liar_about_the_view_does_not_become_every_calls_first_stop() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let liar = cluster.peer(3);
    cluster.crash(3);
    cluster.reply_with_view(liar, View::new(u64::MAX));
    cluster.sent.clear();
    assert_eq!(cluster.invoke("b").as_deref(), Some("a;b;"), "answered without a retry");
}

#[test]
fn calls_to_a_dead_replica_survive_the_load_of_the_others() {
    let mut cluster = Cluster::new(1);
    cluster.crash(2);
    let mut tickets = Vec::new();
    for _ in 0..60 {
        tickets.extend((0..64).map(|number| cluster.call(&number.to_string())));
        cluster.settle();
        cluster.pass(Duration::from_millis(5));
    }
    cluster.pass(SECOND.times(20));
    for ticket in tickets {
        let reply = cluster.reply(ticket);
        assert!(reply.is_some_and(|reply| reply.ends_with(';')), "call {ticket} is executed");
    }
}

#[test]
fn requests_that_others_executed_leave_room_at_a_replica_that_got_the_state() {
    let mut cluster =
        Cluster::with(1, Parameters { checkpoint_interval: 4, ..Parameters::default() });
    cluster.invoke("a");
    cluster.isolate(3);
    for number in 0..40 {
        let bundle = cluster.bundle_of_client(&number.to_string());
        for index in [0, 3] {
            cluster.deliver(cluster.client_peer(), index, Message::Request(bundle.clone()));
        }
        cluster.settle();
    }
    cluster.heal();
    cluster.pass(SECOND.times(10));
    assert!(cluster.mark("bft.state_installed") > 0);
    let before = cluster.mark("bft.request_over_limit");
    let bundle = cluster.bundle_of_client("after");
    cluster.deliver(cluster.client_peer(), 3, Message::Request(bundle));
    cluster.settle();
    cluster.pass(SECOND);
    assert_eq!(cluster.mark("bft.request_over_limit"), before);
    assert!(cluster.journal(0).contains("after;"));
}

#[test]
fn a_fetch_of_any_state_and_slot_is_harmless_b17() {
    let mut cluster = Cluster::new(1);
    cluster.invoke("a");
    let far = Slot::new(u64::MAX);
    let from: Peer = cluster.peer(3);
    let fetch = FetchState { slot_min: Slot::ZERO, after: Some(vec![0xff; 4096]) };
    let slots = quorate_bft::message::FetchSlots { above: far };
    let proposal = quorate_bft::message::FetchProposal { slot: far, digest: Digest::ZERO };
    for message in [
        Message::FetchState(fetch),
        Message::FetchSlots(slots),
        Message::FetchProposal(proposal),
        boast(&cluster),
    ] {
        assert!(cluster.deliver(from, 0, message));
    }
    cluster.settle();
    assert_eq!(cluster.invoke("b").as_deref(), Some("a;b;"));
}

#[test]
fn votes_on_decided_slots_outlive_restarts_so_that_any_slot_can_be_fetched() {
    // One answer does not reach the checkpoint.
    let interval = 2 * FETCH_SLOTS_MAX as u64;
    let parameters = Parameters { checkpoint_interval: interval, ..Parameters::default() };
    let mut cluster = Cluster::with(1, parameters);
    let villain = cluster.peer(1);
    cluster.filter = Some(Box::new(move |from, _, message| {
        !(from == villain && matches!(message, Message::Checkpoint(_)))
    }));
    cluster.isolate(2);
    for _ in 0..=interval {
        cluster.invoke("a");
    }
    cluster.crash(1);
    for index in [0, 3] {
        cluster.crash(index);
        cluster.boot(index);
    }
    cluster.heal();
    cluster.pass(SECOND.times(20));
    assert_eq!(cluster.journal(2), cluster.journal(0));
}

#[test]
fn slots_below_a_checkpoint_that_never_became_stable_outlive_restarts_35() {
    for restarted in [vec![0], vec![0, 3]] {
        let parameters = Parameters { checkpoint_interval: 4, ..Parameters::default() };
        let mut cluster = Cluster::with(1, parameters);
        let villain = cluster.peer(1);
        cluster.filter = Some(Box::new(move |from, _, message| {
            !(from == villain && matches!(message, Message::Checkpoint(_)))
        }));
        cluster.isolate(2);
        for operation in ["a", "b", "c", "d", "e"] {
            cluster.invoke(operation);
        }
        cluster.crash(1);
        for index in restarted {
            cluster.crash(index);
            cluster.boot(index);
        }
        cluster.heal();
        let ticket = cluster.call("f");
        cluster.settle();
        cluster.pass(SECOND.times(20));
        assert_eq!(cluster.reply(ticket).as_deref(), Some("a;b;c;d;e;f;"));
        assert_eq!(cluster.journal(2), "a;b;c;d;e;f;");
    }
}
