//! What waits for a batch is bounded for each client and for all, and is given back.

use alloc::sync::Arc;
use std::vec;
use std::vec::Vec;

use quorate_types::{Epoch, GroupId, RequestId, Slot, SystemId};

use super::Requests;
use crate::fixtures::Fixture;
use crate::limits::{
    ANNOUNCEMENT_BYTES_MAX, ANNOUNCEMENTS_WAITING_BYTES_MAX, ANNOUNCEMENTS_WAITING_MAX,
    BATCH_ANNOUNCEMENT_BYTES_MAX, BATCH_ANNOUNCEMENTS_MAX, BATCH_BUNDLES_MAX, BATCH_BYTES_MAX,
    BUNDLE_BYTES_MAX, CLIENT_BUNDLES_MAX, OPERATION_BYTES_MAX, REQUEST_QUEUE_BYTES_MAX,
};
use crate::message::{Announcement, Bundle, BundleBody, Operation, SessionId};

/// A bundle of one of the fixture's four keys, of this many operations of this length.
fn bundle(client: usize, number: u64, (operations, bytes): (u64, usize)) -> Arc<Bundle> {
    let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 0 };
    let operation = |index| {
        let id = RequestId::new(1_000 * number + index + 1);
        Operation { id, payload: vec![0; bytes] }
    };
    let operations = (0..operations).map(operation).collect();
    let body = BundleBody::Invoke { session, ack_upto: RequestId::ZERO, operations };
    let place = (SystemId::new([1; 32]), GroupId::new([2; 32]));
    Arc::new(Bundle::sign(place, body, &Fixture::new().signers[client]))
}

fn small(client: usize, number: u64) -> Arc<Bundle> {
    bundle(client, number, (1, 10))
}

#[test]
fn a_client_has_a_bounded_share_under_way_and_leaves_room_for_others_g01() {
    let mut requests = Requests::default();
    let own: Vec<_> = (0..CLIENT_BUNDLES_MAX as u64).map(|number| small(0, number)).collect();
    for bundle in &own {
        assert_eq!(requests.admit(Arc::clone(bundle)), Ok(()));
        assert_eq!(requests.admit(Arc::clone(bundle)), Err("bft.request_under_way"));
    }
    assert_eq!(requests.admit(small(0, 99)), Err("bft.request_over_limit"));
    assert_eq!(requests.admit(small(1, 99)), Ok(()), "another client has its own share");

    // In a batch it is still under way; executed it is not.
    assert_eq!(requests.take(usize::MAX).bundles.len(), CLIENT_BUNDLES_MAX + 1);
    assert_eq!(requests.admit(small(0, 99)), Err("bft.request_over_limit"));
    requests.finish(&own[3]);
    assert_eq!(requests.admit(Arc::clone(&own[4])), Err("bft.request_under_way"));
    assert_eq!(requests.admit(small(0, 99)), Ok(()));
    assert_eq!(requests.admit(small(0, 100)), Err("bft.request_over_limit"));
}

#[test]
fn the_queue_is_bounded_in_bytes_and_what_is_taken_makes_room() {
    let mut requests = Requests::default();
    let large = (3, OPERATION_BYTES_MAX);
    let size = bundle(0, 0, large).size_bytes();
    assert!(size <= BUNDLE_BYTES_MAX);
    // Four clients fill it within their shares.
    let mut admitted = 0;
    let refused = loop {
        match requests.admit(bundle(admitted % 4, admitted as u64, large)) {
            Ok(()) => admitted += 1,
            Err(mark) => break mark,
        }
    };
    assert_eq!(refused, "bft.request_over_limit");
    assert_eq!(admitted, REQUEST_QUEUE_BYTES_MAX / size, "by bytes, not by share");
    assert_eq!(requests.queued_bytes(), admitted * size);

    assert_eq!(requests.take(2 * size).bundles.len(), 2);
    assert_eq!(requests.queued_bytes(), (admitted - 2) * size);
    assert_eq!(requests.admit(bundle(0, 500, large)), Ok(()));
    assert_eq!(requests.take(1).bundles.len(), 1, "always one, or a large one would wait for ever");
    while !requests.take(usize::MAX).is_empty() {}
    assert_eq!(requests.queued_bytes(), 0);
}

#[test]
fn a_batch_has_a_bounded_number_of_bundles() {
    let mut requests = Requests::default();
    for number in 0..=BATCH_BUNDLES_MAX as u64 {
        let bundle = small(0, number);
        assert_eq!(requests.admit(Arc::clone(&bundle)), Ok(()));
        // As if it had been executed: this is about the batch, not about the client.
        requests.finish(&bundle);
    }
    assert_eq!(requests.take(usize::MAX).bundles.len(), BATCH_BUNDLES_MAX);
    assert_eq!(requests.len(), 1);
}

fn announcement(bytes: usize) -> Announcement {
    Announcement { operation: vec![7; bytes] }
}

#[test]
fn what_a_member_announces_is_bounded_in_number_and_in_bytes() {
    let mut requests = Requests::default();
    let too_long = requests.announce(announcement(ANNOUNCEMENT_BYTES_MAX + 1));
    assert_eq!(too_long, Err("bft.announcement_too_long"));
    for _ in 0..ANNOUNCEMENTS_WAITING_MAX {
        assert_eq!(requests.announce(announcement(1)), Ok(()));
    }
    assert_eq!(requests.announce(announcement(1)), Err("bft.announcement_over_limit"));
    assert_eq!(requests.take(usize::MAX).announcements.len(), BATCH_ANNOUNCEMENTS_MAX);
    assert_eq!(requests.announce(announcement(1)), Ok(()), "what was taken makes room");

    let mut requests = Requests::default();
    let longest = announcement(ANNOUNCEMENT_BYTES_MAX);
    let fit = ANNOUNCEMENTS_WAITING_BYTES_MAX / longest.size_bytes();
    (0..fit).for_each(|_| assert_eq!(requests.announce(longest.clone()), Ok(())));
    assert_eq!(requests.announce(longest), Err("bft.announcement_over_limit"));
}

#[test]
fn clients_find_room_in_a_batch_beside_announcements_and_without_them() {
    let mut requests = Requests::default();
    for _ in 0..ANNOUNCEMENTS_WAITING_MAX / 8 {
        assert_eq!(requests.announce(announcement(ANNOUNCEMENT_BYTES_MAX)), Ok(()));
    }
    assert_eq!(requests.admit(bundle(0, 1, (3, OPERATION_BYTES_MAX))), Ok(()));
    let contents = requests.take(BATCH_BYTES_MAX);
    assert_eq!(contents.bundles.len(), 1, "the bundle goes with the first of them");
    assert!(contents.size_bytes() <= BATCH_BYTES_MAX);
    let announced: usize = contents.announcements.iter().map(Announcement::size_bytes).sum();
    assert!(announced <= BATCH_ANNOUNCEMENT_BYTES_MAX);
    // One that is larger than what is asked for goes alone, or it would wait for ever.
    assert_eq!(requests.admit(small(0, 2)), Ok(()));
    let contents = requests.take(1);
    assert_eq!((contents.announcements.len(), contents.bundles.len()), (1, 0));
    while !requests.take(BATCH_BYTES_MAX).is_empty() {}
    assert_eq!((requests.queued_bytes(), requests.is_empty()), (0, true));
}
