//! A connection to a cluster, and what can be asked over it.
//!
//! Connecting takes two steps: with nothing but the pinned key and some addresses, fetch the
//! configuration and have a quorum of the membership group vouch that it is current; then connect
//! to the servers that it names. Everything that is read is verified before it is given out, and
//! nothing is acted upon behind the end of the lease. When the servers go on to a later
//! configuration, the connection checks and follows it; ordered calls end with their epoch.
//!
//! | what | file |
//! |---|---|
//! | connecting, and following the configuration | `connect` |
//! | the key of a system, of which only the genesis is there | `founding` |
//! | the machines of a connection | `machines` |
//! | calls of the membership service | `membership` |
//! | the servers, and the links to them | `servers` |

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_bft::{
    ClientCall, ClientFailure, ClientOutput as OrderedOutput, ClientRequest as OrderedRequest,
};
use quorate_crypto::{ClientCertificate, Signer};
use quorate_dht::{
    Answer, Body, CallId, ClientRequest as StorageRequest, ContentKind, ObjectKey, Value, Version,
};
use quorate_kv::{KvOperation, KvReply};
use quorate_membership::VerifiedConfiguration;
use quorate_net::VersionRange;
use quorate_runtime::Handle;
use quorate_types::{NodeId, ObjectId};
use tokio::sync::watch;

use crate::error::ClientError;
use crate::hosts::StorageOutcome;
use crate::reach::{Delay, Reach};
use crate::scrub::ScrubStates;
use crate::waiting::{Place, Waiting};

mod chain;
mod connect;
mod founding;
mod freshness;
mod machines;
mod membership;
mod servers;

pub use chain::{WantedChain, read_chain, read_configurations};
pub use connect::{
    Heard, fetch_as_stranger, fetch_configuration, meet_as_stranger, with_cluster, with_tuned,
};
pub use founding::fetch_founding;
pub use freshness::watch_freshness;
pub use membership::Answered;
use membership::MembershipCaller;
use servers::Reaching;

/// Versions of the protocol between peers that this build speaks.
pub const PROTOCOL_VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
/// Longest time for connecting.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Time that the first lease is given before work begins, which waits for it by itself.
pub const LEASE_TIME: Duration = Duration::from_secs(1);
/// Time after which somebody is told what a connection still waits for.
pub const DELAY_TOLD: Duration = Duration::from_secs(2);
/// Longest time for one operation.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bundles of ordered operations that one connection has under way.
pub const BUNDLES_UNDER_WAY_MAX: usize = quorate_bft::client::BUNDLES_UNDER_WAY_MAX;

/// Who connects, and to what.
pub struct Credentials {
    /// The seed of the client's key.
    pub seed: [u8; 32],
    /// The authority's word for it.
    pub certificate: ClientCertificate,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.certificate.grant.client)
    }
}

/// How a connection works, where programs differ.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Most ordered operations under one signature, 1 to 64: those that wait at the same moment
    /// share one.
    pub bundle_operations_max: usize,
    /// Hears once for each thing that the connection waits for, if it waits for longer than
    /// [`DELAY_TOLD`].
    pub on_delay: fn(&Delay),
}

impl Default for Tuning {
    fn default() -> Self {
        Self { bundle_operations_max: quorate_bft::limits::BUNDLE_OPERATIONS_MAX, on_delay: |_| {} }
    }
}

/// A connection to a cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The newest configuration that is known; there is one from the beginning.
    known: watch::Receiver<Option<VerifiedConfiguration>>,
    /// Is there a lease now?
    fresh: watch::Receiver<bool>,
    storage: Handle<quorate_dht::Client>,
    stored: Arc<Waiting<StorageOutcome>>,
    scrubbed: Arc<Mutex<ScrubStates>>,
    key_value: Handle<quorate_bft::Client>,
    ordered: Arc<Waiting<OrderedOutput>>,
    membership: Arc<MembershipCaller>,
    reaching: Reaching,
}

impl Cluster {
    /// The configuration that this connection works with now: it follows that of the servers.
    ///
    /// # Panics
    /// Never: a connection begins with one.
    #[must_use]
    pub fn configuration(&self) -> VerifiedConfiguration {
        self.known.borrow().clone().expect("a connection begins with a configuration")
    }

    /// The servers that are connected now.
    #[must_use]
    pub fn reached(&self) -> BTreeSet<NodeId> {
        self.reaching.borrow().reached()
    }

    /// The servers that are connected as soon as all are. After this time it does not wait any
    /// more for those that could not be reached once, and after twice this time for nobody.
    pub async fn reach_all(&self, time: Duration) -> BTreeSet<NodeId> {
        let mut reach = self.reaching.subscribe();
        // Whoever is not reached by then counts as down.
        drop(tokio::time::timeout(time, reach.wait_for(Reach::is_complete)).await);
        drop(tokio::time::timeout(time, reach.wait_for(Reach::is_settled)).await);
        self.reached()
    }

    /// Stores content under its hash.
    ///
    /// # Errors
    /// [`ClientError::Storage`] says why it is not stored at a quorum.
    pub async fn put_content(
        &self,
        kind: ContentKind,
        body: Body,
    ) -> Result<ObjectKey, ClientError> {
        let expires = quorate_dht::object::KEEP_FOR_EVER;
        let put = quorate_dht::Operation::PutContent { kind, body, expires };
        let Answer::Stored(key) = self.store(put).await? else {
            unreachable!("a put is answered with its key");
        };
        Ok(key)
    }

    /// The content with this name, verified.
    ///
    /// # Errors
    /// [`ClientError::Storage`]: a quorum does not have it, or does not answer.
    pub async fn get_content(&self, key: ObjectKey) -> Result<Body, ClientError> {
        let Answer::Content(body) = self.store(quorate_dht::Operation::GetContent(key)).await?
        else {
            unreachable!("a get is answered with content");
        };
        Ok(body)
    }

    /// Writes the object of an owner; several processes may share the owner's key.
    ///
    /// # Errors
    /// [`ClientError::Storage`] says why it is not stored at a quorum.
    pub async fn write_object(
        &self,
        owner: Arc<dyn Signer>,
        value: Value,
    ) -> Result<Version, ClientError> {
        let Answer::Written(version) =
            self.store(quorate_dht::Operation::WriteObject { owner, value }).await?
        else {
            unreachable!("a write is answered with its version");
        };
        Ok(version)
    }

    /// The latest version of an object; nothing if it was never written.
    ///
    /// # Errors
    /// [`ClientError::Storage`]: no quorum answers.
    pub async fn read_object(&self, id: ObjectId) -> Result<Option<Version>, ClientError> {
        let Answer::Object(version) = self.store(quorate_dht::Operation::ReadObject(id)).await?
        else {
            unreachable!("a read is answered with a version");
        };
        Ok(version)
    }

    async fn store(&self, operation: quorate_dht::Operation) -> Result<Answer, ClientError> {
        self.begin(operation).await?.finish().await
    }

    /// What servers have said about their scrubs since the last call.
    pub(crate) fn take_scrubbed(&self) -> ScrubStates {
        std::mem::take(&mut *self.scrubbed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the storage client for something that is not answered by itself.
    pub(crate) async fn ask_storage(&self, request: StorageRequest) -> Result<(), ClientError> {
        self.storage.ask(request).await.or(Err(ClientError::Stopped))
    }

    /// Begins a storage operation; several may be under way.
    pub(crate) async fn begin(
        &self,
        operation: quorate_dht::Operation,
    ) -> Result<Begun, ClientError> {
        let place = self.stored.enter();
        let (call, timeout) = (CallId::new(place.number()), operation_timeout());
        self.ask_storage(StorageRequest::Invoke { call, operation, timeout }).await?;
        Ok(Begun(place))
    }

    /// Waits until the configuration is known to be current.
    async fn until_fresh(&self) -> Result<(), ClientError> {
        let mut fresh = self.fresh.clone();
        let waited = tokio::time::timeout(OPERATION_TIMEOUT, fresh.wait_for(|is_fresh| *is_fresh));
        let seconds = OPERATION_TIMEOUT.as_secs();
        waited.await.or(Err(ClientError::NoLease { seconds }))?.or(Err(ClientError::Stopped))?;
        Ok(())
    }

    /// Executes an operation of the key-value service, in the order that all clients share.
    ///
    /// # Errors
    /// [`ClientError::NoLease`], [`ClientError::Ordered`] or [`ClientError::NoReply`].
    pub async fn key_value(&self, operation: &KvOperation) -> Result<KvReply, ClientError> {
        self.until_fresh().await?;
        let mut place = self.ordered.enter();
        let (ticket, timeout) = (place.number(), operation_timeout());
        let operation = operation.to_bytes();
        let request = OrderedRequest::Call(ClientCall { ticket, operation, timeout });
        self.key_value.ask(request).await.or(Err(ClientError::Stopped))?;
        match place.outcome().await.ok_or(ClientError::Stopped)? {
            OrderedOutput::Replied { reply, .. } => {
                KvReply::from_bytes(&reply).or(Err(ClientError::UnknownReply))
            }
            OrderedOutput::Failed { failure: ClientFailure::TimedOut, .. } => {
                Err(ClientError::NoReply { seconds: OPERATION_TIMEOUT.as_secs() })
            }
            OrderedOutput::Failed { failure, .. } => Err(ClientError::Ordered(failure)),
        }
    }
}

/// As the machines measure it.
const fn operation_timeout() -> quorate_types::Duration {
    quorate_types::Duration::from_secs(OPERATION_TIMEOUT.as_secs())
}

/// A storage operation that is under way.
#[derive(Debug)]
pub(crate) struct Begun(Place<StorageOutcome>);

impl Begun {
    /// Waits for its outcome.
    pub(crate) async fn finish(mut self) -> Result<Answer, ClientError> {
        self.0.outcome().await.ok_or(ClientError::Stopped)?.map_err(ClientError::Storage)
    }
}
