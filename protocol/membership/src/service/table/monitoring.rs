//! What lies in the map of monitoring: statements, findings, proofs.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use quorate_types::{Epoch, NodeId, PublicKey};
use quorate_wire::encode;

use super::{Reader, Table, place, walk};
use crate::monitor::{Case, Conviction, Finding};

const CONVICTION: &[u8] = b"e";
const FINDING: &[u8] = b"f";
const FORMER_KEY: &[u8] = b"j";
const SPOKEN: &[u8] = b"n";
const CASE: &[u8] = b"w";

fn findings_of(epoch: Epoch) -> Vec<u8> {
    place(FINDING, &epoch.get().to_be_bytes())
}

fn finding_of(epoch: Epoch, server: NodeId) -> Vec<u8> {
    place(&findings_of(epoch), server.as_bytes())
}

impl Reader<'_> {
    /// What members said of a server in this epoch.
    pub(in crate::service) fn case(&self, server: NodeId) -> Option<Case> {
        self.value(&place(CASE, server.as_bytes()))
    }

    /// About how many servers a member has spoken in this epoch.
    pub(in crate::service) fn spoken_about(&self, member: NodeId) -> u32 {
        self.value(&place(SPOKEN, member.as_bytes())).unwrap_or(0)
    }

    /// What was found of a server, to take effect after an epoch.
    pub(in crate::service) fn finding(&self, epoch: Epoch, server: NodeId) -> Option<Finding> {
        self.value(&finding_of(epoch, server))
    }

    /// All that is to take effect after an epoch, in ascending order of server.
    pub(in crate::service) fn findings(&self, epoch: Epoch) -> impl Iterator<Item = Finding> {
        self.walk(findings_of(epoch)).map(|(_, value)| super::read(&value))
    }

    /// The proof that a server lied.
    pub(in crate::service) fn conviction(&self, server: NodeId) -> Option<Conviction> {
        self.value(&place(CONVICTION, server.as_bytes()))
    }

    /// The key of a server in the epoch before, if it was in the group of that.
    pub(in crate::service) fn former_key(&self, server: NodeId) -> Option<PublicKey> {
        self.value(&place(FORMER_KEY, server.as_bytes()))
    }

    /// How many servers were proved to lie.
    pub(in crate::service) fn conviction_count(&self) -> usize {
        self.walk(CONVICTION.to_vec()).count()
    }

    /// The first servers from one on of which there is something to say.
    pub(in crate::service) fn watched_servers(
        &self,
        from: NodeId,
        count_max: usize,
    ) -> Vec<NodeId> {
        let epoch = self.header().epoch;
        let findings = [epoch, epoch.next()].map(findings_of);
        let kinds = findings.into_iter().chain([CONVICTION, CASE].map(<[u8]>::to_vec));
        let servers = |kind: Vec<u8>| {
            let entries = self.state.scan(&place(&kind, from.as_bytes()), count_max).into_iter();
            let inside = entries.take_while(move |(key, _)| key.starts_with(&kind));
            inside.map(|(key, _)| server_of(&key)).collect::<Vec<_>>()
        };
        let servers: BTreeSet<_> = kinds.flat_map(servers).collect();
        servers.into_iter().take(count_max).collect()
    }

    /// The entries of what takes effect after an epoch.
    pub(super) fn finding_entries(&self, epoch: Epoch) -> impl Iterator<Item = super::Entry> {
        self.walk(findings_of(epoch))
    }
}

impl Table<'_> {
    pub(in crate::service) fn put_case(&mut self, server: NodeId, case: &Case) {
        self.0.put(&place(CASE, server.as_bytes()), encode(case));
    }

    pub(in crate::service) fn put_spoken_about(&mut self, member: NodeId, count: u32) {
        self.0.put(&place(SPOKEN, member.as_bytes()), encode(&count));
    }

    pub(in crate::service) fn put_finding(&mut self, finding: &Finding) {
        self.0.put(&finding_of(finding.epoch, finding.server), encode(finding));
    }

    pub(in crate::service) fn remove_finding(&mut self, finding: &Finding) {
        self.0.remove(&finding_of(finding.epoch, finding.server));
    }

    pub(in crate::service) fn put_conviction(&mut self, server: NodeId, proof: &Conviction) {
        self.0.put(&place(CONVICTION, server.as_bytes()), encode(proof));
    }

    /// Forgets all about a server that is a member no more.
    pub(in crate::service) fn acquit(&mut self, server: NodeId) {
        self.0.remove(&place(CONVICTION, server.as_bytes()));
    }

    /// The epoch is over, and these are the keys with which its group signed.
    pub(in crate::service) fn put_former_keys(&mut self, keys: &[(NodeId, PublicKey)]) {
        // MEM-55: until the next one is over, and no longer.
        let known: Vec<_> = self.reader().walk(FORMER_KEY.to_vec()).collect();
        known.iter().for_each(|(entry, _)| self.0.remove(entry));
        for (server, key) in keys {
            self.0.put(&place(FORMER_KEY, server.as_bytes()), encode(key));
        }
    }

    /// Forgets what was said in the epoch.
    pub(in crate::service) fn forget_statements(&mut self) {
        let kinds = [CASE, SPOKEN].map(<[u8]>::to_vec);
        let reader = self.reader();
        let keys: Vec<_> = kinds.into_iter().flat_map(|kind| reader.walk(kind)).collect();
        keys.iter().for_each(|(key, _)| self.0.remove(key));
    }
}

/// What entries of the map say of monitoring.
pub(in crate::service) struct Watched {
    /// What was said of servers in this epoch.
    pub(in crate::service) cases: Vec<(NodeId, Case)>,
    /// What was found, to take effect after this epoch or the next.
    pub(in crate::service) findings: Vec<Finding>,
    /// Who was proved to lie.
    pub(in crate::service) convicted: Vec<NodeId>,
}

impl Watched {
    pub(in crate::service) fn read(scan: impl Fn(&[u8], usize) -> Vec<super::Entry>) -> Self {
        let cases = walk(CASE.to_vec(), &scan);
        let cases = cases.map(|(key, value)| (server_of(&key), super::read(&value)));
        let findings = walk(FINDING.to_vec(), &scan).map(|(_, value)| super::read(&value));
        let convicted = walk(CONVICTION.to_vec(), &scan).map(|(key, _)| server_of(&key));
        Self {
            cases: cases.collect(),
            findings: findings.collect(),
            convicted: convicted.collect(),
        }
    }
}

fn server_of(key: &[u8]) -> NodeId {
    let (_, server) = key.split_last_chunk().expect("the service made the key");
    NodeId::new(*server)
}
