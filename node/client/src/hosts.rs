//! The client's machines, each with the glue that the runtime drives it by.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_bft::{ClientOutput as OrderedOutput, ClientRequest as OrderedRequest};
use quorate_crypto::Verified;
use quorate_dht::{ClientOutput as StorageOutput, ClientRequest as StorageRequest, MessageContext};
use quorate_membership::client::{
    ClientOutput as ConfigurationOutput, ClientRequest as ConfigurationRequest, NoRecord,
};
use quorate_membership::{ConfigurationClient, VerifiedConfiguration};
use quorate_runtime::{Handle, Hosted, Plain};
use quorate_types::{GroupConfiguration, Instant, Now};
use tokio::sync::{oneshot, watch};

use crate::scrub::ScrubStates;

/// Operations that wait for their outcome, by the number that they were given.
pub(crate) struct Waiting<T>(Mutex<(u64, BTreeMap<u64, oneshot::Sender<T>>)>);

impl<T> std::fmt::Debug for Waiting<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(Mutex::new((0, BTreeMap::new())))
    }
}

impl<T> Waiting<T> {
    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, oneshot::Sender<T>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for an operation, and where its outcome will come.
    pub(crate) fn enter(&self) -> (u64, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.0 += 1;
        let number = waiting.0;
        waiting.1.insert(number, sender);
        (number, receiver)
    }

    fn leave(&self, number: u64, outcome: T) {
        if let Some(sender) = self.lock().1.remove(&number) {
            // Whoever does not wait any more does not want the outcome.
            drop(sender.send(outcome));
        }
    }
}

/// Until when the configuration may be acted upon, by the clock of the node; from the first moment
/// on: never, until there is a lease.
#[derive(Debug, Default)]
pub(crate) struct LeaseEnd(AtomicU64);

impl LeaseEnd {
    fn set(&self, until: Instant) {
        self.0.store(until.as_micros(), Ordering::Relaxed);
    }

    fn holds_at(&self, now: Instant) -> bool {
        now.as_micros() < self.0.load(Ordering::Relaxed)
    }
}

/// The glue of a client of a replica group. A reply counts only while there is a lease: the group
/// of an epoch that has ended may be in anybody's hands. The replicas repeat what was dropped.
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
        self.lease.holds_at(now.instant)
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
            // The configuration client notices a later epoch by itself when it renews its lease.
            StorageOutput::NewerConfiguration(_) | StorageOutput::LeaseExpired(_) => {}
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
    /// When it ends.
    pub(crate) lease: Arc<LeaseEnd>,
    pub(crate) storage: Option<Handle<quorate_dht::Client>>,
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
                self.lease.set(until);
                if let Some(storage) = &self.storage {
                    let epoch = configuration.epoch();
                    // If too many requests wait, the next renewal comes in time.
                    drop(storage.request(StorageRequest::Lease { epoch, until }));
                }
                self.fresh.send_replace(true);
            }
            ConfigurationOutput::LeaseLost { .. } => {
                self.lease.set(Instant::ZERO);
                self.fresh.send_replace(false);
            }
            ConfigurationOutput::Configuration(configuration) => {
                self.known.send_replace(Some(configuration));
            }
        }
    }
}

#[cfg(test)]
mod tests;
