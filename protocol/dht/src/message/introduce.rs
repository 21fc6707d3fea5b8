//! Saying who one is, before anything is asked.
//!
//! Anybody may read, so a read carries no certificate, and a server could not tell a client of the
//! system from a stranger with a key. The link has proved the key already: the authority's word
//! about that key is all that is missing, and needs no signature of the client.

use quorate_crypto::ClientCertificate;

use super::Head;

/// The sender is this client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduce {
    /// Epoch and operation, which mean nothing here.
    pub head: Head,
    /// The authority's word about the key of the link.
    pub certificate: ClientCertificate,
}

quorate_wire::fields!(Introduce { head, certificate });
