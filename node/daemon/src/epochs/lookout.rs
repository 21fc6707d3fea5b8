//! A server that is not sure which epoch it is asks, as anybody can.
//!
//! Whoever was stopped through the end of an epoch, or shows another key than the one that its
//! record still names, is nobody on the links of the others: what they pass on does not reach it.
//! So it asks when it starts, and again every few seconds until a quorum has vouched for its epoch:
//! that nobody answers says nothing, and what it is given instead need not be the newest. Later it
//! asks when it has heard of no other epoch for long.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quorate_client::cluster::{Heard, fetch_as_stranger};
use quorate_client::error::ClientError;
use quorate_duties::turnover::Event;
use quorate_membership::VerifiedConfiguration;
use quorate_runtime::Server;
use quorate_types::NodeId;

use super::{Told, say};
use crate::addresses::Addresses;
use crate::limits::{LOOKOUT_OTHERS_MAX, LOOKOUT_PAUSE_MAX, LOOKOUT_PAUSE_MIN};
use crate::server::random_u64;

/// Lengths of an epoch after which one is missed.
const PATIENCE_EPOCHS: u32 = 2;
/// How long servers are given to answer.
const ANSWER_TIME: Duration = Duration::from_secs(3);

/// When somebody is asked next.
#[derive(Debug)]
pub(super) struct Lookout {
    length: Duration,
    next: Instant,
    /// How long it waits when nobody has answered.
    pause: Duration,
    /// Whether its epoch was the newest when it asked last, and is not being asked for again.
    is_sure: bool,
    /// The thread that asks. It says whether the epoch is known to be the newest.
    asking: Option<JoinHandle<bool>>,
}

/// Who asks, and whom it tells.
pub(super) struct Asker<'a> {
    /// The newest configuration that it has.
    pub(super) known: &'a VerifiedConfiguration,
    /// Where its servers are. This one is among those that are asked, since without its own word a
    /// member of the group would have to hear all others.
    pub(super) addresses: &'a Addresses,
    /// Who hears of a later one.
    pub(super) told: &'a Told,
}

impl Lookout {
    /// For epochs of this length; `is_sure`: the epoch in which the server begins is the newest.
    pub(super) fn of_length(length: Duration, is_sure: bool) -> Self {
        let first = if is_sure { length * PATIENCE_EPOCHS } else { LOOKOUT_PAUSE_MIN };
        let next = Instant::now() + first;
        Self { length, next, pause: LOOKOUT_PAUSE_MIN, is_sure, asking: None }
    }

    /// When [`Self::look`] has something to do.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// An epoch has begun: nothing is missed for a while, unless it is not the newest.
    pub(super) fn rest(&mut self) {
        *self = Self::of_length(self.length, self.is_sure);
    }

    /// Asks, if it is time; what it hears comes as an event.
    pub(super) fn look(&mut self, asker: &Asker<'_>) {
        self.look_at(Instant::now(), || {
            let (known, told) = (asker.known.clone(), asker.told.clone());
            let servers = asker.addresses.servers(known.configuration());
            let work = move || is_newest(&known, servers, &told);
            let thread = std::thread::Builder::new().name(String::from("lookout")).spawn(work);
            thread
                .inspect_err(|error| tracing::warn!(%error, "no thread to ask which epoch it is"))
                .ok()
        });
    }

    fn look_at(&mut self, now: Instant, ask: impl FnOnce() -> Option<JoinHandle<bool>>) {
        if now < self.next {
            return;
        }
        if self.asking.as_ref().is_some_and(|asking| !asking.is_finished()) {
            self.next = now + LOOKOUT_PAUSE_MIN;
            return;
        }
        // A thread that panicked has heard nothing.
        let is_newest = self.asking.take().is_some_and(|asked| asked.join().unwrap_or(false));
        if is_newest {
            (self.is_sure, self.pause) = (true, LOOKOUT_PAUSE_MIN);
            self.next = now + self.length;
        } else {
            self.is_sure = false;
            self.asking = ask();
            self.next = now + self.pause;
            self.pause = (self.pause * 2).min(LOOKOUT_PAUSE_MAX);
        }
    }
}

/// Which epoch these servers are in, as far as they answer. The group is asked, which can vouch for
/// the epoch, and some others, which may know a later one: all of them would be a storm where all
/// start at once.
///
/// # Errors
/// [`ClientError`] if no connection can be made from here.
pub(super) async fn ask(
    known: &VerifiedConfiguration,
    servers: Vec<Server>,
) -> Result<Heard, ClientError> {
    // Without randomness the first ones are asked.
    let lot = random_u64().unwrap_or_default();
    let servers = &some_of(servers, &known.configuration().membership_group, lot);
    let (key, epoch) = (*known.header().system_key(), known.epoch());
    let heard = fetch_as_stranger(key, known, (servers, ANSWER_TIME)).await?;
    match &heard {
        Heard::Later(later) => {
            tracing::info!(epoch = %later.epoch(), "the others are in a later epoch");
        }
        Heard::Newest => tracing::debug!(%epoch, "the newest epoch"),
        Heard::Nothing => tracing::info!(%epoch, "too few answer to know if it is the newest"),
    }
    Ok(heard)
}

/// Some of the others, other ones with each lot, and the members of the group behind them: these
/// are all asked to vouch, but for a configuration one after the other, and may all be gone.
fn some_of(servers: Vec<Server>, group: &[NodeId], lot: u64) -> Vec<Server> {
    let is_member = |server: &Server| group.contains(&server.id);
    let (mut members, mut asked): (Vec<_>, Vec<_>) = servers.into_iter().partition(is_member);
    for some in [&mut members, &mut asked] {
        if let Some(first) = lot.checked_rem(some.len() as u64) {
            some.rotate_left(usize::try_from(first).expect("below the number of servers"));
        }
    }
    asked.truncate(LOOKOUT_OTHERS_MAX);
    asked.append(&mut members);
    asked
}

fn is_newest(known: &VerifiedConfiguration, servers: Vec<Server>, told: &Told) -> bool {
    match quorate_client::block_on(ask(known, servers)) {
        // If it is not heard, it is asked again.
        Ok(Ok(Heard::Later(later))) => say(told, Event::Learned(*later).into()),
        Ok(Ok(Heard::Newest)) => return true,
        Ok(Ok(Heard::Nothing)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "nobody says which epoch it is"),
        Err(error) => tracing::warn!(%error, "no event loop to ask which epoch it is"),
    }
    false
}

#[cfg(test)]
mod tests {
    //! Who is not sure asks soon and again; who is sure, when an epoch is missed.
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::net::SocketAddr;
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    use quorate_net::{Known, PeerKey};
    use quorate_runtime::Server;
    use quorate_types::NodeId;

    use super::{Lookout, some_of};
    use crate::limits::{LOOKOUT_OTHERS_MAX, LOOKOUT_PAUSE_MAX, LOOKOUT_PAUSE_MIN};

    const LENGTH: Duration = Duration::from_secs(3_600);

    /// A thread that has heard this, and has ended.
    fn heard(is_newest: bool) -> Option<JoinHandle<bool>> {
        let thread = std::thread::Builder::new().spawn(move || is_newest).expect("a thread");
        while !thread.is_finished() {
            std::thread::yield_now();
        }
        Some(thread)
    }

    /// Has time pass from one look to the next, so many times, and says when somebody was asked.
    fn looks(lookout: &mut Lookout, count: usize, is_newest: bool) -> Vec<Instant> {
        let asked = Cell::new(false);
        let look = |_| {
            let now = lookout.next();
            asked.set(false);
            lookout.look_at(now, || {
                asked.set(true);
                heard(is_newest)
            });
            asked.get().then_some(now)
        };
        (0..count).filter_map(look).collect()
    }

    #[test]
    fn while_nobody_answers_it_asks_every_few_seconds_and_not_after_epochs() {
        let began = Instant::now();
        let mut lookout = Lookout::of_length(LENGTH, false);
        let asked = looks(&mut lookout, 20, false);
        assert_eq!(asked.len(), 20, "each time");
        assert!(asked[0] - began < 2 * LOOKOUT_PAUSE_MIN);
        let pauses: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses[0], LOOKOUT_PAUSE_MIN);
        assert!(pauses.is_sorted() && pauses.iter().all(|pause| *pause <= LOOKOUT_PAUSE_MAX));
        assert_eq!(pauses.last(), Some(&LOOKOUT_PAUSE_MAX));
    }

    #[test]
    fn who_knows_that_its_epoch_is_the_newest_asks_when_one_is_missed() {
        let mut lookout = Lookout::of_length(LENGTH, false);
        let asked = looks(&mut lookout, 4, true);
        let [first, second] = asked[..] else { panic!("{} of four looks asked", asked.len()) };
        assert_eq!(second - first, LOOKOUT_PAUSE_MIN + LENGTH);

        let began = Instant::now();
        lookout.rest();
        assert!(lookout.next() >= began + 2 * LENGTH);
    }

    #[test]
    fn a_later_epoch_that_somebody_gives_need_not_be_the_newest() {
        let mut lookout = Lookout::of_length(LENGTH, false);
        looks(&mut lookout, 1, false);
        let given = Instant::now();
        lookout.rest();
        assert!(lookout.next() < given + 2 * LOOKOUT_PAUSE_MIN, "nobody has vouched for it");
        assert_eq!(looks(&mut lookout, 2, true).len(), 1, "it asks until a quorum has");
        let given = Instant::now();
        lookout.rest();
        assert!(lookout.next() >= given + 2 * LENGTH, "it hears of the others' epochs");
        // Who has missed some, and is given one of them.
        looks(&mut lookout, 1, false);
        let given = Instant::now();
        lookout.rest();
        assert!(lookout.next() < given + 2 * LOOKOUT_PAUSE_MIN, "nobody has vouched for it");
    }

    #[test]
    fn the_group_is_asked_and_of_many_others_some_each_of_them_at_some_time() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let server = |number: u8| {
            let (id, key) = (NodeId::new([number; 32]), PeerKey::new([number; 32]));
            Server { id, known: Known { key, address } }
        };
        let servers: Vec<_> = (0..200).map(server).collect();
        let group = [3, 99, 100, 199].map(|number| NodeId::new([number; 32]));
        let mut met = BTreeSet::new();
        for lot in 0..servers.len() as u64 {
            let asked = some_of(servers.clone(), &group, lot);
            let members = asked[LOOKOUT_OTHERS_MAX..].iter();
            assert!(members.clone().all(|it| group.contains(&it.id)), "they may all be gone");
            let ids: BTreeSet<_> = asked.iter().map(|server| server.id).collect();
            assert_eq!(ids.len(), group.len() + LOOKOUT_OTHERS_MAX);
            assert!(group.iter().all(|member| ids.contains(member)), "they can vouch");
            met.extend(ids);
        }
        assert_eq!(met.len(), servers.len());
        assert_eq!(some_of(servers[99..101].to_vec(), &group, 7).len(), 2, "no others");
    }

    #[test]
    fn only_one_thread_asks_at_a_time() {
        let mut lookout = Lookout::of_length(LENGTH, false);
        let (end, ended) = std::sync::mpsc::sync_channel(1);
        let under_way = move || ended.recv().unwrap_or(false);
        let thread = std::thread::Builder::new().spawn(under_way).expect("a thread");
        lookout.look_at(lookout.next(), || Some(thread));
        lookout.look_at(lookout.next(), || panic!("a second thread"));
        drop(end);
    }
}
