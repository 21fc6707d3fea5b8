//! The client's machines, each with the glue that the runtime drives it by.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use quorate_bft::{ClientOutput as OrderedOutput, ClientRequest as OrderedRequest};
use quorate_crypto::Verified;
use quorate_dht::{
    ClientOutput as StorageOutput, ClientRequest as StorageRequest, MessageContext, Ring,
};
use quorate_membership::client::{
    ClientOutput as ConfigurationOutput, ClientRequest as ConfigurationRequest, NoRecord,
};
use quorate_membership::{CertifiedConfiguration, ConfigurationClient, VerifiedConfiguration};
use quorate_runtime::{Handle, Hosted, Plain};
use quorate_types::{Epoch, GroupConfiguration, Instant, Now, Peer};
use quorate_wire::decode;
use tokio::sync::watch;

use crate::scrub::ScrubStates;
use crate::waiting::Waiting;

/// Until when the configuration of an epoch may be acted upon, by the clock of the node; from the
/// first moment on: never, until there is a lease.
#[derive(Debug, Default)]
pub(crate) struct LeaseEnd(Mutex<Option<(Epoch, Instant)>>);

impl LeaseEnd {
    fn lock(&self) -> MutexGuard<'_, Option<(Epoch, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, epoch: Epoch, until: Instant) {
        *self.lock() = Some((epoch, until));
    }

    fn clear(&self) {
        *self.lock() = None;
    }

    /// Does the lease hold, and is it for this epoch?
    fn holds_at(&self, epoch: Epoch, now: Instant) -> bool {
        self.lock().is_some_and(|(leased, until)| leased == epoch && now < until)
    }
}

/// The glue of a client of a replica group. A reply counts only while there is a lease for the
/// group's epoch: the group of an epoch that has ended may be in anybody's hands. The replicas
/// repeat what was dropped.
#[derive(Debug)]
pub(crate) struct OrderedHost {
    pub(crate) group: Arc<GroupConfiguration>,
    pub(crate) lease: Arc<LeaseEnd>,
    pub(crate) waiting: Arc<Waiting<OrderedOutput>>,
}

impl Hosted for OrderedHost {
    type Machine = quorate_bft::Client;
    type Message = quorate_bft::Message;

    fn may_hear(&self, now: Now) -> bool {
        self.lease.holds_at(self.group.epoch, now.instant)
    }

    fn context<'host>(&'host self, _: &'host Self::Machine) -> &'host GroupConfiguration {
        &self.group
    }

    fn believe(&self, message: Verified<Self::Message>) -> Verified<Self::Message> {
        message
    }

    fn record_bytes(&self, record: &std::convert::Infallible) -> usize {
        match *record {}
    }

    fn on_output(&mut self, output: OrderedOutput, _: &mut Vec<OrderedRequest>) {
        let (OrderedOutput::Replied { ticket, .. } | OrderedOutput::Failed { ticket, .. }) =
            &output;
        self.waiting.leave(*ticket, output);
    }
}

pub(crate) type StorageOutcome = Result<quorate_dht::Answer, quorate_dht::Failure>;

/// The glue of the storage client.
#[derive(Debug)]
pub(crate) struct StorageHost {
    pub(crate) context: MessageContext,
    pub(crate) waiting: Arc<Waiting<StorageOutcome>>,
    /// What servers last said about their scrubs.
    pub(crate) scrubbed: Arc<Mutex<ScrubStates>>,
    /// Who checks the later configurations that servers give.
    pub(crate) checker: Checker,
}

/// The configuration client, once it is hosted.
pub(crate) type Checker = Arc<OnceLock<Handle<ConfigurationClient>>>;

/// Has a configuration that a server gave checked, or what it was too long to give fetched.
fn check(checker: &Checker, (from, epoch): (Peer, Epoch), given: &[u8]) {
    let request = match decode::<CertifiedConfiguration>(given) {
        Ok(given) => ConfigurationRequest::Given { from, configuration: Box::new(given) },
        Err(_) => ConfigurationRequest::Heard { from, epoch },
    };
    // If too many requests wait, the next server that is asked says the same.
    drop(checker.get().map(|checker| checker.request(request)));
}

impl Hosted for StorageHost {
    type Machine = quorate_dht::Client;
    type Message = quorate_dht::Message;

    fn context<'host>(&'host self, _: &'host Self::Machine) -> &'host MessageContext {
        &self.context
    }

    fn believe(&self, message: Verified<Self::Message>) -> Verified<Self::Message> {
        message
    }

    fn payload_bytes(&self, message: &quorate_dht::Message) -> usize {
        message.payload_bytes()
    }

    fn record_bytes(&self, (): &()) -> usize {
        0
    }

    fn on_output(&mut self, output: StorageOutput, _: &mut Vec<StorageRequest>) {
        match output {
            StorageOutput::Returned { call, outcome } => self.waiting.leave(call.get(), outcome),
            StorageOutput::Scrubbing(node, state) => {
                let mut scrubbed = self.scrubbed.lock().unwrap_or_else(PoisonError::into_inner);
                scrubbed.insert(node, state);
            }
            StorageOutput::NewerConfiguration { from, epoch, configuration } => {
                let who = (Peer::Node(from), epoch);
                check(&self.checker, who, configuration.as_bytes());
            }
            StorageOutput::LeaseExpired(_) => {}
        }
    }
}

/// The glue of the configuration client: passes leases on to whoever acts on them.
#[derive(Debug)]
pub(crate) struct ConfigurationHost {
    /// The last configuration that verified.
    pub(crate) known: watch::Sender<Option<VerifiedConfiguration>>,
    /// Is there a lease now?
    pub(crate) fresh: watch::Sender<bool>,
    /// When it ends, for what is done on the ring of the configuration.
    pub(crate) lease: Arc<LeaseEnd>,
    /// When it ends, for what is done in the epoch of the configuration.
    pub(crate) of_epoch: Arc<LeaseEnd>,
    pub(crate) storage: Option<Handle<quorate_dht::Client>>,
}

impl ConfigurationHost {
    /// Of a connection that only fetches a configuration.
    pub(crate) fn alone(
        known: watch::Sender<Option<VerifiedConfiguration>>,
        fresh: watch::Sender<bool>,
    ) -> Self {
        let (lease, of_epoch) = Default::default();
        Self { known, fresh, lease, of_epoch, storage: None }
    }

    fn tell(&self, request: StorageRequest) {
        drop(self.storage.as_ref().map(|storage| storage.request(request)));
    }

    /// The storage client goes on in this epoch, if it is a later one than its own.
    fn reconfigure(&self, configuration: &VerifiedConfiguration) {
        if let Ok(ring) = Ring::new(configuration.configuration()) {
            self.tell(StorageRequest::Reconfigured(ring));
        }
    }
}

impl Hosted for ConfigurationHost {
    type Machine = ConfigurationClient;
    type Message = Plain<quorate_membership::Message>;

    fn context<'host>(&'host self, _: &'host ConfigurationClient) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> quorate_membership::Message {
        message.into_inner().0
    }

    fn record_bytes(&self, _: &NoRecord) -> usize {
        0
    }

    fn on_output(&mut self, output: ConfigurationOutput, _: &mut Vec<ConfigurationRequest>) {
        match output {
            ConfigurationOutput::Lease { until, configuration } => {
                // What the lease is acted upon for, objects and the group beside them, stays on the
                // ring on which they lie.
                let epoch = configuration.configuration().ring_epoch;
                self.lease.set(epoch, until);
                self.of_epoch.set(configuration.epoch(), until);
                self.reconfigure(&configuration);
                // If too many requests wait, the next renewal comes in time.
                self.tell(StorageRequest::Lease { epoch, until });
                self.fresh.send_replace(true);
            }
            ConfigurationOutput::LeaseLost { .. } => {
                self.lease.clear();
                self.of_epoch.clear();
                self.fresh.send_replace(false);
            }
            ConfigurationOutput::Configuration(configuration) => {
                self.reconfigure(&configuration);
                self.known.send_replace(Some(configuration));
            }
        }
    }
}

#[cfg(test)]
mod tests;
