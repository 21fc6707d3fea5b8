//! Queues keep their limits and their order.

use std::sync::Arc;

use super::{Flush, Full, Outbound, cost};
use crate::config::QueueLimits;
use crate::frame::Class;
use crate::hello::Link;
use crate::limits::{FLUSH_BYTES_MAX, FRAME_HEADER_BYTES};

fn outbound() -> Outbound {
    Outbound::new(QueueLimits {
        control_bytes: 1_000,
        ordered_bytes: 1_000_000,
        bulk_bytes: 1_000_000,
    })
}

fn body(bytes: usize) -> Arc<Vec<u8>> {
    Arc::new(vec![1_u8; bytes])
}

fn take(outbound: &mut Outbound, link: Link) -> Option<Flush> {
    outbound.take(link, Vec::new()).ok()
}

#[test]
fn a_full_class_drops_the_newest_and_leaves_the_other_classes_alone() {
    // NET-7.
    let mut outbound = outbound();
    let fitting = 1_000 / cost(36);
    for _ in 0..fitting {
        assert_eq!(outbound.push(Class::Control, body(36)), Ok(()));
    }
    assert_eq!(outbound.push(Class::Control, body(36)), Err(Full));
    assert_eq!(outbound.push(Class::Ordered, body(36)), Ok(()));
    assert_eq!(outbound.bytes(Class::Control), fitting * cost(36));
}

#[test]
fn empty_frames_fill_a_queue_too() {
    // NET-7.
    let mut outbound = outbound();
    let accepted = (0..10_000).filter(|_| outbound.push(Class::Control, body(0)).is_ok()).count();
    assert_eq!(accepted, 1_000 / cost(0));
}

#[test]
fn bytes_being_written_count_until_they_are_written() {
    // NET-7.
    let mut outbound = outbound();
    outbound.push(Class::Control, body(900)).unwrap();
    assert!(take(&mut outbound, Link::Main).is_some());
    assert_eq!(outbound.push(Class::Control, body(900)), Err(Full));
    outbound.written(Link::Main);
    assert_eq!(outbound.push(Class::Control, body(900)), Ok(()));
}

#[test]
fn a_flush_holds_control_before_ordered_and_never_bulk_on_the_main_connection() {
    // NET-8.
    let mut outbound = outbound();
    outbound.push(Class::Bulk, body(3)).unwrap();
    outbound.push(Class::Ordered, body(2)).unwrap();
    outbound.push(Class::Control, body(1)).unwrap();
    let flush = take(&mut outbound, Link::Main).unwrap();
    assert_eq!(flush.frames, [1, 1, 0]);
    assert_eq!(flush.head, [1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 1]);
    assert!(take(&mut outbound, Link::Main).is_none());
    assert_eq!(take(&mut outbound, Link::Bulk).unwrap().frames, [0, 0, 1]);
}

#[test]
fn a_flush_is_bounded_and_a_large_frame_is_written_alone_without_a_copy() {
    // NET-9.
    let mut outbound = outbound();
    for _ in 0..20 {
        outbound.push(Class::Bulk, body(10_000)).unwrap();
    }
    outbound.push(Class::Bulk, body(FLUSH_BYTES_MAX)).unwrap();
    let mut frames = 0;
    while let Some(flush) = take(&mut outbound, Link::Bulk) {
        assert!(flush.head.len() <= FLUSH_BYTES_MAX);
        frames += flush.frames[2];
        if flush.tail.is_some() {
            assert_eq!((flush.frames[2], flush.head.len()), (1, FRAME_HEADER_BYTES));
        }
        outbound.written(Link::Bulk);
    }
    assert_eq!((frames, outbound.bytes_total()), (21, 0));
}

#[test]
fn a_control_frame_waits_for_the_flush_being_written_and_no_other() {
    // NET-8.
    let mut outbound = outbound();
    for _ in 0..12 {
        outbound.push(Class::Ordered, body(60_000)).unwrap();
    }
    assert!(take(&mut outbound, Link::Main).is_some());
    outbound.push(Class::Control, body(10)).unwrap();
    outbound.written(Link::Main);
    let flush = take(&mut outbound, Link::Main).unwrap();
    assert_eq!((flush.frames[0], flush.control_waited), (1, 1));
}

#[test]
fn a_queue_that_is_cleared_is_free_again_once_its_write_is_over() {
    // NET-7.
    let mut outbound = outbound();
    outbound.push(Class::Bulk, body(500)).unwrap();
    assert!(take(&mut outbound, Link::Bulk).is_some());
    outbound.push(Class::Bulk, body(500)).unwrap();
    outbound.clear();
    assert_eq!(outbound.bytes_total(), cost(500));
    outbound.written(Link::Bulk);
    assert_eq!(outbound.bytes_total(), 0);
}
