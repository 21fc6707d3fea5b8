//! Carries out the orders that follow from what happens, on a thread of its own: keys and
//! configurations are written here, and no machine waits for that.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quorate_bft::{Inheritance, Replica};
use quorate_client::links::{Recogniser, credential};
use quorate_duties::turnover::{Event, Order, Turnover};
use quorate_membership::dissemination::{Disseminator, DisseminatorRequest};
use quorate_membership::election::membership_replicas;
use quorate_membership::handover::Handover;
use quorate_membership::handover::machine::Request as HandoverRequest;
use quorate_membership::monitor::{AnswerKey, Watch};
use quorate_membership::{
    Delta, EpochConfiguration, FreshnessResponder, Member, MembershipService, ResponderRequest,
    VerifiedConfiguration, read_members,
};
use quorate_runtime::{Channel, Control, Handle};
use quorate_state::Tree;
use quorate_threshold::PublicKey as PublicShare;
use quorate_types::{Epoch, MemberStatus, Slot};

use super::lookout::{Asker, Lookout};
use super::machines::{Ground, ReadyReplica, base, handover_channel, membership_channel};
use super::mending::Mending;
use super::steps::Step;
use super::{Chain, Conducted, Happening, Said, lock, say, shares};
use crate::addresses::Addresses;
use crate::error::ServerError;
use crate::heap;
use crate::host::ordering;
use crate::monitoring::Monitoring;

mod accuse;
mod links;
mod watch;
pub(crate) use accuse::Accusing;
use watch::Watching;

/// How much of an epoch's length keys of the one before are still taken on links.
const GRACE_PART: u64 = 4;
/// Most of that.
const GRACE_MAX: Duration = Duration::from_secs(60);

/// The machines that a server begins with.
pub(crate) struct Beginning {
    /// What does not change.
    pub(crate) ground: Ground,
    /// The stored configurations.
    pub(crate) chain: Chain,
    /// What follows from what.
    pub(crate) turnover: Turnover,
    /// Steers the node.
    pub(crate) control: Control,
    /// Who vouches.
    pub(crate) responder: Handle<FreshnessResponder>,
    /// Who passes configurations on.
    pub(crate) disseminator: Handle<Disseminator>,
    /// Replicas of the membership group that are hosted already.
    pub(crate) replicas: BTreeMap<Epoch, Handle<Replica<MembershipService>>>,
    /// Who probes and answers.
    pub(crate) monitoring: Arc<Mutex<Monitoring>>,
    /// Whether the epoch in which it begins is known to be the newest.
    pub(crate) is_sure: bool,
    /// Where servers are.
    pub(crate) addresses: Addresses,
}

/// The thread's state.
pub(crate) struct Conductor {
    all: Beginning,
    handovers: BTreeMap<Epoch, Handle<Handover>>,
    channels: BTreeMap<Epoch, Vec<Channel>>,
    inheritances: BTreeMap<Epoch, Box<Inheritance>>,
    /// The configuration by which links are judged from this moment on.
    grace: Option<(Instant, VerifiedConfiguration)>,
    watching: Watching,
    accusing: Accusing,
    mending: Mending,
    lookout: Lookout,
    /// When the links last followed what is known of addresses.
    addresses_seen: Instant,
}

impl Conductor {
    /// Runs the thread. It hosts what the node lacks once the node runs.
    ///
    /// # Errors
    /// [`ServerError::Runtime`] if there is no thread.
    pub(crate) fn start(
        all: Beginning,
        grace: Option<VerifiedConfiguration>,
        happenings: Receiver<Said>,
    ) -> Result<Conducted<()>, ServerError> {
        let told = all.ground.told.clone();
        let watching = Watching::of_period(all.ground.rule().period);
        let length = Duration::from_micros(all.ground.policy.length.as_micros());
        let lookout = Lookout::of_length(length, all.is_sure);
        all.ground.view.set_length(if all.ground.ends_epochs { length } else { Duration::ZERO });
        let newest = all.turnover.configuration().epoch();
        let accusing = Accusing::open(&all.ground.data, newest)?;
        let mut conductor = Self {
            all,
            handovers: BTreeMap::new(),
            channels: BTreeMap::new(),
            inheritances: BTreeMap::new(),
            grace: None,
            watching,
            accusing,
            mending: Mending::default(),
            lookout,
            addresses_seen: Instant::now(),
        };
        if let Some(configuration) = grace {
            conductor.begin_grace(configuration);
        }
        let node = conductor.all.control.clone();
        let run = move || {
            let ended = conductor.run(&happenings);
            if let Err(error) = &ended {
                tracing::error!(%error, "the server does not go on to the next epoch");
                conductor.all.control.stop();
            }
            ended
        };
        Conducted::start("epochs", (told, Arc::new(move || node.stop())), run)
    }

    fn run(&mut self, happenings: &Receiver<Said>) -> Result<(), ServerError> {
        for epoch in self.all.replicas.keys().copied().collect::<Vec<_>>() {
            self.note_replica_channel(epoch)?;
        }
        let newest = self.all.turnover.configuration().clone();
        if newest.epoch() > Epoch::ZERO {
            self.monitor(&newest)?;
        }
        // DUT-6: who answers probes has another key now than that with which it began.
        self.erase_past()?;
        self.all.ground.see_to_root()?;
        self.all.ground.view.set_members(&newest);
        if let Some(archive) = &self.all.ground.archive {
            self.mending.begin(self.all.ground.me, &newest, archive);
        }
        let orders = self.all.turnover.start();
        self.carry_out(orders)?;
        loop {
            self.read_docket();
            self.end_grace()?;
            self.look_out();
            self.follow_addresses();
            let next = self.watching.next().min(self.lookout.next());
            let next = self.addresses_next().map_or(next, |addresses| next.min(addresses));
            let until = self.grace.as_ref().map_or(next, |(until, _)| next.min(*until));
            let said = happenings.recv_timeout(until.saturating_duration_since(Instant::now()));
            match said {
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(said) if matches!(said.happening, Happening::Stop) => return self.stop(),
                Ok(said) => {
                    self.note(&said);
                    self.on_happening(said.happening)?;
                }
            }
        }
    }

    /// Who was removed may never be started again, so what it would erase at the end of the grace
    /// goes now.
    fn stop(&self) -> Result<(), ServerError> {
        let ground = &self.all.ground;
        match ground.removed_in(self.all.turnover.configuration()) {
            Some(_) => ground.erase_all(),
            None => Ok(()),
        }
    }

    fn look_out(&mut self) {
        let ground = &self.all.ground;
        self.lookout.look(&Asker {
            known: self.all.turnover.configuration(),
            addresses: &self.all.addresses,
            told: &ground.told,
        });
    }

    fn on_happening(&mut self, happening: Happening) -> Result<(), ServerError> {
        match happening {
            Happening::Event(event) => {
                let orders = self.all.turnover.on(*event);
                self.carry_out(orders)
            }
            Happening::Inherited(epoch, inheritance) => {
                self.retire_succession(epoch);
                self.inherit(epoch, inheritance)
            }
            Happening::Abandoned(epoch, session) => {
                let keys = lock(&self.all.ground.keys);
                let abandoned = keys.abandon_share(epoch.next(), session.as_bytes());
                abandoned.map_err(|source| ServerError::Keys { source })
            }
            Happening::Settled(epoch) => self.settle(epoch),
            Happening::Unfit(epoch, unfit) => self.erase_unfit(epoch, &unfit),
            Happening::RootMade(tree) => self.all.ground.keep_root(*tree),
            Happening::Probed(found) => {
                let orders = self.report(found);
                self.carry_out(orders)
            }
            Happening::Proved(epoch, proof) => self.accuse(epoch, *proof),
            Happening::Watched(epoch, docket) => self.on_docket(epoch, *docket),
            // The loop sees to it: of many names it hears at once.
            Happening::Resolved | Happening::Stepped(..) | Happening::Stop => Ok(()),
        }
    }

    /// What was said may show a step of the end of an epoch.
    fn note(&self, said: &Said) {
        let old = self.all.turnover.configuration().configuration().membership;
        let step = match &said.happening {
            Happening::Event(event) => Step::of_event(event, old),
            Happening::Stepped(epoch, step) => Some((*epoch, *step)),
            Happening::Inherited(..)
            | Happening::Abandoned(..)
            | Happening::Settled(_)
            | Happening::Unfit(..)
            | Happening::Proved(..)
            | Happening::Probed(_)
            | Happening::Watched(..)
            | Happening::Resolved
            | Happening::RootMade(_)
            | Happening::Stop => None,
        };
        if let Some(step) = step {
            self.all.ground.view.ends().note(step, said.at);
        }
    }

    /// A step towards this epoch was taken just now.
    fn note_towards(&self, epoch: Epoch, step: Step) {
        if let Some(ended) = epoch.get().checked_sub(1) {
            self.all.ground.view.note(Epoch::new(ended), step);
        }
    }

    fn carry_out(&mut self, orders: Vec<Order>) -> Result<(), ServerError> {
        orders.into_iter().try_for_each(|order| self.perform(order))
    }

    fn perform(&mut self, order: Order) -> Result<(), ServerError> {
        tracing::debug!(order = order.name(), "epochs");
        match order {
            Order::TellParticipant(epoch, news) => {
                if let Some(handover) = self.handovers.get(&epoch) {
                    drop(handover.request(HandoverRequest::News(news)));
                }
            }
            Order::Announce(epoch, operation) => {
                if let Some(replica) = self.all.replicas.get(&epoch) {
                    drop(replica.request(quorate_bft::Request::Announce(operation)));
                }
            }
            Order::EndVouching(epoch) => {
                drop(self.all.responder.request(ResponderRequest::EndEpoch(epoch)));
            }
            Order::Seal(epoch, heirs) => {
                if let Some(replica) = self.all.replicas.get(&epoch) {
                    drop(replica.request(quorate_bft::Request::Seal { heirs }));
                }
            }
            Order::ReadMembers(epoch) => self.read_members(epoch),
            Order::Adopt(configuration) => self.adopt(&configuration)?,
            Order::EraseShare(epoch) => self.erase_share(epoch)?,
            Order::TellSigned(epoch, header) => {
                if let Some(handover) = self.handovers.get(&epoch) {
                    drop(handover.request(HandoverRequest::Signed(header)));
                }
            }
            Order::BeginParticipant(epoch) => self.begin_participant(epoch)?,
            Order::GetState { epoch, is_own } => self.get_state(epoch, is_own)?,
            Order::BeginReplica(epoch) => self.begin_replica(epoch)?,
            Order::Vouch(epoch) => {
                self.vouch(epoch)?;
                self.announce_proofs()?;
            }
            Order::Retire(epoch) => self.retire(epoch)?,
            Order::EraseKeys(epoch) => {
                self.erase_keys(epoch)?;
                self.erase_past()?;
            }
        }
        Ok(())
    }

    fn read_members(&self, epoch: Epoch) {
        let Some(replica) = self.all.replicas.get(&epoch) else { return };
        let told = self.all.ground.told.clone();
        let held = self.all.turnover.configuration().clone();
        let looks = replica.look(move |replica| {
            let held = &held.configuration().members;
            let members = read_members(held, |from, count| replica.scan_service(from, count));
            say(&told, Event::Members(epoch, members).into());
        });
        if !looks {
            tracing::warn!(%epoch, "the members of the next epoch are not read: it comes later");
        }
    }

    fn adopt(&mut self, configuration: &VerifiedConfiguration) -> Result<(), ServerError> {
        let (ground, epoch) = (&self.all.ground, configuration.epoch());
        self.all.chain.put(configuration)?;
        self.note_towards(epoch, Step::Adopted);
        ground.view.watch_clock(configuration.configuration());
        ground.follow_root(configuration)?;
        let certified = ground.certified(epoch)?;
        ground.certified(epoch.next())?;
        ground.view.set(epoch, false);
        self.lookout.rest();
        tracing::info!(%epoch, hash = %configuration.hash(), "went on to the next epoch");
        self.tell_of_removal(configuration);
        let former = self.all.turnover.former().cloned();
        let former = former.unwrap_or_else(|| configuration.into());
        let credential = credential(&certified.certificate, &certified.seed);
        self.all.control.renew(credential, Recogniser::member(former));
        self.begin_grace(configuration.clone());
        self.follow_servers();
        drop(self.all.responder.request(ResponderRequest::Adopt(configuration.clone())));
        drop(self.all.disseminator.request(DisseminatorRequest::Adopt(configuration.clone())));
        self.watch_epoch(configuration)?;
        self.monitor(configuration)?;
        self.all.ground.see_to_root()?;
        self.note_towards(epoch, Step::Switched);
        self.keep_delta(configuration)
    }

    /// Keeps what the epoch changed for whoever wants to check the whole chain.
    fn keep_delta(&self, configuration: &VerifiedConfiguration) -> Result<(), ServerError> {
        let Some(archive) = &self.all.ground.archive else { return Ok(()) };
        match self.all.turnover.former() {
            Some(EpochConfiguration::Signed(former)) => {
                let delta = Delta::between(former, configuration);
                delta.map_or(Ok(()), |delta| archive.put(&delta))?;
            }
            // Nothing before it was signed.
            Some(EpochConfiguration::Genesis(_)) => archive.begin_with(configuration)?,
            None => {}
        }
        self.mending.begin(self.all.ground.me, configuration, archive);
        Ok(archive.trim(configuration)?)
    }

    /// Whoever was removed helps the next group to its state while others hear of the new epoch,
    /// and stops then; who has objects keeps them until they can move.
    fn tell_of_removal(&self, configuration: &VerifiedConfiguration) {
        let me = self.all.ground.me;
        match configuration.configuration().member(me).map(|record| record.status) {
            None => tracing::warn!("removed by the authority: stops soon, for good"),
            Some(MemberStatus::Removed) => {
                tracing::warn!(
                    "removed by the authority: holds its objects, and does nothing else"
                );
            }
            Some(MemberStatus::Active | MemberStatus::Inactive) => {}
        }
    }

    /// For a while links are still judged by the configuration before this one.
    fn begin_grace(&mut self, configuration: VerifiedConfiguration) {
        let length = self.all.ground.policy.length.as_micros() / GRACE_PART;
        let until = Instant::now() + Duration::from_micros(length).min(GRACE_MAX);
        self.grace = Some((until, configuration));
    }

    /// Links are judged by the new configuration alone from now on, if it is time.
    fn end_grace(&mut self) -> Result<(), ServerError> {
        let is_over = self.grace.as_ref().is_some_and(|(until, _)| *until <= Instant::now());
        let Some((_, configuration)) = self.grace.take_if(|_| is_over) else { return Ok(()) };
        if let Some(removed) = self.all.ground.removed_in(&configuration) {
            self.all.ground.erase_all()?;
            return Err(removed);
        }
        let certified = self.all.ground.certified(configuration.epoch())?;
        let credential = credential(&certified.certificate, &certified.seed);
        self.all.control.renew(credential, Recogniser::member(&configuration));
        self.follow_servers();
        // The hand-over is over, and much of what it took lies free between what is held.
        heap::give_back();
        Ok(())
    }

    fn monitor(&self, configuration: &VerifiedConfiguration) -> Result<(), ServerError> {
        let (ground, epoch) = (&self.all.ground, configuration.epoch());
        let certificate = Some(ground.certified(epoch)?.certificate);
        let signer = ground.signer(epoch)?;
        let mut monitoring = self.all.monitoring.lock().unwrap_or_else(PoisonError::into_inner);
        monitoring.hold(AnswerKey { epoch, signer: Arc::clone(&signer), certificate });
        monitoring.know(configuration.configuration());
        if configuration.group_member(ground.me).is_some() {
            let configuration = configuration.clone();
            monitoring.watch(Watch { configuration, member: ground.me, signer })
        } else {
            monitoring.rest();
            Ok(())
        }
    }

    fn erase_share(&mut self, epoch: Epoch) -> Result<(), ServerError> {
        let keys = lock(&self.all.ground.keys);
        keys.erase_share(epoch).map_err(|source| ServerError::Keys { source })?;
        keys.erase_decryption(epoch).map_err(|source| ServerError::Keys { source })
    }

    /// A participant that waits for its share gets it.
    fn settle(&self, epoch: Epoch) -> Result<(), ServerError> {
        let share = shares::settle(&self.all.ground.keys, epoch)?;
        if let (Some(participant), Some(share)) = (self.handovers.get(&epoch), share) {
            drop(participant.request(HandoverRequest::Share(Arc::new(share))));
        }
        Ok(())
    }

    fn erase_unfit(&self, epoch: Epoch, unfit: &PublicShare) -> Result<(), ServerError> {
        // No other will come where the participant is gone that would have made it.
        let is_awaited = self.handovers.range(..epoch).next().is_some();
        shares::erase_unfit(&self.all.ground.keys, (epoch, unfit), is_awaited)
    }

    fn begin_participant(&mut self, epoch: Epoch) -> Result<(), ServerError> {
        let configuration = EpochConfiguration::from(self.all.turnover.configuration());
        if configuration.epoch() != epoch || !self.all.ground.ends_epochs {
            return Ok(());
        }
        let ready = self.all.ground.participant(&configuration)?;
        if let Some(handle) = ready.host(&self.all.control) {
            self.handovers.insert(epoch, handle);
            self.channels.entry(epoch).or_default().push(handover_channel(&configuration));
        }
        Ok(())
    }

    fn get_state(&mut self, epoch: Epoch, is_own: bool) -> Result<(), ServerError> {
        let configuration = self.all.turnover.configuration();
        if let Some(ready) = self.all.ground.replica_again(configuration, &Tree::default())? {
            // It was begun before a crash.
            return self.host_replica(epoch, ready);
        }
        let former = match self.all.turnover.former() {
            Some(former) => former.clone(),
            None => match self.former_of(epoch)? {
                Some(former) => former,
                None => return Ok(()),
            },
        };
        if is_own && let Some(replica) = self.all.replicas.get(&former.epoch()) {
            let told = self.all.ground.told.clone();
            let looks = replica.look(move |replica| {
                let inheritance = replica.inheritance().expect("BFT-13: it has ended");
                say(&told, Happening::Inherited(epoch, Box::new(inheritance)));
            });
            if !looks {
                tracing::warn!(%epoch, "the state of the epoch before is not read");
            }
            return Ok(());
        }
        drop(self.all.ground.succession(&former, epoch).host(&self.all.control));
        Ok(())
    }

    fn former_of(&self, epoch: Epoch) -> Result<Option<EpochConfiguration>, ServerError> {
        Ok(self.all.chain.of(Epoch::new(epoch.get() - 1), self.all.turnover.configuration())?)
    }

    fn inherit(&mut self, epoch: Epoch, inheritance: Box<Inheritance>) -> Result<(), ServerError> {
        self.inheritances.insert(epoch, inheritance);
        let orders = self.all.turnover.on(Event::StateGot(epoch));
        self.carry_out(orders)
    }

    fn retire_succession(&self, epoch: Epoch) {
        let former = self.all.turnover.former().filter(|former| former.epoch() < epoch);
        let Some(former) = former else { return };
        if !self.all.replicas.contains_key(&former.epoch()) {
            let channel = membership_channel(former);
            self.all.control.order(move |node| node.retire(channel));
        }
    }

    fn begin_replica(&mut self, epoch: Epoch) -> Result<(), ServerError> {
        let configuration = self.all.turnover.configuration().clone();
        let Some(inheritance) = self.inheritances.remove(&epoch) else { return Ok(()) };
        let ground = &mut self.all.ground;
        let group = membership_replicas(&configuration, Slot::ZERO);
        let group = inheritance.begin(group, configuration.hash());
        let directory = ground.replica_directory(epoch);
        let setup = ground.replica_setup(group, Some(ground.signer(epoch)?));
        let (group, interceptor) = (Arc::clone(&setup.group), ground.between.membership(&setup));
        // A mark from before a crash has no state behind it: nothing was said under it.
        base::remove(&ground.data, epoch)?;
        let begun =
            ordering::begin(&directory, (setup, Ground::service(&configuration)), *inheritance);
        let begun =
            begun.map_err(|source| ServerError::Journal { machine: "membership", source })?;
        base::keep(&ground.data, &group)?;
        let ready = ground.replica(&configuration.into(), begun, interceptor);
        self.note_towards(epoch, Step::Begun);
        self.host_replica(epoch, ready)
    }

    fn host_replica(&mut self, epoch: Epoch, ready: ReadyReplica) -> Result<(), ServerError> {
        if let Some(handle) = ready.host(&self.all.control) {
            self.all.replicas.insert(epoch, handle);
            self.note_replica_channel(epoch)?;
        }
        let mut orders = self.all.turnover.on(Event::StateGot(epoch));
        orders.retain(|order| !matches!(order, Order::BeginReplica(_)));
        orders.extend(self.all.turnover.on(Event::Begun(epoch)));
        self.carry_out(orders)
    }

    fn note_replica_channel(&mut self, epoch: Epoch) -> Result<(), ServerError> {
        let now = self.all.turnover.configuration();
        let configuration = match now.epoch() == epoch {
            true => Some(now.into()),
            false => self.all.chain.of(epoch, now)?,
        };
        if let Some(configuration) = configuration {
            self.channels.entry(epoch).or_default().push(membership_channel(&configuration));
        }
        Ok(())
    }

    fn vouch(&self, epoch: Epoch) -> Result<(), ServerError> {
        let (id, signer) = (self.all.ground.me, self.all.ground.signer(epoch)?);
        tracing::info!(%epoch, "a member of the membership group");
        if epoch == self.all.turnover.configuration().epoch() {
            self.all.ground.view.set(epoch, true);
        }
        let member = Member { epoch, id, signer };
        drop(self.all.responder.request(ResponderRequest::Activate(member)));
        self.note_towards(epoch, Step::Vouched);
        Ok(())
    }

    fn retire(&mut self, epoch: Epoch) -> Result<(), ServerError> {
        self.handovers.remove(&epoch);
        self.all.replicas.remove(&epoch);
        for channel in self.channels.remove(&epoch).unwrap_or_default() {
            self.all.control.order(move |node| node.retire(channel));
        }
        // It has been idle for an epoch: what is still under way on its disk may fail.
        self.all.ground.forget(epoch)
    }

    /// Nothing stays of an epoch that is over and that this server serves no more, also of those
    /// that it missed or in whose end it crashed.
    fn erase_past(&mut self) -> Result<(), ServerError> {
        let now = self.all.turnover.configuration().epoch();
        let served = self.all.turnover.former().map(EpochConfiguration::epoch);
        let past = lock(&self.all.ground.keys).past(now);
        for epoch in past.map_err(|source| ServerError::Keys { source })? {
            self.erase_share(epoch)?;
            if Some(epoch) == served {
                continue;
            }
            self.all.ground.forget(epoch)?;
            self.erase_keys(epoch)?;
        }
        Ok(())
    }

    // The key of the founding signs for the group of the key-value service, which stays.
    fn erase_keys(&self, epoch: Epoch) -> Result<(), ServerError> {
        if Some(epoch) == self.all.ground.ring_epoch {
            return Ok(());
        }
        self.all.monitoring.lock().unwrap_or_else(PoisonError::into_inner).forget(epoch);
        let keys = lock(&self.all.ground.keys);
        keys.erase_epoch(epoch).map_err(|source| ServerError::Keys { source })
    }
}
