//! C3: a lease of a good client rests on valid vouches of a quorum for a challenge that it sent,
//! and ends, in true time, within the lease's length from that sending, however the client's clock
//! drifts within the bound. No operation begins without a lease, and no outcome is believed without
//! one (DHT-9).

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_bft::ClientOutput as OrderedOutput;
use quorate_crypto::{Domain, SignatureCheck, Verifier, hash};
use quorate_dht::ClientOutput as StorageOutput;
use quorate_machine::{Input, Recipients};
use quorate_membership::{
    ClientOutput, Message as ConfigurationMessage, Nonce, VerifiedConfiguration, Vouch,
};
use quorate_types::{Duration, Instant, NodeId};
use quorate_wire::{Encode, Writer};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::clock::{ClockShape, RATE_PER_MILLE_EXACT};
use crate::cluster::{ClusterMachine, Message, Output, Received};
use crate::ordering::Output as Ordered;

/// One tick of a clock: what rounding may take.
const TICK_US: u64 = 1;

/// A challenge, and who has answered it.
#[derive(Debug)]
struct Challenge {
    nonce: Nonce,
    sent_us: u64,
    vouched: BTreeSet<NodeId>,
}

/// What is known of a client in its present life.
#[derive(Default, Debug)]
struct Holder {
    started_us: u64,
    challenges: Vec<Challenge>,
    /// When its lease ends, in true time.
    until_us: u64,
}

/// Follows every challenge from its sending to the lease.
pub(in crate::cluster) struct Leases {
    configuration: VerifiedConfiguration,
    verifier: Arc<dyn Verifier>,
    length: Duration,
    clocks: Vec<ClockShape>,
    holders: Vec<Holder>,
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leases of {:?}", self.length)
    }
}

impl Leases {
    pub(in crate::cluster) fn new(
        (configuration, verifier): (VerifiedConfiguration, Arc<dyn Verifier>),
        length: Duration,
        clocks: Vec<ClockShape>,
    ) -> Self {
        let holders = clocks.iter().map(|_| Holder::default()).collect();
        Self { configuration, verifier, length, clocks, holders }
    }

    fn is_valid(&self, vouch: &Vouch) -> bool {
        let said = &vouch.subject;
        let servers = self.configuration.configuration();
        let is_about_it = said.system == servers.system
            && said.epoch == servers.epoch
            && said.header == self.configuration.hash()
            && servers.membership_group.contains(&vouch.member);
        let member = servers.members.iter().find(|member| member.id == vouch.member);
        let Some(member) = member.filter(|_| is_about_it) else { return false };
        let mut writer = Writer::default();
        said.system.encode(&mut writer);
        said.epoch.encode(&mut writer);
        said.header.encode(&mut writer);
        said.nonce.encode(&mut writer);
        vouch.member.encode(&mut writer);
        let digest = hash(Domain::Freshness, writer.as_bytes());
        let (Some(key), signature) = (member.epoch_key, vouch.signature) else { return false };
        self.verifier.is_valid(&SignatureCheck { key, digest, signature })
    }

    /// The true time at which the client's clock shows this.
    fn when(&self, at: &At, instant: Instant) -> u64 {
        let rate = self.clocks[at.node.index()].rate_per_mille;
        let scaled = instant.as_micros().saturating_mul(RATE_PER_MILLE_EXACT);
        self.holders[at.node.index()].started_us + scaled.div_ceil(rate)
    }

    fn granted(&mut self, at: &At, until: Instant) -> Verdict {
        let until_us = self.when(at, until);
        let needed = 2 * (self.configuration.configuration().membership_group.len() - 1) / 3 + 1;
        let holder = &mut self.holders[at.node.index()];
        holder.until_us = until_us;
        let answered = holder.challenges.iter().filter(|one| one.vouched.len() >= needed);
        let Some(last) = answered.max_by_key(|one| one.sent_us) else {
            let most = holder.challenges.iter().map(|one| one.vouched.len()).max();
            let what = format!("{most:?} of {needed} members have vouched for one challenge");
            return Err(Broken::new("C3", format!("{:?} has a lease: {what}", at.node)));
        };
        if until_us <= last.sent_us + self.length.as_micros() + TICK_US {
            return Ok(());
        }
        let what = format!("until {until_us} us, for a challenge of {} us", last.sent_us);
        Err(Broken::new("C3", format!("{:?} has a lease {what}", at.node)))
    }

    /// Does the client have a lease now?
    fn covered(&self, at: &At, what: std::fmt::Arguments<'_>) -> Verdict {
        let until_us = self.holders[at.node.index()].until_us;
        if at.time_us < until_us {
            return Ok(());
        }
        let when = format!("at {} us, and its lease is over at {until_us} us", at.time_us);
        Err(Broken::new("C3", format!("{:?} {what} {when}", at.node)))
    }
}

impl Checker<ClusterMachine> for Leases {
    fn id(&self) -> &'static str {
        "C3"
    }

    fn on_start(&mut self, at: &At, _: &ClusterMachine) -> Verdict {
        let started_us = at.time_us;
        self.holders[at.node.index()] = Holder { started_us, ..Holder::default() };
        Ok(())
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Message) -> Verdict {
        let Message::Configuration(message) = message else { return Ok(()) };
        let ConfigurationMessage::Challenge(challenge) = &**message else { return Ok(()) };
        let challenges = &mut self.holders[at.node.index()].challenges;
        if challenges.iter().all(|known| known.nonce != challenge.nonce) {
            let (nonce, sent_us) = (challenge.nonce, at.time_us);
            challenges.push(Challenge { nonce, sent_us, vouched: BTreeSet::new() });
        }
        Ok(())
    }

    fn on_input(&mut self, at: &At, input: &Input<ClusterMachine>) -> Verdict {
        let Input::Deliver { message: Received::Configuration(message), .. } = input else {
            return Ok(());
        };
        if let ConfigurationMessage::Vouch(vouch) = &**message
            && self.is_valid(vouch)
        {
            let challenges = &mut self.holders[at.node.index()].challenges;
            let asked = challenges.iter_mut().find(|one| one.nonce == vouch.subject.nonce);
            asked.into_iter().for_each(|one| {
                one.vouched.insert(vouch.member);
            });
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        match output {
            Output::StorageClient(StorageOutput::Returned { call, outcome: Ok(_) }) => {
                self.covered(at, format_args!("believes the outcome of operation {}", call.get()))
            }
            Output::Membership(Ordered::Client(OrderedOutput::Replied { ticket, .. }))
            | Output::KeyValue(Ordered::Client(OrderedOutput::Replied { ticket, .. })) => {
                self.covered(at, format_args!("believes the reply to operation {ticket}"))
            }
            Output::Begun(ticket) => self.covered(at, format_args!("begins operation {ticket}")),
            Output::Configuration(told) => match &**told {
                ClientOutput::Lease { until, .. } => self.granted(at, *until),
                ClientOutput::LeaseLost { .. } => {
                    self.holders[at.node.index()].until_us = 0;
                    Ok(())
                }
                ClientOutput::Configuration(_) => Ok(()),
            },
            Output::Membership(_)
            | Output::KeyValue(_)
            | Output::Responder(_)
            | Output::StorageServer(_)
            | Output::StorageClient(_) => Ok(()),
        }
    }
}
