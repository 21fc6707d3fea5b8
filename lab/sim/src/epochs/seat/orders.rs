//! Carries out the orders of the turnover: the daemon's `conductor.rs`, on a simulated disk.

use std::sync::Arc;

use quorate_bft::{Replica, Setup, Succession};
use quorate_duties::turnover::{Event, Order};
use quorate_machine::{Input, RecordNumber};
use quorate_membership::dissemination::DisseminatorRequest;
use quorate_membership::election::membership_replicas;
use quorate_membership::handover::deposit::Deposit;
use quorate_membership::handover::machine::Request as HandoverRequest;
use quorate_membership::handover::{self, Handover, MemberSecrets, NextKeys};
use quorate_membership::{
    EpochConfiguration, Member as Voucher, MembershipService, ResponderRequest, Shortlist,
    VerifiedConfiguration, read_members,
};
use quorate_threshold::{DecryptionKey, Seed};
use quorate_types::{Duration, Epoch, Slot};

use super::super::cabinet::Name;
use super::super::plants::PARTICIPANT_STAYS;
use super::super::{Base, Output, Record};
use super::{Member, ServerSeat, Task, Turn};

/// Configurations that the process has at hand.
const CHAIN_MAX: usize = 4;
/// How long an old member is given to answer.
const PATIENCE: Duration = Duration::from_millis(500);

impl ServerSeat {
    pub(super) fn take_up(&mut self, turn: &mut Turn<'_>, task: Task) {
        match task {
            Task::Event(event) => self.tell(turn, event),
            Task::Inherited(epoch, inheritance) => {
                self.succession.take_if(|(begins, ..)| *begins == epoch);
                self.inheritances.insert(epoch, inheritance);
                self.tell(turn, Event::StateGot(epoch));
            }
        }
    }

    /// Erases shares of attempts that failed, at times late: in production another thread does it
    /// than the participant's, which may have the share of the next attempt by then.
    pub(super) fn erase_abandoned(&mut self, turn: &mut Turn<'_>) {
        if self.abandoned.is_empty() || self.cabinet.is_busy() {
            return;
        }
        for (epoch, session) in std::mem::take(&mut self.abandoned) {
            self.cabinet.abandon(turn.effects, (epoch.next(), session));
        }
    }

    fn tell(&mut self, turn: &mut Turn<'_>, event: Event) {
        if let (Some(vice), Event::News(_, news)) = (&mut self.vice, &event) {
            vice.learn(news);
        }
        if let Event::News(_, news) = &event {
            self.learn(news);
        }
        let orders = self.turnover.on(event);
        self.carry_out(turn, orders);
    }

    pub(super) fn carry_out(&mut self, turn: &mut Turn<'_>, orders: Vec<Order>) {
        for order in orders {
            self.perform(turn, order);
        }
    }

    fn perform(&mut self, turn: &mut Turn<'_>, order: Order) {
        match order {
            Order::TellParticipant(epoch, news) => {
                self.step_handover(turn, epoch, Input::Request(HandoverRequest::News(news)));
            }
            Order::Announce(epoch, operation) => {
                let request = quorate_bft::Request::Announce(operation);
                self.step_replica(turn, epoch, Input::Request(request));
            }
            Order::EndVouching(epoch) => {
                self.step_responder(turn, Input::Request(ResponderRequest::EndEpoch(epoch)));
            }
            Order::Seal(epoch, heirs) => {
                let request = quorate_bft::Request::Seal { heirs };
                self.step_replica(turn, epoch, Input::Request(request));
            }
            Order::ReadMembers(epoch) => {
                let Some(member) = self.members.get(&epoch) else { return };
                let replica = &member.replica;
                let held = &self.turnover.configuration().configuration().members;
                let members = read_members(held, |from, count| replica.scan_service(from, count));
                turn.todo.push_back(Event::Members(epoch, members).into());
            }
            Order::Adopt(configuration) => self.adopt(turn, &configuration),
            Order::EraseShare(epoch) => self.erase_share(turn, epoch),
            Order::TellSigned(epoch, header) => {
                self.step_handover(turn, epoch, Input::Request(HandoverRequest::Signed(header)));
            }
            Order::BeginParticipant(epoch) => self.begin_participant(turn, epoch),
            Order::GetState { epoch, is_own } => self.get_state(turn, epoch, is_own),
            Order::BeginReplica(epoch) => self.begin_replica(turn, epoch),
            Order::Vouch(epoch) => self.vouch(turn, epoch),
            Order::Retire(epoch) => self.retire(turn, epoch),
            Order::EraseKeys(epoch) => {
                self.erase_keys(turn, epoch);
                self.erase_past(turn);
            }
        }
    }

    fn adopt(&mut self, turn: &mut Turn<'_>, configuration: &VerifiedConfiguration) {
        let epoch = configuration.epoch();
        turn.effects.persist(Record::Adopted(configuration.clone()));
        self.chain.insert(epoch, configuration.clone());
        while self.chain.len() > CHAIN_MAX {
            self.chain.pop_first();
        }
        turn.effects.mark("epochs.adopted");
        self.follow_root(turn, configuration);
        self.cabinet.certified(turn.effects, epoch);
        self.cabinet.certified(turn.effects, epoch.next());
        let adopt = ResponderRequest::Adopt(configuration.clone());
        self.step_responder(turn, Input::Request(adopt));
        let adopt = DisseminatorRequest::Adopt(configuration.clone());
        self.step_disseminator(turn, Input::Request(adopt));
        self.cabinet.see_to_root(turn.effects);
        self.monitor(turn, configuration);
    }

    /// Goes by the root that a configuration names as this server's.
    pub(super) fn follow_root(
        &mut self,
        turn: &mut Turn<'_>,
        configuration: &VerifiedConfiguration,
    ) {
        if let Some(record) = configuration.configuration().member(self.id) {
            self.cabinet.take_root(turn.effects, record.root());
        }
    }

    fn erase_share(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        let is_of_no_seat = epoch == self.turnover.configuration().epoch();
        if is_of_no_seat && self.cabinet.share(epoch).is_some() {
            turn.effects.mark("epochs.failed_share_erased");
        }
        self.cabinet.erase_share(turn.effects, epoch);
    }

    /// The share is there: what opened its dealings goes, and a participant that waits gets it.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        self.cabinet.erase_decryption(turn.effects, epoch);
        if let Some((_, share)) = self.cabinet.share(epoch) {
            let share = Input::Request(HandoverRequest::Share(Arc::new(share)));
            self.step_handover(turn, epoch, share);
        }
    }

    fn begin_participant(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        let configuration = self.turnover.configuration().clone();
        if configuration.epoch() != epoch {
            return;
        }
        let is_member = configuration.group_member(self.id).is_some();
        let setup = handover::Setup {
            configuration: Arc::new(configuration.configuration().clone()),
            shortlist: Shortlist::of(
                configuration.header().header(),
                &configuration.configuration().members,
            ),
            system_key: Some(self.kit.system_key),
            me: self.id,
            member: is_member.then(|| self.member_secrets(turn, epoch)).flatten(),
            next: self.next_keys(turn, epoch.next()),
            schemes: self.kit.schemes.clone(),
            policy: self.policy,
        };
        let share = self.cabinet.share(epoch.next());
        let share = share.map(|(session, share)| handover::machine::Record::Share {
            session,
            share: Arc::new(share),
        });
        let kept = self.kept.take_if(|(of, _)| *of == epoch).map(|(_, records)| records);
        let kept = kept.unwrap_or_default().into_iter();
        let records = kept.chain(share).zip(1..);
        let numbered = records.map(|(record, number)| (RecordNumber::new(number), record));
        let handover = Handover::new(setup, numbered);
        self.handovers.insert(epoch, handover);
        self.step_handover(turn, epoch, Input::Start);
    }

    fn member_secrets(&mut self, turn: &mut Turn<'_>, epoch: Epoch) -> Option<MemberSecrets> {
        let signer = self.cabinet.certified(turn.effects, epoch)?.signer;
        let share = self.cabinet.share(epoch).map(|(_, share)| Arc::new(share));
        let seed = Seed::new(self.cabinet.seed(turn.effects, Name::Dealing(epoch)));
        Some(MemberSecrets { signer, share, seed })
    }

    /// None when the identity has ended: the server deposits nothing, and is not drawn.
    fn next_keys(&mut self, turn: &mut Turn<'_>, next: Epoch) -> Option<NextKeys> {
        let certified = self.cabinet.certified(turn.effects, next)?;
        let Some(seed) = self.cabinet.decryption_seed(next) else {
            let has_share = self.cabinet.share(next).is_some();
            assert!(has_share, "MEM-75: {} can open nothing of {next}, and has no share", self.id);
            return Some(NextKeys {
                signer: certified.signer,
                deposit: None,
                decryption_key: None,
            });
        };
        let decryption_key = DecryptionKey::derive(&Seed::new(seed));
        let names_root = certified.certificate.statement.successor.is_some();
        let deposit = Deposit::new(certified.certificate, &*certified.signer, &decryption_key);
        let proof = names_root.then(|| self.cabinet.root_proof()).flatten();
        let deposit = deposit.proving(proof);
        Some(NextKeys {
            signer: certified.signer,
            deposit: Some(deposit),
            decryption_key: Some(decryption_key),
        })
    }

    fn get_state(&mut self, turn: &mut Turn<'_>, epoch: Epoch, is_own: bool) {
        let former = self.turnover.former().cloned();
        let Some(former) = former.or_else(|| self.before(epoch).map(Into::into)) else {
            return turn.effects.mark("epochs.former_unknown");
        };
        if is_own && let Some(member) = self.members.get(&former.epoch()) {
            let inheritance = member.replica.inheritance().expect("BFT-13: it has ended");
            turn.todo.push_back(Task::Inherited(epoch, Box::new(inheritance)));
            return;
        }
        turn.effects.mark("epochs.state_fetched");
        let old = Arc::new(membership_replicas(former, Slot::ZERO));
        let succession = Succession::new(Arc::clone(&old), self.index, PATIENCE);
        self.succession = Some((epoch, succession, old));
        self.step_succession(turn, epoch, Input::Start);
    }

    fn begin_replica(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        let configuration = self.turnover.configuration().clone();
        let Some(inheritance) = self.inheritances.remove(&epoch) else { return };
        let group = membership_replicas(&configuration, Slot::ZERO);
        let group = Arc::new(inheritance.begin(group, configuration.hash()));
        let base = Base { slot: group.base_slot, digest: group.base_digest };
        let Some(certified) = self.cabinet.certified(turn.effects, epoch) else { return };
        let Some(setup) = self.setup(&group, Some(certified.signer)) else { return };
        turn.effects.persist(Record::Begun(epoch, base));
        let service = MembershipService::following(configuration, self.kit.schemes.clone());
        let replica = Replica::succeed(setup, service, *inheritance);
        self.members.insert(epoch, Member { replica, group, last: RecordNumber::ZERO });
        self.step_replica(turn, epoch, Input::Start);
        turn.todo.push_back(Event::Begun(epoch).into());
    }

    pub(super) fn setup(
        &self,
        group: &Arc<quorate_types::GroupConfiguration>,
        signer: Option<Arc<dyn quorate_crypto::Signer>>,
    ) -> Option<Setup> {
        let me = group.replica_of(self.id)?;
        let parameters = self.kit.parameters.clone();
        Some(Setup { group: Arc::clone(group), me, signer, parameters })
    }

    fn vouch(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        let Some(certified) = self.cabinet.certified(turn.effects, epoch) else { return };
        let member = Voucher { epoch, id: self.id, signer: certified.signer };
        self.step_responder(turn, Input::Request(ResponderRequest::Activate(member)));
        turn.effects.emit(Output::Vouches(epoch));
    }

    fn retire(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        if !self.cabinet.has_flaw(PARTICIPANT_STAYS) {
            self.handovers.remove(&epoch);
        }
        self.members.remove(&epoch);
        turn.effects.persist(Record::Forgotten(epoch));
    }

    /// Nothing stays of an epoch that is over and that this server serves no more, also of those
    /// that it missed or in whose end it crashed.
    pub(super) fn erase_past(&mut self, turn: &mut Turn<'_>) {
        let now = self.turnover.configuration().epoch();
        let served = self.turnover.former().map(EpochConfiguration::epoch);
        for epoch in self.cabinet.past(now) {
            self.cabinet.erase_share(turn.effects, epoch);
            if Some(epoch) == served {
                continue;
            }
            turn.effects.persist(Record::Forgotten(epoch));
            self.erase_keys(turn, epoch);
        }
    }

    // The key of the founding signs for the group of the key-value service.
    fn erase_keys(&mut self, turn: &mut Turn<'_>, epoch: Epoch) {
        if epoch != Epoch::ZERO {
            self.cabinet.erase_epoch(turn.effects, epoch);
            self.forget_answer_key(epoch);
        }
    }
}
