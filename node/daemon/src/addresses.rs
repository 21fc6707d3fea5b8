//! Where the servers of a configuration are. Nobody waits for a name that does not resolve.
//!
//! A record gives a host and a port. A host that is an address is taken as it is; a name is looked
//! up on a few threads of this module, because a lookup may take half a minute where the name
//! servers are slow or gone, and whoever asks has an epoch to go on to. What was found stays in use
//! until another lookup finds something else: a name that does not resolve now is no sign that the
//! server has moved. Names are looked up again from time to time, and sooner if that failed.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use quorate_client::links::{linked, past_links, peer_of};
use quorate_net::Known;
use quorate_net::limits::PEERS_MAX;
use quorate_runtime::Server;
use quorate_types::{Configuration, MemberRecord, NodeId};

use crate::limits::LOOKUP_THREADS_MAX;

mod book;

use book::{Book, News};

/// Finds the addresses of a host and port; none if there are none, or nobody says. It may block.
pub type Lookup = Arc<dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync>;

/// The lookup of the operating system.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "on threads of this module, where it may block")]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| name.to_socket_addrs().map(Iterator::collect).unwrap_or_default())
}

/// Where a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whereabouts {
    /// Here, or it was when its name resolved last.
    At(SocketAddr),
    /// No lookup of its name has ended yet.
    Unknown,
    /// Its name has not resolved, since it was first looked up.
    Nowhere,
}

impl Whereabouts {
    /// The address, if it is known.
    #[must_use]
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Unknown | Self::Nowhere => None,
        }
    }
}

/// The servers that somebody goes by.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Those of this configuration.
    pub configuration: &'a Configuration,
    /// Those that it has removed, and that have links for a while.
    pub gone: &'a [Arc<MemberRecord>],
}

impl<'a> From<&'a Configuration> for Wanted<'a> {
    fn from(configuration: &'a Configuration) -> Self {
        Self { configuration, gone: &[] }
    }
}

/// The addresses of the servers of one configuration, for all threads of a server. All clones are
/// the same.
#[derive(Clone)]
pub struct Addresses(Arc<Shared>);

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

/// What threads share.
struct Shared {
    desk: Mutex<Desk>,
    /// Told when no name is without a lookup that has ended.
    settled: Condvar,
    lookup: Lookup,
    on_change: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Desk {
    book: Book,
    /// Threads that look names up.
    threads: usize,
    /// Whether anything has changed that nobody has heard of.
    has_changed: bool,
}

impl Shared {
    /// Nobody panics while holding it.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addresses {
    /// Knows nothing yet. `on_change` is called, on any thread, when an address has changed since
    /// [`Self::take_change`]; it must not wait.
    #[must_use]
    pub fn new(lookup: Lookup, on_change: impl Fn() + Send + Sync + 'static) -> Self {
        let (desk, settled) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { desk, settled, lookup, on_change: Box::new(on_change) }))
    }

    /// Goes on to the servers of a configuration, and forgets all others. Of more servers than
    /// links, those without one are wanted by whoever probes them: the membership group.
    pub fn follow<'a>(&self, wanted: impl Into<Wanted<'a>>, me: Option<NodeId>) {
        let Wanted { configuration, gone } = wanted.into();
        let others = past_links(configuration);
        if others > 0 {
            tracing::warn!(
                others,
                "more servers than links: these are neither called nor answered"
            );
        }
        let probes = me.is_some_and(|me| configuration.membership_group.contains(&me));
        let probed = if probes { &*configuration.members } else { &[] };
        let linked = linked(configuration);
        let wanted = linked.into_iter().chain(probed).chain(gone).map(|member| &*member.address);
        let names = wanted.filter(|address| literal(address).is_none());
        self.0.desk().book.follow(Instant::now(), names);
        self.look();
    }

    /// Begins to look up the names whose turn has come. Never waits.
    pub fn look(&self) {
        let (mut desk, now) = (self.0.desk(), Instant::now());
        while desk.threads < LOOKUP_THREADS_MAX {
            let Some(lookup) = desk.book.take(now) else { return };
            let worker =
                Worker { shared: Arc::downgrade(&self.0), lookup: Arc::clone(&self.0.lookup) };
            let first = lookup.clone();
            let thread = std::thread::Builder::new().name(String::from("names"));
            if let Err(error) = thread.spawn(move || worker.work(first)) {
                tracing::warn!(%error, "no thread to look up where servers are");
                desk.book.note(now, &lookup, &[]);
                return;
            }
            desk.threads += 1;
        }
    }

    /// When there is something to do here: to hear of a change, or [`Self::look`]. While names are
    /// being looked up that may be any time. None if all servers are at literal addresses.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let desk = self.0.desk();
        let now = (desk.has_changed || desk.threads > 0).then(Instant::now);
        now.or_else(|| desk.book.next())
    }

    /// Waits until a lookup of each name has ended, but not for longer than this.
    pub fn settle(&self, patience: Duration) {
        let is_open = |desk: &mut Desk| !desk.book.is_settled();
        let waited = self.0.settled.wait_timeout_while(self.0.desk(), patience, is_open);
        drop(waited);
    }

    /// Whether an address has changed since this was asked before: whoever asks goes on to ask for
    /// all of them.
    #[must_use]
    pub fn take_change(&self) -> bool {
        std::mem::take(&mut self.0.desk().has_changed)
    }

    /// Where a server with this record is. Never waits.
    #[must_use]
    pub fn whereabouts(&self, record: &MemberRecord) -> Whereabouts {
        let known = literal(&record.address).map(Whereabouts::At);
        known.unwrap_or_else(|| self.0.desk().book.whereabouts(&record.address))
    }

    /// The servers with which there are links, as far as their addresses are known; of those that
    /// are `gone` as many as there are links for. Never waits.
    #[must_use]
    pub fn servers<'a>(&self, wanted: impl Into<Wanted<'a>>) -> Vec<Server> {
        let Wanted { configuration, gone } = wanted.into();
        let server = |member: &Arc<MemberRecord>| {
            let address = self.whereabouts(member).address()?;
            let key = peer_of(&member.identity_key);
            Some(Server { id: member.id, known: Known { key, address } })
        };
        let servers = linked(configuration).into_iter().chain(gone).take(PEERS_MAX);
        servers.filter_map(server).collect()
    }
}

/// The address itself, where it is not a name.
fn literal(address: &str) -> Option<SocketAddr> {
    address.parse().ok()
}

/// A thread that looks names up until none has its turn, or nobody wants to know. It holds nothing
/// of a server while a lookup is under way: no end of one waits for it.
struct Worker {
    shared: Weak<Shared>,
    lookup: Lookup,
}

impl Worker {
    fn work(self, first: book::Lookup) {
        let mut next = Some(first);
        while let Some(lookup) = next.take() {
            let found = (self.lookup)(&lookup.name);
            let Some(shared) = self.shared.upgrade() else { return };
            next = shared.go_on(&lookup, &found);
        }
    }
}

impl Shared {
    /// A lookup has ended: the next one, if there is one; otherwise the thread ends.
    fn go_on(&self, lookup: &book::Lookup, found: &[SocketAddr]) -> Option<book::Lookup> {
        let (mut desk, now) = (self.desk(), Instant::now());
        let news = desk.book.note(now, lookup, found);
        let is_first = matches!(news, News::At(_)) && !desk.has_changed;
        desk.has_changed |= is_first;
        if desk.book.is_settled() {
            self.settled.notify_all();
        }
        let next = desk.book.take(now);
        desk.threads -= usize::from(next.is_none());
        drop(desk);
        match news {
            News::None => {}
            News::At(address) => tracing::info!(name = &*lookup.name, %address, "resolved"),
            News::Nowhere => {
                tracing::warn!(name = &*lookup.name, "not called: its address cannot be resolved");
            }
        }
        if is_first {
            (self.on_change)();
        }
        next
    }
}

#[cfg(test)]
mod tests;
