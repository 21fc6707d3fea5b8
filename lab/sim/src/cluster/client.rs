//! A client: from the system's key and some addresses to operations that are done.
//!
//! As a program that uses the production client: the configuration comes first, the clients of the
//! groups are made from it, and an operation begins only under a lease that holds; until then it
//! waits. What has begun is asked again when a lease ends, but no answer counts without one.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_adversary::membership::Skew;
use quorate_bft::client::ClientSetup;
use quorate_bft::{Client as OrderedClient, ClientCall, ClientRequest as OrderedRequest};
use quorate_crypto::{ClientCertificate, Domain, Signer, hash_of};
use quorate_dht::{ClientIdentity, ClientRequest as StorageRequest, Ring, WriterId};
use quorate_duties::OrderedGroups;
use quorate_machine::{Effect, Effects, Input};
use quorate_membership::{
    ClientOutput as ConfigurationOutput, ConfigurationClient, VerifiedConfiguration,
};
use quorate_types::{GroupConfiguration, Instant, Now};

use super::lens::{is_served, refused};
use super::server::Place;
use super::{
    Ask, ClusterMachine, KeyValueMachine, MembershipMachine, Output, Received, Request, Timer,
};
use crate::ordering::{CALL_TIMEOUT, OrderingMachine};
use crate::part::pass_on;
use crate::storage::seat::{ClientSeat as StorageClient, Leases};

/// As whom a client acts, and with what.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) certificate: ClientCertificate,
    /// Fresh in each life.
    pub(super) nonce: u64,
    /// As if it were random, in each life.
    pub(super) first_number: u64,
    /// How a bad client's clocks are wrong.
    pub(super) skew: Option<Skew>,
    /// What is counted when a bad client acts.
    pub(super) mark: Option<&'static str>,
}

/// The machines of a client.
#[derive(Debug)]
pub struct ClientSeat {
    identity: Identity,
    configuration: Place<ConfigurationClient>,
    membership: Option<Place<MembershipMachine>>,
    key_value: Option<Place<KeyValueMachine>>,
    storage: Option<Place<StorageClient>>,
    lease_until: Option<Instant>,
    /// Operations that wait for a lease.
    waiting: VecDeque<Request>,
    /// Its certificate has been taken for good.
    was_served: bool,
}

impl ClientSeat {
    pub(super) const fn new(identity: Identity, configuration: ConfigurationClient) -> Self {
        Self {
            identity,
            configuration: Place::new(configuration),
            membership: None,
            key_value: None,
            storage: None,
            lease_until: None,
            waiting: VecDeque::new(),
            was_served: false,
        }
    }

    /// The storage client, once there is a configuration.
    #[must_use]
    pub fn storage(&self) -> Option<&StorageClient> {
        self.storage.as_ref().map(|place| &place.machine)
    }

    /// Operations that wait for a lease.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn step(
        &mut self,
        now: Now,
        input: Input<ClusterMachine>,
        effects: &mut Effects<ClusterMachine>,
    ) {
        let Some(skew) = self.identity.skew else { return self.act(now, input, effects) };
        let mut own = Effects::new();
        self.act(skew.now(now), input, &mut own);
        for effect in own.drain() {
            effects.push(if let Effect::Arm { timer, at } = effect {
                Effect::Arm { timer, at: skew.when(at) }
            } else {
                effect
            });
        }
    }

    fn act(
        &mut self,
        now: Now,
        input: Input<ClusterMachine>,
        effects: &mut Effects<ClusterMachine>,
    ) {
        match input {
            Input::Start => self.configuration.step(now, Input::Start),
            Input::Deliver { from, message } => match message {
                Received::Configuration(message) => {
                    let message = (*message).clone();
                    self.configuration.step(now, Input::Deliver { from, message });
                }
                Received::Membership(message) if self.has_lease(now) => {
                    self.step_membership(now, Input::Deliver { from, message });
                }
                Received::KeyValue(message) if self.has_lease(now) => {
                    self.step_key_value(now, Input::Deliver { from, message });
                }
                // As in production, an ordered group is not heard without a lease.
                Received::Membership(_) | Received::KeyValue(_) => {}
                Received::Storage(message) => {
                    let message = *message;
                    self.step_storage(now, Input::Deliver { from, message });
                }
            },
            Input::Expired(Timer::Configuration(timer)) => {
                self.configuration.step(now, Input::Expired(timer));
            }
            Input::Expired(Timer::Membership(timer)) => {
                self.step_membership(now, Input::Expired(timer));
            }
            Input::Expired(Timer::KeyValue(timer)) => {
                self.step_key_value(now, Input::Expired(timer));
            }
            Input::Expired(Timer::StorageClient(timer)) => {
                self.step_storage(now, Input::Expired(timer));
            }
            Input::Expired(Timer::StorageServer(_)) => {}
            Input::Request(request) => self.waiting.push_back(request),
        }
        self.follow(now, effects);
        self.begin_waiting(now, effects);
        self.pass_on(effects);
    }

    /// Does what the configuration client tells.
    fn follow(&mut self, now: Now, effects: &mut Effects<ClusterMachine>) {
        let mut told = Vec::new();
        for effect in self.configuration.effects.drain() {
            if let Effect::Emit(output) = &effect {
                told.push(output.clone());
            }
            let mut one = Effects::<ConfigurationClient>::new();
            one.push(effect);
            pass_on(&mut one, effects);
        }
        for output in told {
            match output {
                ConfigurationOutput::Configuration(configuration) => {
                    self.adopt(now, &configuration);
                }
                ConfigurationOutput::Lease { until, configuration } => {
                    self.lease_until = Some(until);
                    let epoch = configuration.epoch();
                    let lease = StorageRequest::Lease { epoch, until };
                    self.step_storage(now, Input::Request(lease));
                }
                ConfigurationOutput::LeaseLost { .. } => self.lease_until = None,
            }
        }
    }

    /// Makes the clients of the groups of a configuration.
    fn adopt(&mut self, now: Now, configuration: &VerifiedConfiguration) {
        let Ok(groups) = OrderedGroups::of(configuration) else { return };
        let membership = OrderingMachine::client(self.ordered(groups.membership));
        let key_value = OrderingMachine::client(self.ordered(groups.key_value));
        self.membership.insert(Place::new(membership)).step(now, Input::Start);
        self.key_value.insert(Place::new(key_value)).step(now, Input::Start);
        if let Ok(ring) = Ring::new(configuration.configuration()) {
            let client = quorate_dht::Client::new(self.writer(), ring, self.identity.first_number);
            let seat = StorageClient::new(client, Leases::Elsewhere);
            self.storage.insert(Place::new(seat)).step(now, Input::Start);
        }
    }

    fn ordered(&self, group: Arc<GroupConfiguration>) -> OrderedClient {
        let Identity { signer, certificate, nonce, .. } = &self.identity;
        OrderedClient::new(ClientSetup {
            group,
            signer: Arc::clone(signer),
            certificate: certificate.clone(),
            nonce: *nonce,
            bundle_operations_max: 4,
        })
    }

    /// As whom it stores, in its present life.
    fn writer(&self) -> ClientIdentity {
        let Identity { signer, certificate, nonce, .. } = &self.identity;
        let draw = hash_of(Domain::Derivation, &(certificate.grant.client, *nonce));
        let random = draw.as_bytes()[..16].try_into().expect("sixteen bytes");
        let (signer, certificate) = (Arc::clone(signer), certificate.clone());
        ClientIdentity { signer, certificate, writer: WriterId::new(random) }
    }

    fn has_lease(&self, now: Now) -> bool {
        self.lease_until.is_some_and(|until| now.instant < until)
    }

    fn begin_waiting(&mut self, now: Now, effects: &mut Effects<ClusterMachine>) {
        while self.has_lease(now)
            && let Some(Request { ticket, ask }) = self.waiting.pop_front()
        {
            effects.emit(Output::Begun(ticket));
            if let Some(mark) = self.identity.mark {
                effects.mark(mark);
            }
            let timeout = CALL_TIMEOUT;
            let call = |operation| {
                let call = ClientCall { ticket, operation, timeout };
                Input::Request(OrderedRequest::Call(call))
            };
            match ask {
                Ask::Membership(operation) => {
                    let input = call(operation);
                    self.step_membership(now, input);
                }
                Ask::KeyValue(operation) => {
                    let request = OrderedRequest::Call(ClientCall { ticket, operation, timeout });
                    self.step_key_value(now, Input::Request(request));
                }
                Ask::Storage(request) => self.step_storage(now, Input::Request(request)),
            }
        }
    }

    fn step_membership(&mut self, now: Now, input: Input<MembershipMachine>) {
        if let Some(place) = &mut self.membership {
            place.step(now, input);
        }
    }

    fn step_key_value(&mut self, now: Now, input: Input<KeyValueMachine>) {
        if let Some(place) = &mut self.key_value {
            place.step(now, input);
        }
    }

    fn step_storage(&mut self, now: Now, input: Input<StorageClient>) {
        if let Some(place) = &mut self.storage {
            place.step(now, input);
        }
    }

    fn pass_on(&mut self, effects: &mut Effects<ClusterMachine>) {
        let mut own = Effects::new();
        if let Some(place) = &mut self.membership {
            pass_on(&mut place.effects, &mut own);
        }
        if let Some(place) = &mut self.key_value {
            pass_on(&mut place.effects, &mut own);
        }
        if let Some(place) = &mut self.storage {
            pass_on(&mut place.effects, &mut own);
        }
        for effect in own.drain() {
            if let Effect::Emit(output) = &effect {
                self.was_served |= is_served(output);
                if self.was_served && refused(output).is_some() {
                    effects.mark("client.certificate_ran_out");
                }
            }
            effects.push(effect);
        }
    }
}
