//! Which clients have shown a certificate, so that strangers can be told from them.
//!
//! The authority alone makes certificates, so strangers cannot fill this table.

use alloc::collections::BTreeMap;

use quorate_crypto::ClientCertificate;
use quorate_types::{ClientId, Now, Peer, UnixTime};

use crate::limits::SERVER_KNOWN_CLIENTS_MAX;

#[derive(Clone, Copy, Debug)]
struct Known {
    expires: UnixTime,
    /// The place of its last certificate among all that were shown.
    shown: u64,
}

/// The clients with a certificate that holds.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: BTreeMap<ClientId, Known>,
    shown: u64,
}

impl Clients {
    /// A peer sent a certificate. It counts for the key of the link alone: somebody else's
    /// certificate is no secret.
    pub(super) fn note(&mut self, now: Now, peer: Peer, certificate: &ClientCertificate) {
        let grant = &certificate.grant;
        if peer != Peer::Client(grant.client) || !certificate.holds_at(now.wall) {
            return;
        }
        self.shown += 1;
        self.known.insert(grant.client, Known { expires: grant.expires, shown: self.shown });
        if self.known.len() > SERVER_KNOWN_CLIENTS_MAX {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.shown);
            let oldest = oldest.map(|(client, _)| *client);
            oldest.and_then(|client| self.known.remove(&client));
        }
    }

    /// Has nobody vouched for this peer? Servers are in the configuration.
    pub(super) fn is_stranger(&self, now: Now, peer: Peer) -> bool {
        match peer {
            Peer::Node(_) => false,
            Peer::Client(client) => {
                self.known.get(&client).is_none_or(|known| known.expires <= now.wall)
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
