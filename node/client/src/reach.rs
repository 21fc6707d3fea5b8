//! Which servers a connection has reached, what stands against the others, and what a connection
//! that takes long waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use quorate_runtime::LinkNews;
use quorate_types::{NodeId, Peer};

use crate::cluster::{CONNECT_TIMEOUT, OPERATION_TIMEOUT};

/// Servers that are named for one reason; there may be a thousand.
const NAMED_MAX: usize = 8;

/// The servers that a connection leads to, and which of them it has reached.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reach(BTreeMap<NodeId, Link>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Link {
    /// Host and port, as they were given.
    address: String,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// Nothing was heard yet.
    Dialled,
    Up,
    /// Why the last attempt failed, or the link ended.
    Failed(String),
}

impl Reach {
    /// The connection leads to these servers from now on; what is known of those that stay counts.
    pub(crate) fn lead_to(&mut self, servers: impl IntoIterator<Item = (NodeId, String)>) {
        let mut before = std::mem::take(&mut self.0);
        self.0.extend(servers.into_iter().map(|(node, address)| {
            let known = before.remove(&node).filter(|link| link.address == address);
            (node, known.unwrap_or(Link { address, state: State::Dialled }))
        }));
    }

    /// Something happened to a link.
    pub(crate) fn note(&mut self, news: LinkNews) {
        match news {
            LinkNews::Up(Peer::Node(node)) => self.set(node, State::Up),
            LinkNews::Down { peer: Peer::Node(node), why } => self.set(node, State::Failed(why)),
            // The second connection to a server may fail while the first is up.
            LinkNews::Failed { node: Some(node), why, .. } if !self.is_up(node) => {
                // What helps against it is said by whoever reports it.
                let why = why.split("; ").next().unwrap_or_default();
                self.fail(node, why);
            }
            LinkNews::Up(Peer::Client(_)) | LinkNews::Down { .. } | LinkNews::Failed { .. } => {}
        }
    }

    /// A server cannot be reached.
    pub(crate) fn fail(&mut self, node: NodeId, why: &str) {
        self.set(node, State::Failed(String::from(why)));
    }

    fn set(&mut self, node: NodeId, state: State) {
        if let Some(link) = self.0.get_mut(&node) {
            link.state = state;
        }
    }

    fn is_up(&self, node: NodeId) -> bool {
        self.0.get(&node).is_some_and(|link| link.state == State::Up)
    }

    /// The servers that are connected.
    #[must_use]
    pub fn reached(&self) -> BTreeSet<NodeId> {
        self.0.keys().copied().filter(|node| self.is_up(*node)).collect()
    }

    /// Are all servers connected?
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.values().all(|link| link.state == State::Up)
    }

    /// Was something heard of every server: that it is connected, or why not?
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.0.values().all(|link| link.state != State::Dialled)
    }

    /// The addresses of the servers that are not connected, by the reason.
    fn unreached(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for link in self.0.values() {
            let why = match &link.state {
                State::Up => continue,
                State::Dialled => "no answer yet",
                State::Failed(why) => why,
            };
            by_reason.entry(why).or_default().push(&link.address);
        }
        by_reason.values_mut().for_each(|addresses| addresses.sort_unstable());
        by_reason
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} servers were reached", self.reached().len(), self.0.len())?;
        for (number, (why, addresses)) in self.unreached().iter().enumerate() {
            let named = addresses.get(..NAMED_MAX).unwrap_or(addresses);
            f.write_str(if number == 0 { ", not " } else { ", nor " })?;
            f.write_str(&named.join(", "))?;
            if addresses.len() > named.len() {
                write!(f, " and {} more", addresses.len() - named.len())?;
            }
            write!(f, " ({why})")?;
        }
        Ok(())
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Awaited {
    /// A configuration that verifies.
    Configuration,
    /// The word of the membership group that the configuration is current.
    Freshness,
}

/// A connection waits for longer than one that works does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delay {
    /// What it waits for.
    pub awaited: Awaited,
    /// Whom it has reached until now.
    pub reach: Reach,
}

impl Delay {
    /// The longest wait.
    const fn time_max(&self) -> Duration {
        match self.awaited {
            Awaited::Configuration => CONNECT_TIMEOUT,
            Awaited::Freshness => OPERATION_TIMEOUT,
        }
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let awaited = match self.awaited {
            Awaited::Configuration => "a server that gives a configuration",
            Awaited::Freshness => "enough servers to say that the configuration is current",
        };
        let seconds = self.time_max().as_secs();
        write!(f, "waiting up to {seconds} s for {awaited}: {}", self.reach)
    }
}

#[cfg(test)]
pub(crate) mod tests;
