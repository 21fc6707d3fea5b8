//! C7: a thief takes what belongs to some servers in each epoch, has heard every message, and can
//! sign nothing under the system's key and nothing for an epoch that is over (G6).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use quorate_crypto::Verifier;
use quorate_history::Prng;
use quorate_machine::{Recipients, RecordNumber};
use quorate_membership::VerifiedConfiguration;
use quorate_membership::handover::attempt::parameters;
use quorate_membership::handover::machine::Handover;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::handover::{Decided, PublishedDealing};
use quorate_threshold::{GroupKey, KeyShare, PublicKey};
use quorate_types::{Epoch, IdentityRoot, NodeId, SystemId};

use super::field::{Number, Weights, interpolate};
use super::loot::Loot;
use super::pairs::Pairs;
use super::secrets::Secrets;
use super::triples::Triples;
use super::{LENGTH, Moment, OVER, Plan};
use crate::checker::{At, Broken, Checker, Gauges, Verdict};
use crate::epochs::cabinet::share_in;
use crate::epochs::disk::{Disk, Disks};
use crate::epochs::host::EpochsHost;
use crate::epochs::keys::Keys;
use crate::epochs::{EpochsMachine, Message, Name, Output, Record, ServerSeat, decided};

mod keys;
mod sealed;
mod sets;

const ID: &str = "C7";
/// Epochs of which the thief still has the dealings and the configurations.
const WINDOW: u64 = 12;
/// Shares with which each new one is put together, whatever sharings they are of.
const MIXED_MAX: usize = 40;

/// What was taken and tried, in numbers.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Epochs that have begun.
    pub epochs: u64,
    /// Robberies that were planned.
    pub planned: u64,
    /// Servers that were robbed.
    pub robberies: u64,
    /// Members that were robbed when the next group had the key and they had not erased theirs.
    pub between: u64,
    /// Robberies that were planned and came too late: the epoch was over.
    pub missed: u64,
    /// Files that were taken.
    pub files: u64,
    /// Shares that machines held.
    pub held: u64,
    /// Shares that were put together from sealed dealings and stolen keys.
    pub opened: u64,
    /// Shares that seeds of dealings told, with a part of a dealing that was opened.
    pub unmasked: u64,
    /// Dealings that a stolen key was tried on in vain.
    pub closed: u64,
    /// Sets of shares that were interpolated.
    pub sets: u64,
    /// Pairs of shares of which it was looked up whether they make the key: all, where two do.
    pub pairs: u64,
    /// The same of three: all, where three do.
    pub triples: u64,
    /// Keys of configurations that a stolen one was compared with.
    pub keys: u64,
    /// Epochs to which the leaf of a stolen tree could have led, and did not.
    pub paths: u64,
    /// Roots that took the place of others.
    pub roots: u64,
    /// Certificates by trees whose root was replaced.
    pub old_trees: u64,
    /// Members of groups that could be impersonated, summed over groups and robberies.
    pub voices: u64,
    /// Signatures that were tried.
    pub signatures: u64,
    /// Bytes of logs and states that were searched.
    pub searched: u64,
    /// By number of members whose share became known: sharings.
    pub known: BTreeMap<usize, u64>,
}

/// Somebody who takes and tries.
pub(super) struct Thief {
    plan: Plan,
    disks: Disks,
    servers: Vec<NodeId>,
    keys: Keys,
    verifier: std::sync::Arc<dyn Verifier>,
    system_key: PublicKey,
    /// The public side of the first sharing.
    founded: GroupKey,
    prng: Prng,
    loot: Loot,
    /// What it looks for in logs, though it knows only those that it took.
    secrets: Secrets,
    weights: Weights,
    pairs: Pairs,
    triples: Triples,
    system: SystemId,
    /// The roots that each server had, the present one last.
    roots: BTreeMap<NodeId, Vec<IdentityRoot>>,
    configurations: BTreeMap<Epoch, VerifiedConfiguration>,
    /// By the epoch that begins.
    decisions: BTreeMap<Epoch, Decided>,
    /// By the epoch that ends.
    dealings: BTreeMap<Epoch, Vec<PublishedDealing>>,
    /// Every key that a configuration named, and where.
    named: BTreeMap<quorate_types::PublicKey, (Epoch, NodeId)>,
    /// Every key that something was sealed with, and for which epoch.
    sealed_with: BTreeMap<Vec<u8>, Epoch>,
    /// Whom to rob in this epoch, and when.
    planned: Vec<(NodeId, u64)>,
    newest: Epoch,
    tally: Rc<RefCell<Tally>>,
    tell: Box<dyn FnMut(&Tally)>,
}

/// Where what was done is counted, and who is told of it.
pub(super) type Ears = (Rc<RefCell<Tally>>, Box<dyn FnMut(&Tally)>);

impl Thief {
    pub(super) fn new(plan: &Plan, host: &EpochsHost, (tally, tell): Ears) -> Self {
        let (kit, secret) = (host.kit(), secret_of(host, plan.f));
        let mut thief = Self {
            plan: *plan,
            disks: host.disks(),
            servers: host.servers().to_vec(),
            keys: kit.keys.clone(),
            verifier: std::sync::Arc::clone(&kit.schemes.signatures),
            system_key: kit.system_key,
            founded: sealed::group_key(
                &kit.sharing,
                parameters(kit.first.configuration().membership),
            ),
            prng: Prng::from_seed(plan.seed).fork("thief"),
            loot: Loot::default(),
            secrets: Secrets::of_founders(&host.disks()),
            weights: Weights::new(),
            pairs: Pairs::of(secret),
            triples: Triples::of(secret),
            system: kit.first.configuration().system,
            roots: BTreeMap::new(),
            configurations: BTreeMap::new(),
            decisions: BTreeMap::new(),
            dealings: BTreeMap::new(),
            named: BTreeMap::new(),
            sealed_with: BTreeMap::new(),
            planned: Vec::new(),
            newest: Epoch::ZERO,
            tally,
            tell,
        };
        thief.begin(0, &kit.first).expect("nothing was taken yet");
        thief
    }

    /// An epoch has begun: what can be put together now, and who is robbed in it.
    fn begin(&mut self, time_us: u64, configuration: &VerifiedConfiguration) -> Verdict {
        let epoch = configuration.epoch();
        self.newest = epoch;
        self.configurations.insert(epoch, configuration.clone());
        let servers = configuration.configuration();
        for member in &servers.members {
            if let Some(key) = member.epoch_key {
                self.named.insert(key, (epoch, member.id));
            }
        }
        self.note_roots(configuration);
        self.forget();
        self.open_sealed(epoch)?;
        self.try_dealers()?;
        let group = servers.membership_group.clone();
        let (inside, outside): (Vec<_>, Vec<_>) =
            self.servers.iter().partition(|server| group.contains(server));
        let known = self.loot.places(epoch).len().max(self.voices(configuration));
        let room = self.plan.robbed.saturating_sub(known);
        self.tally.borrow_mut().missed += self.planned.len() as u64;
        self.planned = match epoch.get() < self.plan.epochs {
            true => self.choose((inside, room), outside),
            // The year is over.
            false => Vec::new(),
        };
        self.tally.borrow_mut().planned += self.planned.len() as u64;
        for (_, at_us) in &mut self.planned {
            *at_us += time_us;
        }
        Ok(())
    }

    /// As many as are robbed in an epoch, of whom so many may be members of its group.
    fn choose(
        &mut self,
        (mut inside, room): (Vec<NodeId>, usize),
        mut outside: Vec<NodeId>,
    ) -> Vec<(NodeId, u64)> {
        let known = self.loot.robbed.get(&self.newest).cloned().unwrap_or_default();
        inside.retain(|server| !known.contains(server));
        self.prng.shuffle(&mut inside);
        self.prng.shuffle(&mut outside);
        inside.truncate(room);
        let chosen = inside.into_iter().chain(outside).take(self.plan.robbed);
        let delay_us = LENGTH * 100_000 * 7 / 10;
        chosen.map(|server| (server, self.prng.below(delay_us))).collect()
    }

    /// Leaves behind what is of epochs that are long over, but for keys and shares.
    fn forget(&mut self) {
        let first = Epoch::new(self.newest.get().saturating_sub(WINDOW));
        self.configurations = self.configurations.split_off(&first);
        self.decisions = self.decisions.split_off(&first);
        self.dealings = self.dealings.split_off(&first);
        self.loot.robbed = self.loot.robbed.split_off(&first);
        self.loot.openers = self.loot.openers.split_off(&first);
        self.loot.parts = self.loot.parts.split_off(&first);
    }

    /// Takes all that a server has.
    fn rob(&mut self, index: usize, seat: &ServerSeat) -> Verdict {
        let server = self.servers[index];
        let disks = Rc::clone(&self.disks);
        let disks = disks.borrow();
        let mut files: BTreeSet<(Name, Vec<u8>)> = BTreeSet::new();
        for (name, bytes) in disks[index].files.iter().chain(seat.files()) {
            files.insert((*name, bytes.clone()));
        }
        for (name, bytes) in &files {
            self.tally.borrow_mut().files += 1;
            if let Some(other) = self.loot.take(server, *name, bytes) {
                return broken(&format!("{server} has in {name:?} what was in {other:?}"));
            }
            self.try_file((server, *name), bytes)?;
        }
        self.search(&disks[index])?;
        self.take_from_machines(seat);
        let ahead = self.newest.next();
        for epoch in [self.newest, ahead] {
            self.loot.robbed.entry(epoch).or_default().insert(server);
        }
        self.tally.borrow_mut().robberies += 1;
        let is_decided = self.decisions.contains_key(&self.newest.next());
        let has_share = files.iter().any(|(name, _)| *name == Name::Share(self.newest));
        self.tally.borrow_mut().between += u64::from(is_decided && has_share);
        self.open_sealed(self.newest)?;
        self.try_dealers()?;
        self.mix()
    }

    /// Takes what the machines of a server hold besides: shares, whatever files there are.
    fn take_from_machines(&mut self, seat: &ServerSeat) {
        for (epoch, share) in seat.handovers().values().flat_map(Handover::held_shares) {
            self.tally.borrow_mut().held += 1;
            self.loot.put_share(epoch, share);
        }
    }

    /// Is what a server has on its disk what it works with, and has it ended the epoch before? In
    /// the moment in which it goes on to another epoch, what it erases is not gone yet, and it is
    /// one of the epoch before: then the thief waits.
    fn is_settled(&self, at: &At, seat: &ServerSeat) -> bool {
        let former = self.newest.get().checked_sub(1).map(Epoch::new);
        former.is_none_or(|former| seat.has_ended(former))
            && self.disks.borrow()[at.node.index()].files == *seat.files()
    }

    /// Is it the time in the epoch for which the thief waits?
    fn is_moment(&self) -> bool {
        match self.plan.moment {
            Moment::Any => true,
            Moment::BeforeErasure => self.decisions.contains_key(&self.newest.next()),
        }
    }

    /// No secret that any server ever had in a file stands in a log or a state of a server, also
    /// when its file was erased.
    pub(super) fn search(&self, disk: &Disk) -> Verdict {
        for kept in disk.written() {
            self.tally.borrow_mut().searched += kept.len() as u64;
            if let Some((owner, name)) = self.secrets.find(&kept) {
                return broken(&format!("{name:?} of server {owner} stands in a log"));
            }
        }
        Ok(())
    }

    /// Counts whose shares of an epoch became known, when nobody holds one any more.
    fn settle(&mut self, epoch: Epoch) {
        let known = self.loot.places(epoch).len();
        *self.tally.borrow_mut().known.entry(known).or_default() += 1;
        assert!(known <= self.plan.robbed, "the thief keeps to its budget");
    }
}

/// The system's key, which nobody knows: the shares of the founders make it.
fn secret_of(host: &EpochsHost, f: u16) -> Number {
    let disks = host.disks();
    let mut loot = Loot::default();
    for disk in disks.borrow().iter() {
        if let Some(bytes) = disk.files.get(&Name::Share(Epoch::ZERO)) {
            loot.put_share(Epoch::ZERO, &share_in(bytes).1);
        }
    }
    let points = loot.latest(usize::from(f) + 1);
    let points: Vec<(u16, Number)> = points.iter().map(|(_, place, it)| (*place, *it)).collect();
    let secret = interpolate(&points, &mut Weights::new());
    assert!(is_key_of(&host.kit().system_key, secret), "the founders' shares are of the key");
    secret
}

/// Is this number the secret half of the key?
fn is_key_of(key: &PublicKey, secret: Number) -> bool {
    let encoded = [&[0, 1], &secret.write()[..]].concat();
    KeyShare::decode(&encoded).is_ok_and(|share| share.public_share() == *key)
}

fn broken(what: &str) -> Verdict {
    Err(Broken::new(ID, format!("G6: {what}")))
}

impl Checker<EpochsMachine> for Thief {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_send(&mut self, _: &At, _: &Recipients, message: &Message) -> Verdict {
        let Message::Handover(epoch, message) = message else { return Ok(()) };
        let HandoverMessage::Dealing(dealing) = &**message else { return Ok(()) };
        let recorded = self.dealings.entry(*epoch).or_default();
        if recorded.iter().all(|known| *known != dealing.dealing) {
            recorded.push(dealing.dealing.clone());
        }
        Ok(())
    }

    fn on_output(&mut self, _: &At, output: &Output) -> Verdict {
        let Output::News(news) = output else { return Ok(()) };
        if let Some(decided) = decided(news) {
            let begins = news.epoch.next();
            if self.decisions.contains_key(&begins) {
                return Ok(());
            }
            for seat in &decided.attempt.seats {
                let Some(keys) = &seat.keys else { continue };
                let key = keys.encryption_key.0.to_vec();
                self.try_found_opening(begins, &key)?;
                self.sealed_with.insert(key, begins);
            }
            self.decisions.insert(begins, decided.clone());
        }
        Ok(())
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        if let Record::File(name, bytes) = record {
            self.secrets.note(at.node.index(), *name, bytes);
        }
        let Record::Adopted(configuration) = record else { return Ok(()) };
        if configuration.epoch() <= self.newest {
            return Ok(());
        }
        let former = self.newest;
        self.begin(at.time_us, configuration)?;
        self.try_found_signing(configuration)?;
        self.try_old_trees()?;
        self.mix()?;
        self.settle(former);
        self.tally.borrow_mut().epochs = self.newest.get();
        (self.tell)(&self.tally.borrow());
        let is_over = self.newest.get() >= self.plan.epochs;
        if is_over { Err(Broken::new(OVER, "all epochs are over")) } else { Ok(()) }
    }

    fn on_step(&mut self, at: &At, machine: &EpochsMachine, _: &Gauges) -> Verdict {
        let Some(seat) = machine.server() else { return Ok(()) };
        let is_due = |(server, at_us): &(NodeId, u64)| *server == seat.id() && at.time_us >= *at_us;
        let Some(place) = self.planned.iter().position(is_due) else { return Ok(()) };
        let is_here = seat.turnover().configuration().epoch() == self.newest;
        if !is_here || !self.is_settled(at, seat) || !self.is_moment() {
            return Ok(());
        }
        self.planned.remove(place);
        self.rob(at.node.index(), seat)
    }
}
