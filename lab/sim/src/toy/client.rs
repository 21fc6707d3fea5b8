//! The toy's client: signs requests, sends them again until f+1 replicas say that they are done.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_machine::{Class, Effects, Input};
use quorate_types::{Duration, GroupConfiguration, Now, Peer, ReplicaSet};

use super::{Body, Message, Output, Timer, ToyMachine};

/// Time between two attempts.
const RETRY: Duration = Duration::from_millis(400);

#[derive(Debug)]
struct Outstanding {
    request: Arc<Message>,
    /// Who replied, by the position that they named.
    replies: BTreeMap<u64, ReplicaSet>,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    group: Arc<GroupConfiguration>,
    replicas: Arc<[Peer]>,
    signer: Arc<dyn Signer>,
    outstanding: BTreeMap<u64, Outstanding>,
}

impl Client {
    /// A client that has asked for nothing.
    #[must_use]
    pub fn new(group: Arc<GroupConfiguration>, signer: Arc<dyn Signer>) -> Self {
        let replicas = group.resilience.members().map(|replica| group.peer(replica)).collect();
        Self { group, replicas, signer, outstanding: BTreeMap::new() }
    }

    pub(super) fn step(
        &mut self,
        now: Now,
        input: Input<ToyMachine>,
        effects: &mut Effects<ToyMachine>,
    ) {
        match input {
            Input::Start => {}
            Input::Request(wish) => {
                let body = Body::Request {
                    client: self.signer.public_key().client(),
                    number: wish.number,
                };
                let request = body.signed(&*self.signer);
                effects.send_each(&self.replicas, Class::Ordered, Arc::clone(&request));
                if self.outstanding.is_empty() {
                    effects.arm(Timer::Retry, now.instant.after(RETRY));
                }
                let outstanding = Outstanding { request, replies: BTreeMap::new() };
                self.outstanding.insert(wish.number, outstanding);
            }
            Input::Deliver { from, message } => {
                if let Body::Reply { number, position } = message.body {
                    self.on_reply(from, number, position, effects);
                }
            }
            Input::Expired(_) => self.on_retry(now, effects),
        }
    }

    fn on_reply(
        &mut self,
        from: Peer,
        number: u64,
        position: u64,
        effects: &mut Effects<ToyMachine>,
    ) {
        let Peer::Node(node) = from else { return };
        let Some(replica) = self.group.replica_of(node) else { return };
        let Some(outstanding) = self.outstanding.get_mut(&number) else { return };
        let replied = outstanding.replies.entry(position).or_default();
        replied.insert(replica);
        if replied.len() >= self.group.resilience.weak_quorum() {
            self.outstanding.remove(&number);
            effects.emit(Output::Completed { number });
            if self.outstanding.is_empty() {
                effects.disarm(Timer::Retry);
            }
        }
    }

    fn on_retry(&self, now: Now, effects: &mut Effects<ToyMachine>) {
        if self.outstanding.is_empty() {
            return;
        }
        effects.mark("toy-client-retry");
        for outstanding in self.outstanding.values() {
            effects.send_each(&self.replicas, Class::Ordered, Arc::clone(&outstanding.request));
        }
        effects.arm(Timer::Retry, now.instant.after(RETRY));
    }
}
