//! A server that has heard of no other epoch for long asks which one it is, as anybody can.
//!
//! Whoever was stopped through the end of an epoch, or shows another key than the one that its
//! record still names, is nobody on the links of the others: what they pass on does not reach it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quorate_client::cluster::fetch_as_stranger;
use quorate_duties::turnover::Event;
use quorate_membership::VerifiedConfiguration;
use quorate_threshold::PublicKey;
use quorate_types::NodeId;

use super::{Told, say};
use crate::server::known_servers;

/// Lengths of an epoch after which one is missed.
const PATIENCE_EPOCHS: u32 = 2;
/// How long servers are given to answer.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// When somebody is asked next.
#[derive(Debug)]
pub(super) struct Lookout {
    length: Duration,
    next: Instant,
    /// Whether a thread is at it.
    asks: Arc<AtomicBool>,
}

/// Who asks, and whom it tells.
pub(super) struct Asker<'a> {
    /// This server.
    pub(super) me: NodeId,
    /// The key of the system.
    pub(super) system_key: PublicKey,
    /// The newest configuration that it has.
    pub(super) known: &'a VerifiedConfiguration,
    /// Who hears of a later one.
    pub(super) told: &'a Told,
}

impl Lookout {
    /// For epochs of this length.
    pub(super) fn of_length(length: Duration) -> Self {
        let next = Instant::now() + length * PATIENCE_EPOCHS;
        Self { length, next, asks: Arc::default() }
    }

    /// When [`Self::look`] has something to do.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// An epoch has begun: nothing is missed for a while.
    pub(super) fn rest(&mut self) {
        self.next = Instant::now() + self.length * PATIENCE_EPOCHS;
    }

    /// Asks, if it is time; what it hears comes as an event.
    pub(super) fn look(&mut self, asker: &Asker<'_>) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + self.length;
        if self.asks.swap(true, Ordering::Relaxed) {
            return;
        }
        let (flag, known) = (Arc::clone(&self.asks), asker.known.clone());
        let (me, key, told) = (asker.me, asker.system_key, asker.told.clone());
        let work = move || {
            ask((me, key), &known, &told);
            flag.store(false, Ordering::Relaxed);
        };
        let thread = std::thread::Builder::new().name(String::from("lookout")).spawn(work);
        if let Err(error) = thread {
            tracing::warn!(%error, "no thread to ask which epoch it is");
            self.asks.store(false, Ordering::Relaxed);
        }
    }
}

fn ask((me, key): (NodeId, PublicKey), known: &VerifiedConfiguration, told: &Told) {
    let mut others = known_servers(known.configuration());
    others.retain(|server| server.id != me);
    let fetched = fetch_as_stranger(key, known, (&others, ANSWER_TIME));
    match quorate_client::block_on(fetched) {
        Ok(Ok(Some(later))) => {
            tracing::info!(epoch = %later.epoch(), "the others are in a later epoch");
            say(told, Event::Learned(later).into());
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "nobody says which epoch it is"),
        Err(error) => tracing::warn!(%error, "no event loop to ask which epoch it is"),
    }
}
