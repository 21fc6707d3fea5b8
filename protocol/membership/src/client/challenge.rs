//! Challenges to the membership group, and the lease that their answers give.
//!
//! A round lives for half a lease: a challenge is sent again to whoever is silent, with the same
//! nonce, and the lease still counts from the first time.
//!
//! Invariants: MEM-2, MEM-3, MEM-5, MEM-7.

use quorate_crypto::{Domain, Hasher};
use quorate_machine::{Class, Effects};
use quorate_types::{Duration, Now, Peer};

use super::{ClientOutput, ClientTimer, ConfigurationClient, Loss, group_peers};
use crate::freshness::{Lease, Nonce, Round, Vouch};
use crate::message::Message;
use crate::rejected::Rejected;

impl ConfigurationClient {
    fn half_lease(&self) -> Duration {
        self.parameters.lease.length_on_slow_clock().halved()
    }

    fn next_nonce(&mut self) -> Nonce {
        let mut hasher = Hasher::new(Domain::Freshness);
        hasher.update(&self.parameters.nonce_seed).update(&self.nonce_count.to_be_bytes());
        self.nonce_count += 1;
        Nonce::new(hasher.finish())
    }

    /// Challenges the group of the known configuration, if there is one.
    pub(super) fn start_round(&mut self, now: Now, effects: &mut Effects<Self>) {
        let Some(configuration) = self.configuration.clone() else { return };
        let peers = group_peers(&configuration);
        let nonce = self.next_nonce();
        let round = Round::new(configuration, nonce, now.instant, self.parameters.lease);
        let challenge = Message::Challenge(round.challenge());
        self.round = Some(round);
        self.claimants.clear();
        effects.send_each(&peers, Class::Control, challenge);
        effects.arm(ClientTimer::Challenge, now.instant.after(self.challenge_wait));
    }

    pub(super) fn on_vouch(
        &mut self,
        now: Now,
        (from, vouch): (Peer, Vouch),
        effects: &mut Effects<Self>,
    ) {
        let Some(round) = &mut self.round else {
            self.ignore("membership: vouch without a challenge", effects);
            return;
        };
        if from != Peer::Node(vouch.member) {
            self.ignore("membership: vouch in another's name", effects);
            return;
        }

        match round.accept(now.instant, vouch, &*self.schemes.signatures) {
            Ok(None) => {}
            Ok(Some(lease)) => self.grant(lease, effects),
            Err(reason) => {
                self.ignore(reason.mark(), effects);
                if reason == Rejected::WrongEpoch {
                    self.on_claim(now, (from, vouch.subject.epoch), effects);
                }
            }
        }
    }

    /// Takes the lease that a round has given.
    fn grant(&mut self, lease: Lease, effects: &mut Effects<Self>) {
        let round = self.round.take().expect("MEM-5: a lease comes of a round");
        let configuration = self.configuration.clone().expect("MEM-1: a round has one");
        assert!(lease.header() == configuration.hash(), "MEM-3: a lease for what is known");
        assert!(self.lease.is_none_or(|old| old.until() <= lease.until()), "MEM-2: later sent");

        self.lease = Some(lease);
        self.challenge_wait = self.parameters.retry;
        self.fetch_wait = self.parameters.retry;

        effects.disarm(ClientTimer::Challenge);
        effects.arm(ClientTimer::Renew, round.sent_at().after(self.half_lease()));
        effects.arm(ClientTimer::Expire, lease.until());
        effects.emit(ClientOutput::Lease { until: lease.until(), configuration });
    }

    pub(super) fn on_challenge_timeout(&mut self, now: Now, effects: &mut Effects<Self>) {
        let Some(round) = &self.round else { return };
        self.challenge_wait = self.grown(self.challenge_wait);
        if now.instant.since(round.sent_at()) < self.half_lease() {
            let challenge = Message::Challenge(round.challenge());
            for member in round.silent() {
                effects.send(Peer::Node(member), Class::Control, challenge.clone());
            }
            effects.arm(ClientTimer::Challenge, now.instant.after(self.challenge_wait));
        } else {
            self.start_round(now, effects);
        }
        // Who does not answer may have moved on.
        self.fetch_from_next(now, effects);
    }

    pub(super) fn on_doubt(&mut self, now: Now, effects: &mut Effects<Self>) {
        if self.round.is_none() {
            self.start_round(now, effects);
        }
        // Who has moved on answers a challenge with the configuration, who is silent does not.
        self.fetch_from_next(now, effects);
    }

    pub(super) fn on_renew(&mut self, now: Now, effects: &mut Effects<Self>) {
        if self.round.is_none() {
            self.start_round(now, effects);
        }
    }

    pub(super) fn on_lease_end(&mut self, now: Now, effects: &mut Effects<Self>) {
        let Some(lease) = self.lease.take_if(|lease| !lease.holds_at(now.instant)) else { return };
        let (epoch, loss) = (lease.epoch(), Loss::Expired);
        effects.emit(ClientOutput::LeaseLost { epoch, loss });
        if self.round.is_none() {
            self.start_round(now, effects);
        }
        self.fetch_from_next(now, effects);
    }
}
