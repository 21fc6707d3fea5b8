//! What a founding waits for, in words for the operator: in the log, and as the answer to whoever
//! asks about the health of the server.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_bft::Replica;
use quorate_membership::{MembershipService, UnsignedConfiguration, read_founders_awaited};
use quorate_runtime::{Handle, LinkNews};
use quorate_types::{MemberRecord, NodeId, Peer};

use crate::founding::Founder;

/// Servers that are named.
const NAMED_MAX: usize = 8;

#[derive(Debug, Default)]
struct State {
    connected: BTreeSet<NodeId>,
    /// How many founders have not brought their keys; unknown before the log has begun.
    awaited_count: Option<u32>,
    /// Which.
    awaited: Vec<NodeId>,
}

/// What is known about the other founders. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    me: NodeId,
    genesis: UnsignedConfiguration,
    state: Arc<Mutex<State>>,
}

impl Waiting {
    pub(super) fn new(founder: &Founder) -> Self {
        Self { me: founder.id, genesis: founder.genesis.clone(), state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened to a link.
    pub(super) fn note(&self, news: &LinkNews) {
        match news {
            LinkNews::Up(Peer::Node(id)) => drop(self.lock().connected.insert(*id)),
            LinkNews::Down { peer: Peer::Node(id), .. } => {
                self.lock().connected.remove(id);
            }
            LinkNews::Up(Peer::Client(_)) | LinkNews::Down { .. } | LinkNews::Failed { .. } => {}
        }
    }

    /// The log says how many founders have not brought their keys.
    pub(super) fn note_awaited(&self, count: u32) {
        self.lock().awaited_count = Some(count);
    }

    /// Looks into the log for which they are.
    pub(super) fn look(&self, replica: &Handle<Replica<MembershipService>>) {
        let state = Arc::clone(&self.state);
        // What is not seen now is seen with the next news.
        let _looks = replica.look(move |replica| {
            let awaited = read_founders_awaited(|from, count| replica.scan_service(from, count));
            state.lock().unwrap_or_else(PoisonError::into_inner).awaited = awaited;
        });
    }

    /// Founders that are not connected.
    pub(crate) fn missing(&self) -> usize {
        let connected = self.lock().connected.clone();
        let members = self.genesis.configuration().members.iter();
        members.filter(|it| it.id != self.me && !connected.contains(&it.id)).count()
    }

    /// How many founders the making can do without.
    fn spared(&self) -> usize {
        let servers = self.genesis.configuration();
        servers.storage.f().min(servers.membership.f())
    }

    fn names(&self, are: impl Fn(&MemberRecord) -> bool) -> Option<String> {
        let members = self.genesis.configuration().members.iter();
        let named: Vec<_> = members
            .filter(|member| are(member))
            .map(|member| format!("{} {}", member.name(), member.address))
            .collect();
        let rest = named.len().saturating_sub(NAMED_MAX);
        let list = named.get(..NAMED_MAX).unwrap_or(&named).join(", ");
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        (!named.is_empty()).then(|| list + &more)
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let (connected, awaited) = (state.connected.clone(), state.awaited.clone());
        let count = state.awaited_count;
        drop(state);
        let all = self.genesis.configuration().members.len();
        f.write_str("founding: ")?;
        match count.map(|count| all.saturating_sub(count as usize)) {
            Some(there) if there == all => f.write_str("all founders are there, making the key")?,
            Some(there) => write!(f, "{there} of {all} founders have brought their keys")?,
            None => f.write_str("waiting for the founding group")?,
        }
        if let Some(names) = self.names(|member| awaited.contains(&member.id)) {
            write!(f, "; awaited: {names}")?;
        }
        let is_away = |it: &MemberRecord| it.id != self.me && !connected.contains(&it.id);
        match self.names(is_away) {
            Some(names) => write!(f, "; not connected: {names}")?,
            None => f.write_str("; all are connected")?,
        }
        let spared = self.spared();
        if self.missing() > spared {
            write!(
                f,
                "; too few to make the key, which can do without {spared}: start the others"
            )?;
        }
        Ok(())
    }
}
