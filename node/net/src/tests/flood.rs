//! One peer floods the bulk class at line rate; control messages between others do not wait.

use std::cell::Cell;
use std::sync::Arc;

use super::support::{await_event, bind, config, expected, known, seeds_by_key, watched};
use crate::frame::Class;
use crate::{Event, Events, Inbound, PeerKey, Sent, Transport};

const FLOOD_BYTES: usize = 256 << 20;
const FLOOD_FRAME_BYTES: usize = 1 << 20;
const FLOOD_FRAMES: u64 = (FLOOD_BYTES / FLOOD_FRAME_BYTES) as u64;

/// Three nodes, all connected; the middle key is the one that everyone talks to.
async fn three() -> Vec<(Transport, Events)> {
    let seeds = seeds_by_key(3);
    let all: Vec<_> = seeds.iter().map(expected).collect();
    let mut high = bind(&config(&seeds[2], &all));
    let mut middle = bind(&config(&seeds[1], &[all[0], known(&high.0)]));
    let mut low = bind(&config(&seeds[0], &[known(&middle.0), known(&high.0)]));
    for (events, peers) in [
        (&mut low.1, [middle.0.key(), high.0.key()]),
        (&mut middle.1, [low.0.key(), high.0.key()]),
        (&mut high.1, [low.0.key(), middle.0.key()]),
    ] {
        await_all_up(events, &peers).await;
    }
    vec![low, middle, high]
}

async fn await_all_up(events: &mut Events, peers: &[PeerKey; 2]) {
    let mut missing = peers.to_vec();
    while !missing.is_empty() {
        await_event(events, |event| match event {
            Event::Up { peer, .. } => {
                missing.retain(|it| *it != peer);
                Some(())
            }
            Event::Down { .. } | Event::Frames(_) | Event::HandshakeFailed { .. } => None,
        })
        .await;
    }
}

/// Keeps the bulk queue full until the flood is over.
async fn flood(from: &Transport, to: PeerKey) {
    let body = Arc::new(vec![0xf1; FLOOD_FRAME_BYTES]);
    let mut left = FLOOD_FRAMES;
    while left > 0 {
        match from.send(to, Class::Bulk, &body) {
            Sent::Queued => left -= 1,
            // NET-7: full means full, and the sender has to wait.
            Sent::Full => tokio::task::yield_now().await,
            Sent::Down | Sent::TooLarge => panic!("the flood was refused"),
        }
    }
}

fn frames_of(event: Event) -> Option<Vec<Inbound>> {
    match event {
        Event::Frames(batch) => Some(batch),
        Event::Up { .. } | Event::Down { .. } | Event::HandshakeFailed { .. } => None,
    }
}

/// What the receiver of the flood counted.
#[derive(Default)]
struct Tally {
    /// Frames of the flood that the receiver has taken so far.
    bulk_frames: Cell<u64>,
    /// That number when the last control frame was queued at its sender.
    bulk_frames_when_queued: Cell<u64>,
    /// The most frames of the flood taken between queueing and taking of a control frame.
    overtaken_max: Cell<u64>,
    rounds: Cell<u64>,
}

/// Sends one control frame after the other, each when the one before has come back.
async fn ping_pong(from: &Transport, events: &mut Events, to: PeerKey, tally: &Tally) {
    loop {
        let body = Arc::new(tally.rounds.get().to_le_bytes().to_vec());
        tally.bulk_frames_when_queued.set(tally.bulk_frames.get());
        assert_eq!(from.send(to, Class::Control, &body), Sent::Queued);
        let answer = await_event(events, frames_of).await;
        assert_eq!(answer[0].bytes, tally.rounds.get().to_le_bytes());
        tally.rounds.set(tally.rounds.get() + 1);
    }
}

/// Takes the flood and answers control frames.
async fn answer(node: &Transport, events: &mut Events, tally: &Tally) {
    while tally.bulk_frames.get() < FLOOD_FRAMES {
        for inbound in await_event(events, frames_of).await {
            match inbound.class {
                Class::Bulk => tally.bulk_frames.set(tally.bulk_frames.get() + 1),
                Class::Control => {
                    let overtaken = tally.bulk_frames.get() - tally.bulk_frames_when_queued.get();
                    tally.overtaken_max.set(tally.overtaken_max.get().max(overtaken));
                    node.send(inbound.peer, Class::Control, &inbound.bytes.into());
                }
                Class::Ordered => panic!("nobody sent this"),
            }
        }
    }
}

#[tokio::test]
async fn a_bulk_flood_delays_a_control_message_between_others_by_at_most_one_frame() {
    // NET-7, NET-8, NET-9, NET-14.
    let mut nodes = three().await;
    let (c, mut c_events) = nodes.pop().unwrap();
    let (b, mut b_events) = nodes.pop().unwrap();
    let (a, _a_events) = nodes.pop().unwrap();
    let tally = Tally::default();
    watched(async {
        let flooded = async {
            tokio::join!(flood(&a, c.key()), answer(&c, &mut c_events, &tally));
        };
        tokio::select! {
            // The last question may stay without an answer once nobody answers.
            () = flooded => {}
            () = ping_pong(&b, &mut b_events, c.key(), &tally) => {}
        }
    })
    .await;
    assert_eq!(tally.bulk_frames.get(), FLOOD_FRAMES, "every frame of the flood arrived");
    assert!(tally.rounds.get() > 100, "only {} rounds during the flood", tally.rounds.get());
    let overtaken = tally.overtaken_max.get();
    assert!(overtaken <= 1, "a control frame waited for {overtaken} frames of the flood");
    assert!(a.counters().snapshot().dropped_full[2] > 0, "the flood was not at line rate");
    for node in [&a, &b, &c] {
        let now = node.counters().snapshot();
        // At the sender a control frame waits for at most the flush being written.
        assert!(now.control_flushes_waited_max <= 1, "{now:?}");
        let limits = crate::Limits::default().node_queue;
        assert!(now.queue_bytes_peak[0] <= limits.control_bytes as u64);
        assert!(now.queue_bytes_peak[2] <= limits.bulk_bytes as u64);
    }
}

#[tokio::test]
async fn a_control_frame_behind_a_full_ordered_queue_waits_for_one_flush() {
    // NET-8: the same connection, the worst case for priority.
    let [(low, _low_events), (high, mut high_events)] = super::support::pair().await;
    let body = Arc::new(vec![0; 50_000]);
    let mut control_sent = 0_u64;
    let mut received = [0_u64; 3];
    let mut queued = 0_u64;
    while queued < 4_000 {
        if low.send(high.key(), Class::Ordered, &body) == Sent::Queued {
            queued += 1;
        } else {
            assert_eq!(low.send(high.key(), Class::Control, &vec![1].into()), Sent::Queued);
            control_sent += 1;
            tokio::task::yield_now().await;
        }
        while let Some(event) = high_events.try_recv() {
            for inbound in frames_of(event).unwrap_or_default() {
                received[inbound.class as usize] += 1;
            }
        }
    }
    while received[0] < control_sent || received[1] < queued {
        for inbound in await_event(&mut high_events, frames_of).await {
            received[inbound.class as usize] += 1;
        }
    }
    assert!(control_sent > 10, "the ordered queue was hardly ever full: {control_sent}");
    assert_eq!(received, [control_sent, queued, 0]);
    let now = low.counters().snapshot();
    assert!(now.control_flushes_waited_max <= 1, "{now:?}");
    assert!(low.is_up(high.key()) && high.is_up(low.key()), "the connection lived through it");
}
