//! Announcements: operations that members put into their own lanes, without a session.

use std::sync::Arc;

use quorate_bft::limits::{
    ANNOUNCEMENT_BYTES_MAX, ANNOUNCEMENTS_WAITING_MAX, BATCH_ANNOUNCEMENTS_MAX,
};
use quorate_bft::message::{Announcement, Batch, Contents, Message};
use quorate_crypto::{Rejected, verify};
use quorate_types::{Duration, ReplicaId};

use crate::support::Cluster;

const SECOND: Duration = Duration::from_secs(1);

/// A batch of announcements at the first place of a lane.
fn batch(cluster: &Cluster, lane: u16, operations: Vec<Vec<u8>>) -> Arc<Batch> {
    let tip = cluster.origin_tip(lane);
    let place = (ReplicaId::new(lane), tip.seq.next(), tip.digest);
    let announcements = operations.into_iter().map(|operation| Announcement { operation });
    let contents = Contents { announcements: announcements.collect(), bundles: Vec::new() };
    let signer = &*cluster.signers[usize::from(lane)];
    Arc::new(Batch::sign(&cluster.group, place, contents, signer))
}

fn judge(cluster: &Cluster, batch: Batch) -> Result<(), Rejected> {
    verify(Message::Batch(Arc::new(batch)), &*cluster.group, &cluster.registry).map(|_| ())
}

#[test]
fn what_members_announce_is_executed_once_everywhere_in_their_own_names() {
    let mut cluster = Cluster::new(1);
    cluster.announce(0, b"leader");
    cluster.settle();
    cluster.announce(2, b"backup");
    cluster.settle();
    assert!(cluster.invoke("client").is_some());
    cluster.pass(SECOND);
    for index in 0..4 {
        assert_eq!(cluster.journal(index), "0:leader;2:backup;client;");
    }
    assert_eq!(cluster.mark("bft.announcement_executed"), 2 * 4);
    assert_eq!(cluster.executed_requests(0), 1, "the client's");
}

#[test]
fn the_same_announcement_twice_is_the_services_business() {
    let mut cluster = Cluster::new(1);
    cluster.announce(1, b"x");
    cluster.announce(1, b"x");
    cluster.settle();
    cluster.pass(SECOND);
    assert_eq!(cluster.journal(3), "1:x;1:x;");
}

#[test]
fn a_restarted_replica_has_forgotten_what_waited_and_not_what_is_in_its_lane() {
    let mut cluster = Cluster::new(1);
    cluster.isolate(2);
    // The first fills a batch, which nobody acknowledges; so the second waits.
    cluster.announce(2, b"in the lane");
    cluster.settle();
    cluster.announce(2, b"waiting");
    cluster.settle();
    cluster.crash(2);
    cluster.heal();
    cluster.restart(2);
    cluster.pass(SECOND);
    for index in 0..4 {
        assert_eq!(cluster.journal(index), "2:in the lane;");
    }
}

#[test]
fn what_finds_no_room_is_dropped_and_counted() {
    let mut cluster = Cluster::new(1);
    cluster.isolate(1);
    for _ in 0..ANNOUNCEMENTS_WAITING_MAX + 3 {
        cluster.announce(1, b"#");
    }
    cluster.announce(1, &vec![0; ANNOUNCEMENT_BYTES_MAX + 1]);
    assert_eq!(cluster.mark("bft.announcement_too_long"), 1);
    // The first of them went into a batch at once.
    assert_eq!(cluster.mark("bft.announcement_over_limit"), 2);
    cluster.heal();
    cluster.pass(SECOND);
    let admitted = ANNOUNCEMENTS_WAITING_MAX as u64 + 1;
    assert_eq!(cluster.mark("bft.announcement_admitted"), admitted);
    assert_eq!(cluster.mark("bft.announcement_executed"), 4 * admitted);
}

#[test]
fn what_a_batch_may_announce_follows_from_its_bytes_18() {
    let cluster = Cluster::silent(quorate_bft::Parameters::default());
    let most = vec![b"x".to_vec(); BATCH_ANNOUNCEMENTS_MAX];
    let good = batch(&cluster, 1, most.clone());
    assert_eq!(judge(&cluster, (*good).clone()), Ok(()));
    let crowded = batch(&cluster, 1, [most, vec![b"y".to_vec()]].concat());
    assert_eq!(judge(&cluster, (*crowded).clone()), Err(Rejected::WrongLength));
    let long = batch(&cluster, 1, vec![vec![0; ANNOUNCEMENT_BYTES_MAX + 1]]);
    assert_eq!(judge(&cluster, (*long).clone()), Err(Rejected::WrongLength));
    let other = batch(&cluster, 1, vec![b"other".to_vec()]);
    let swapped = Batch { header: good.header, contents: other.contents.clone() };
    assert_eq!(judge(&cluster, swapped), Err(Rejected::Inconsistent), "the header binds them");
}

#[test]
fn a_member_announces_in_nobody_elses_name() {
    let mut cluster = Cluster::new(1);
    cluster.villain = Some(3);
    let forged = {
        let tip = cluster.origin_tip(1);
        let place = (ReplicaId::new(1), tip.seq.next(), tip.digest);
        let announcements = vec![Announcement { operation: b"x".to_vec() }];
        let contents = Contents { announcements, bundles: Vec::new() };
        Batch::sign(&cluster.group, place, contents, &*cluster.signers[3])
    };
    assert!(!cluster.deliver(cluster.peer(3), 0, Message::Batch(Arc::new(forged))));
}

#[test]
fn a_liar_that_floods_its_lane_with_announcements_takes_no_room_from_others() {
    let mut cluster = Cluster::new(1);
    cluster.villain = Some(3);
    // A full batch at every place that the others acknowledge.
    let mut tip = cluster.origin_tip(3);
    for _ in 0..64 {
        let place = (ReplicaId::new(3), tip.seq.next(), tip.digest);
        let announcement = Announcement { operation: b"#".to_vec() };
        let announcements = vec![announcement; BATCH_ANNOUNCEMENTS_MAX];
        let contents = Contents { announcements, bundles: Vec::new() };
        let flood = Batch::sign(&cluster.group, place, contents, &*cluster.signers[3]);
        tip = crate::forge::tip_of(&flood);
        let flood = Message::Batch(Arc::new(flood));
        for index in 0..3 {
            assert!(cluster.deliver(cluster.peer(3), index, flood.clone()));
        }
    }
    assert!(cluster.mark("bft.batch_out_of_window") > 0, "the lane has a window");
    let slot = cluster.replica(0).executed_slot();
    let ticket = cluster.call("a");
    cluster.settle();
    cluster.pass(SECOND);
    assert_eq!(cluster.reply(ticket).as_deref(), Some("a;"));
    let slots = cluster.replica(0).executed_slot().since(slot);
    assert!(slots < 10, "the quota of a lane leaves the others their slots: {slots}");
}
