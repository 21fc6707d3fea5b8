//! Rule R1 of settled points 3: a proposal follows what is decided, or what was accepted in its own
//! view; what was accepted in an earlier one is no parent.

use quorate_bft::Parameters;
use quorate_bft::message::{Base, HashedCut, Message};
use quorate_types::{Slot, View};

use crate::follower::{Follower, ME};
use crate::forge::tip_of;
use crate::support::Cluster;

fn two_in_flight() -> Parameters {
    Parameters { slots_in_flight: 2, ..Parameters::default() }
}

#[test]
fn what_was_accepted_in_an_earlier_view_is_no_parent_r1() {
    for view in [0, 1] {
        let mut story = Follower::new(two_in_flight());
        if view == 1 {
            story.start_view_1();
        }
        let leader = u16::try_from(view).expect("a small number");
        let batch = story.cluster.batch(leader, story.cluster.origin_tip(leader), "x");
        let parent = story.cluster.cut_inline(&story.last, &batch);
        story.say(story.cluster.proposal(view, &parent, Some(batch)));
        if view == 0 {
            story.start_view_1();
        }
        let child = story.cut(&parent, &story.cluster.batch(2, story.cluster.origin_tip(2), "y"));
        story.say(story.cluster.proposal(1, &child, None));
        let votes = story.cluster.sent_by(ME).filter_map(|(_, _, message)| match message {
            Message::Prepare(vote) => Some(vote.digest),
            _ => None,
        });
        let is_accepted = votes.collect::<Vec<_>>().contains(&child.digest());
        assert_eq!(is_accepted, view == 1, "the parent was accepted in view {view}");
    }
}

#[test]
fn a_leader_proposes_behind_no_cut_of_an_earlier_view_r1() {
    let mut cluster = Cluster::silent(two_in_flight());
    [0, 2, 3].iter().for_each(|index| cluster.crash(*index));
    let from = cluster.peer(0);
    let batch = cluster.batch(0, cluster.origin_tip(0), "x");
    let cut = cluster.cut_inline(&cluster.origin_cut(), &batch);
    cluster.deliver(from, 1, cluster.proposal(0, &cut, Some(batch)));
    assert_eq!(cluster.mark("bft.accepted"), 1);
    for wisher in [0, 2, 3] {
        cluster.deliver(from, 1, cluster.wish(wisher, 1));
    }
    for from in [0, 2, 3] {
        let change = cluster.change(from, 1, (Base::Start, Vec::new()));
        cluster.deliver(cluster.peer(from), 1, Message::ViewChange(change));
    }
    assert_eq!(cluster.replica(1).view(), (View::new(1), true));
    let (other, mut tips) = (cluster.batch(2, cluster.origin_tip(2), "y"), cluster.origin_tips());
    tips[2] = tip_of(&other);
    cluster.deliver(from, 1, Message::Batch(other));
    for from in [0, 2, 3] {
        let vector = cluster.vector(from, &tips);
        cluster.deliver(cluster.peer(from), 1, Message::AckVector(vector));
    }
    let proposals: Vec<HashedCut> = cluster.proposals_of(1).collect();
    assert!(!proposals.is_empty(), "it has something to propose");
    assert!(proposals.iter().all(|cut| cut.slot == Slot::new(1)), "slot 1 is open again");
}
