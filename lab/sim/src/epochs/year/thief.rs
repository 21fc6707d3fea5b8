//! C7: a thief takes what belongs to some servers in each epoch, has heard every message, and can
//! sign nothing under the system's key and nothing for an epoch that is over (G6).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use quorate_crypto::{Verifier, verify};
use quorate_history::Prng;
use quorate_machine::{Recipients, RecordNumber};
use quorate_membership::freshness::Subject;
use quorate_membership::handover::attempt::Occasion;
use quorate_membership::handover::dealing::sharing;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::handover::{Decided, PublishedDealing};
use quorate_membership::{
    EpochKeyCertificate, EpochKeyStatement, IdentitySigner, Nonce, VerifiedConfiguration, Vouch,
};
use quorate_threshold::{
    Commitment, DecryptionKey, GroupKey, KeyShare, Opened, PublicKey, Seed, Subshare,
};
use quorate_types::{Digest, Epoch, NodeId};

use super::field::{Number, Weights, interpolate};
use super::loot::{Loot, Share};
use super::{LENGTH, OVER, Plan};
use crate::checker::{At, Broken, Checker, Gauges, Verdict};
use crate::epochs::disk::Disks;
use crate::epochs::host::EpochsHost;
use crate::epochs::keys::Keys;
use crate::epochs::{EpochsMachine, Message, Name, Output, Record, decided};

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
    /// Servers that were robbed.
    pub robberies: u64,
    /// Robberies that were planned and came too late: the epoch was over.
    pub missed: u64,
    /// Files that were taken.
    pub files: u64,
    /// Shares that were put together from sealed dealings and stolen keys.
    pub opened: u64,
    /// Dealings that a stolen key was tried on in vain.
    pub closed: u64,
    /// Sets of shares that were interpolated.
    pub sets: u64,
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
    prng: Prng,
    loot: Loot,
    weights: Weights,
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
        let kit = host.kit();
        let mut thief = Self {
            plan: *plan,
            disks: host.disks(),
            servers: host.servers().to_vec(),
            keys: kit.keys.clone(),
            verifier: std::sync::Arc::clone(&kit.schemes.signatures),
            system_key: kit.system_key,
            prng: Prng::from_seed(plan.seed).fork("thief"),
            loot: Loot::default(),
            weights: Weights::new(),
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
        thief.begin(0, &kit.first);
        thief
    }

    /// An epoch has begun: what can be put together now, and who is robbed in it.
    fn begin(&mut self, time_us: u64, configuration: &VerifiedConfiguration) {
        let epoch = configuration.epoch();
        self.newest = epoch;
        self.configurations.insert(epoch, configuration.clone());
        let servers = configuration.configuration();
        for member in &servers.members {
            if let Some(key) = member.epoch_key {
                self.named.insert(key, (epoch, member.id));
            }
        }
        self.forget();
        self.open_sealed(epoch);
        let group = servers.membership_group.clone();
        let (inside, outside): (Vec<_>, Vec<_>) =
            self.servers.iter().partition(|server| group.contains(server));
        let room = self.plan.robbed.saturating_sub(self.loot.places(epoch).len());
        self.tally.borrow_mut().missed += self.planned.len() as u64;
        self.planned = self.choose((inside, room), outside);
        for (_, at_us) in &mut self.planned {
            *at_us += time_us;
        }
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
    }

    /// Puts together the shares of an epoch whose dealings it can open.
    fn open_sealed(&mut self, epoch: Epoch) {
        for (server, seed) in self.loot.openers.get(&epoch).cloned().unwrap_or_default() {
            if let Some(share) = self.opened((server, &seed), epoch) {
                self.tally.borrow_mut().opened += 1;
                self.loot.put_share(epoch, &share);
            }
        }
    }

    /// The share of a server in an epoch, from what was sealed for it.
    fn opened(&self, (server, seed): (NodeId, &[u8; 32]), epoch: Epoch) -> Option<KeyShare> {
        let former = Epoch::new(epoch.get().checked_sub(1)?);
        let decided = self.decisions.get(&epoch)?;
        let index = decided.attempt.index_of(server)?;
        let old = self.group_key(former);
        let occasion =
            Occasion { system: decided.header.system, epoch, system_key: Some(self.system_key) };
        let place = (decided.attempt.session(&occasion), decided.attempt.parameters());
        let sharing = sharing(&decided.dealings, place, old.as_ref()).ok()?;
        let key = DecryptionKey::derive(&Seed::new(*seed));
        let recorded = self.dealings.get(&former)?;
        let mut subshares: Vec<Subshare> = Vec::new();
        for chosen in &decided.dealings {
            let is_it = |it: &&PublishedDealing| it.chosen() == *chosen;
            let published = recorded.iter().find(is_it)?;
            let checked = chosen.checked(place, old.as_ref()).ok()?;
            let sealed = published.sealed(place.1).ok()?;
            let Ok(Opened::Owed(subshare)) = key.open(&checked, &sealed, index) else {
                return None;
            };
            subshares.push(subshare);
        }
        sharing.assemble_share(index, &subshares).ok()
    }

    /// The public side of the sharing of an epoch; none of the founding's.
    fn group_key(&self, epoch: Epoch) -> Option<GroupKey> {
        let decided = self.decisions.get(&epoch)?;
        let parameters = decided.attempt.parameters();
        GroupKey::new(Commitment::decode(&decided.sharing.0, parameters).ok()?).ok()
    }

    /// Takes all that a server has.
    fn rob(&mut self, index: usize, seat: &crate::epochs::ServerSeat) -> Verdict {
        let server = self.servers[index];
        let disks = Rc::clone(&self.disks);
        let disks = disks.borrow();
        let mut files: BTreeSet<(Name, Vec<u8>)> = BTreeSet::new();
        for (name, bytes) in disks[index].files.iter().chain(seat.files()) {
            files.insert((*name, bytes.clone()));
        }
        let before = self.loot.shares.len();
        for (name, bytes) in &files {
            self.tally.borrow_mut().files += 1;
            if let Some(other) = self.loot.take(server, *name, bytes) {
                return broken(&format!("{server} has in {name:?} what was in {other:?}"));
            }
            self.search((index, *name), bytes)?;
            self.try_file((server, *name), bytes)?;
        }
        let ahead = self.newest.next();
        for epoch in [self.newest, ahead] {
            self.loot.robbed.entry(epoch).or_default().insert(server);
        }
        self.tally.borrow_mut().robberies += 1;
        let new = self.loot.shares.len() - before;
        self.mix(new)
    }

    /// What is a secret stands in no log and no state of its owner.
    fn search(&mut self, (index, name): (usize, Name), bytes: &[u8]) -> Verdict {
        if !name.is_secret() || matches!(name, Name::Identity(_)) {
            return Ok(());
        }
        let secret = bytes.last_chunk::<32>().expect("a secret has 32 bytes");
        let disks = self.disks.borrow();
        for kept in disks[index].written() {
            self.tally.borrow_mut().searched += kept.len() as u64;
            if kept.windows(secret.len()).any(|part| part == secret) {
                return broken(&format!("{name:?} of server {index} stands in its logs"));
            }
        }
        Ok(())
    }

    fn try_file(&mut self, (server, name): (NodeId, Name), bytes: &[u8]) -> Verdict {
        match name {
            Name::Signing(_) => self.try_signing(server, bytes),
            Name::Decryption(_) => self.try_opening(bytes),
            Name::Identity(_) => self.try_identity(bytes),
            Name::Share(_) | Name::Dealing(_) | Name::Certificate(_) => Ok(()),
        }
    }

    /// A key that signs is none that a configuration of an epoch names which is over, but for the
    /// one whose group is still served and the founding's.
    fn try_signing(&mut self, server: NodeId, bytes: &[u8]) -> Verdict {
        let signer = self.keys.signer(bytes.try_into().expect("a seed has 32 bytes"));
        let over = |epoch: Epoch| epoch.next() < self.newest && epoch != Epoch::ZERO;
        if let Some((epoch, owner)) = self.named.get(&signer.public_key())
            && over(*epoch)
        {
            return broken(&format!("the key of {owner} of epoch {epoch} was found"));
        }
        let configurations: Vec<_> = self.configurations.values().cloned().collect();
        for configuration in configurations.iter().filter(|it| over(it.epoch())) {
            let nonce = Nonce::new(Digest::new([7; 32]));
            let vouch = Vouch::sign(Subject::of(configuration, nonce), server, &*signer);
            self.tally.borrow_mut().signatures += 1;
            if verify(vouch, configuration, &*self.verifier).is_ok() {
                return broken(&format!("a vouch for epoch {} verifies", configuration.epoch()));
            }
        }
        Ok(())
    }

    /// A key that opens is none that anything was sealed with for an epoch that is over.
    fn try_opening(&mut self, bytes: &[u8]) -> Verdict {
        let seed = Seed::new(bytes.try_into().expect("a seed has 32 bytes"));
        let key = DecryptionKey::derive(&seed).encryption_key().encode();
        match self.sealed_with.get(key.as_slice()) {
            Some(epoch) if *epoch < self.newest => {
                broken(&format!("the key that opens what was sealed for epoch {epoch} was found"))
            }
            Some(_) | None => {
                self.tally.borrow_mut().closed += self.sealed_with.len() as u64;
                Ok(())
            }
        }
    }

    /// An identity certifies keys of no epoch whose key it has certified, and of the next one it
    /// does: that shows that the trial is one.
    fn try_identity(&mut self, bytes: &[u8]) -> Verdict {
        let identity = self.keys.identity(bytes);
        let system = self.configurations.values().next().map(|it| it.configuration().system);
        let system = system.expect("the newest configuration is known");
        let mine = self.keys.signer(&[9; 32]).public_key();
        let is_taken = |epoch: Epoch| {
            let key = identity.identity_key();
            let statement = EpochKeyStatement::of_system(system, key, epoch, mine);
            let certificate = EpochKeyCertificate::issue(statement, &identity);
            certificate.is_valid(key.first_root(), &*self.verifier)
        };
        let next = identity.epoch();
        let first = next.get().saturating_sub(WINDOW);
        self.tally.borrow_mut().signatures += next.get() - first + 1;
        if !is_taken(next) {
            return broken(&format!("an identity does not certify the key of epoch {next}"));
        }
        match (first..next.get()).map(Epoch::new).find(|epoch| is_taken(*epoch)) {
            Some(epoch) => broken(&format!("an identity certifies a key of epoch {epoch} again")),
            None => Ok(()),
        }
    }

    /// Puts the newest shares together with all of their own sharing and with those of others.
    fn mix(&mut self, new: usize) -> Verdict {
        let latest = self.loot.latest(MIXED_MAX + new);
        let threshold = usize::from(self.plan.f) + 1;
        for place in 0..new.min(latest.len()) {
            let (own, others) = (latest[place], &latest[place + 1..]);
            let is_own = |other: &&Share| other.0 == own.0;
            let mut pool: Vec<Share> = others.iter().filter(is_own).copied().collect();
            pool.extend(others.iter().filter(|other| !is_own(other)));
            for set in sets(own, &pool, threshold) {
                self.try_set(&set)?;
            }
        }
        Ok(())
    }

    /// Is what these shares make the system's key?
    fn try_set(&mut self, set: &[Share]) -> Verdict {
        let points: Vec<(u16, Number)> = set.iter().map(|(_, place, it)| (*place, *it)).collect();
        let secret = interpolate(&points, &mut self.weights).write();
        self.tally.borrow_mut().sets += 1;
        let encoded = [&[0, 1], &secret[..]].concat();
        let is_key =
            KeyShare::decode(&encoded).is_ok_and(|share| share.public_share() == self.system_key);
        if !is_key {
            return Ok(());
        }
        let of: Vec<String> =
            set.iter().map(|(epoch, place, _)| format!("{epoch}/{place}")).collect();
        broken(&format!("shares {} make the system's key", of.join(" and ")))
    }

    /// Counts whose shares of an epoch became known, when nobody holds one any more.
    fn settle(&mut self, epoch: Epoch) {
        let known = self.loot.places(epoch).len();
        *self.tally.borrow_mut().known.entry(known).or_default() += 1;
        assert!(known <= self.plan.robbed, "the thief keeps to its budget");
    }
}

/// Sets of so many shares, of which this is one and whose places differ: with two, one for each in
/// the pool; with more, neighbours in it.
fn sets(own: Share, pool: &[Share], count: usize) -> Vec<Vec<Share>> {
    let others: Vec<Share> = pool.iter().filter(|other| other.1 != own.1).copied().collect();
    let mut found = Vec::new();
    for start in 0..others.len() {
        let mut set = vec![own];
        for other in &others[start..] {
            if set.len() < count && set.iter().all(|known| known.1 != other.1) {
                set.push(*other);
            }
        }
        if set.len() == count {
            found.push(set);
        }
    }
    found
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
        if recorded.iter().all(|known| *known != **dealing) {
            recorded.push((**dealing).clone());
        }
        Ok(())
    }

    fn on_output(&mut self, _: &At, output: &Output) -> Verdict {
        let Output::News(news) = output else { return Ok(()) };
        if let Some(decided) = decided(news) {
            let begins = news.epoch.next();
            for seat in &decided.attempt.seats {
                let key = seat.keys.map(|keys| keys.encryption_key.0.to_vec());
                self.sealed_with.extend(key.map(|key| (key, begins)));
            }
            self.decisions.entry(begins).or_insert_with(|| decided.clone());
        }
        Ok(())
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let Record::Adopted(configuration) = record else { return Ok(()) };
        if configuration.epoch() <= self.newest {
            return Ok(());
        }
        let former = self.newest;
        self.begin(at.time_us, configuration);
        let opened = self.loot.places(self.newest).len();
        self.mix(opened)?;
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
        if seat.turnover().configuration().epoch() != self.newest {
            return Ok(());
        }
        self.planned.remove(place);
        self.rob(at.node.index(), seat)
    }
}
