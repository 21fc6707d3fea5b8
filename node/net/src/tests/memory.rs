//! What a link takes of memory while nothing is said on it, counted in bytes.

use std::sync::Arc;

use allocation_counter::measure;
use tokio::runtime::{Builder, Runtime};

use super::support::{
    await_counters, await_frames, bind, config, expected, known, seeds_by_key, watched,
};
use crate::{Class, Events, Sent, Transport};

/// Bytes that one end of a link, which is two connections, may hold while it is quiet: of these
/// 8 KiB are what TLS reads into, and the buffers of [`crate::limits`] would be far more.
const QUIET_LINK_BYTES_MAX: i64 = 30_000;
/// So many frames of a class fill every buffer on their way.
const FRAMES: usize = 16;
const FRAME_BYTES: usize = 4 << 10;
/// Turns that each task has until nothing is left to do.
const TURNS: usize = 1_000;

/// A node with links to others, all of them here.
struct Hub {
    runtime: Runtime,
    node: (Transport, Events),
    others: Vec<(Transport, Events)>,
}

impl Hub {
    fn with(count: u8) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (node, others) = runtime.block_on(async {
            let seeds = seeds_by_key(count + 1);
            let (last, others) = seeds.split_last().unwrap();
            let node = bind(&config(last, &others.iter().map(expected).collect::<Vec<_>>()));
            let dial = |seed| bind(&config(seed, &[known(&node.0)]));
            let others = others.iter().map(dial).collect();
            await_counters(&node.0, |seen| seen.connections == 2 * u64::from(count)).await;
            (node, others)
        });
        let mut hub = Self { runtime, node, others };
        hub.talk();
        hub
    }

    /// Frames of every class go to and fro, and nothing more.
    fn talk(&mut self) {
        let bytes = Arc::new(vec![7; FRAME_BYTES]);
        let (node, events) = &mut self.node;
        let send = |from: &Transport, to: &Transport| {
            for class in Class::ALL.iter().flat_map(|class| [*class; FRAMES]) {
                assert_eq!(from.send(to.key(), class, &bytes), Sent::Queued);
            }
        };
        self.runtime.block_on(watched(async {
            for (other, heard) in &mut self.others {
                send(other, node);
                await_frames(events, Class::ALL.len() * FRAMES).await;
                send(node, other);
                await_frames(heard, Class::ALL.len() * FRAMES).await;
            }
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }));
    }
}

/// Bytes that are held for what this makes, while it is there.
fn held<T>(make: impl FnOnce() -> T) -> i64 {
    let mut made = None;
    let measured = measure(|| made = Some(make()));
    drop(made);
    measured.bytes_current
}

/// Nodes that know nobody.
fn hermits(count: u8) -> (Runtime, Vec<(Transport, Events)>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let bind_all =
        async { seeds_by_key(count).iter().map(|seed| bind(&config(seed, &[]))).collect() };
    let nodes = runtime.block_on(bind_all);
    (runtime, nodes)
}

#[test]
fn a_link_on_which_nothing_is_said_holds_no_buffers() {
    const OTHERS: u8 = 32;
    let all = held(|| Hub::with(OTHERS));
    let nodes = held(|| hermits(OTHERS + 1));
    let each = (all - nodes) / i64::from(OTHERS) / 2;
    assert!(each < QUIET_LINK_BYTES_MAX, "{each} bytes for one end of a link");
}
