//! Calls of the membership service, in whichever group the current epoch has.
//!
//! Each epoch has a group of its own, on a channel of its own, so a call that is under way when an
//! epoch ends is asked again of the next group. Whether the first one executed it is not known
//! then: what is asked here either changes nothing or counts once ([`MembershipOperation`]).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use quorate_bft::client::ClientSetup;
use quorate_bft::{
    ClientCall, ClientFailure, ClientOutput as OrderedOutput, ClientRequest as OrderedRequest,
};
use quorate_crypto::{ClientCertificate, Signer};
use quorate_duties::ordering_instance;
use quorate_membership::client::ClientRequest as ConfigurationRequest;
use quorate_membership::election::membership_replicas;
use quorate_membership::{MembershipOperation, MembershipReply, VerifiedConfiguration};
use quorate_runtime::{Channel, Control, Handle, Hosting};
use quorate_types::{Epoch, Slot};
use tokio::sync::oneshot;

use super::servers::random_u64;
use super::{Cluster, OPERATION_TIMEOUT, operation_timeout};
use crate::error::ClientError;
use crate::groups::ORDERING;
use crate::hosts::{Checker, LeaseEnd, OrderedHost};
use crate::waiting::Waiting;

/// How long the group of an epoch is given to answer before it is seen whether the epoch ended.
const DOUBT_TIME: Duration = Duration::from_secs(1);

/// What the membership service has answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The answer, the same from `f + 1` members of a group.
    pub reply: MembershipReply,
    /// Whether an epoch ended meanwhile, so that the operation may have been executed twice: this
    /// is the answer to the second time.
    pub is_repeated: bool,
}

/// Who calls the membership service, and where it is at the moment.
pub(super) struct MembershipCaller {
    /// Steers the node of the connection.
    pub(super) control: Control,
    /// The client's key.
    pub(super) signer: Arc<dyn Signer>,
    /// The authority's word for it.
    pub(super) certificate: ClientCertificate,
    /// Until when the configuration of an epoch may be acted upon.
    pub(super) lease: Arc<LeaseEnd>,
    /// Who keeps the configuration.
    pub(super) keeper: Checker,
    /// The client of the group that was called last; one call is made at a time.
    pub(super) desk: tokio::sync::Mutex<Option<Desk>>,
}

impl std::fmt::Debug for MembershipCaller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MembershipCaller")
    }
}

/// A client of the group of one epoch; it goes when this is dropped.
pub(super) struct Desk {
    epoch: Epoch,
    channel: Channel,
    control: Control,
    client: Handle<quorate_bft::Client>,
    ordered: Arc<Waiting<OrderedOutput>>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let channel = self.channel;
        self.control.order(move |node| node.retire(channel));
    }
}

impl Cluster {
    /// Executes an operation of the membership service, in the order that all clients share.
    ///
    /// # Errors
    /// [`ClientError::NoLease`], [`ClientError::Ordered`] or [`ClientError::NoReply`].
    pub async fn membership(
        &self,
        operation: &MembershipOperation,
    ) -> Result<Answered, ClientError> {
        self.until_fresh().await?;
        let call = self.call_membership(quorate_wire::encode(operation));
        let timed_out = ClientError::NoReply { seconds: OPERATION_TIMEOUT.as_secs() };
        tokio::time::timeout(OPERATION_TIMEOUT, call).await.unwrap_or(Err(timed_out))
    }

    async fn call_membership(&self, operation: Vec<u8>) -> Result<Answered, ClientError> {
        let mut known = self.known.clone();
        let mut desk = self.membership.desk.lock().await;
        let mut is_repeated = false;
        loop {
            let configuration = known.borrow_and_update().clone();
            let configuration = configuration.ok_or(ClientError::Stopped)?;
            let is_there = desk.as_ref().is_some_and(|desk| desk.epoch == configuration.epoch());
            if !is_there {
                *desk = None;
                *desk = Some(self.membership.open(&configuration).await?);
            }
            let open = desk.as_ref().expect("it was opened");
            tokio::select! {
                reply = open.call(operation.clone()) => {
                    return Ok(Answered { reply: reply?, is_repeated });
                }
                changed = known.changed() => changed.or(Err(ClientError::Stopped))?,
                never = self.membership.doubt() => match never {},
            }
            is_repeated = true;
        }
    }
}

impl MembershipCaller {
    /// Has somebody see now and then whether the epoch has ended: a group that has signed the end
    /// of its epoch answers nobody.
    async fn doubt(&self) -> Infallible {
        loop {
            tokio::time::sleep(DOUBT_TIME).await;
            // If too many requests wait there, the next doubt comes in time.
            drop(self.keeper.get().map(|keeper| keeper.request(ConfigurationRequest::Doubt)));
        }
    }

    /// Hosts a client of the group of this configuration.
    async fn open(&self, configuration: &VerifiedConfiguration) -> Result<Desk, ClientError> {
        let group = Arc::new(membership_replicas(configuration, Slot::ZERO));
        let channel = Channel::Grouped(ORDERING, ordering_instance(&group));
        let epoch = group.epoch;
        let ordered: Arc<Waiting<OrderedOutput>> = Arc::default();
        let setup = ClientSetup {
            group: Arc::clone(&group),
            signer: Arc::clone(&self.signer),
            certificate: self.certificate.clone(),
            nonce: random_u64()?,
            bundle_operations_max: 1,
        };
        let (lease, waiting) = (Arc::clone(&self.lease), Arc::clone(&ordered));
        let (tell, told) = oneshot::channel();
        self.control.order(move |node| {
            let hosting = Hosting {
                name: "membership",
                channel,
                hosted: OrderedHost { group, lease, waiting },
                machine: quorate_bft::Client::new(setup),
                journal: None,
                interceptor: None,
            };
            // Whoever does not wait any more has no use for the handle.
            drop(tell.send(node.host(hosting)));
        });
        let hosted = told.await.or(Err(ClientError::Stopped))?;
        let client = hosted.map_err(ClientError::Host)?;
        let control = self.control.clone();
        Ok(Desk { epoch, channel, control, client, ordered })
    }
}

impl Desk {
    async fn call(&self, operation: Vec<u8>) -> Result<MembershipReply, ClientError> {
        let mut place = self.ordered.enter();
        let (ticket, timeout) = (place.number(), operation_timeout());
        let call = OrderedRequest::Call(ClientCall { ticket, operation, timeout });
        self.client.ask(call).await.or(Err(ClientError::Stopped))?;
        match place.outcome().await.ok_or(ClientError::Stopped)? {
            OrderedOutput::Replied { reply, .. } => {
                quorate_wire::decode(&reply).or(Err(ClientError::UnknownReply))
            }
            OrderedOutput::Failed { failure: ClientFailure::TimedOut, .. } => {
                Err(ClientError::NoReply { seconds: OPERATION_TIMEOUT.as_secs() })
            }
            OrderedOutput::Failed { failure, .. } => Err(ClientError::Ordered(failure)),
        }
    }
}
