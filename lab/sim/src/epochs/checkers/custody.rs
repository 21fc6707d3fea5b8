//! C7: what belongs to an epoch that is over is gone, from the disk and from the machines, and not
//! before it may go (G6); and so is what an attempt that failed dealt to a server without a seat
//! (DUT-5).
//!
//! The disks are read when a server begins to speak of the end of an epoch, for which it has erased
//! all that the ones before left, and when a run is over. The machines are asked after every step.

use std::collections::BTreeMap;

use quorate_machine::{Recipients, RecordNumber};
use quorate_membership::VerifiedConfiguration;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_types::{Digest, Epoch, NodeId};

use crate::checker::{At, Broken, Checker, End, Gauges, Verdict};
use crate::epochs::cabinet::share_in;
use crate::epochs::disk::{Disk, Disks};
use crate::epochs::{EpochsMachine, Message, Name, Record, ServerSeat};
use crate::node::Node;

const ID: &str = "C7";

/// Reads the disks.
#[derive(Debug)]
pub(in crate::epochs) struct Custody {
    servers: Vec<NodeId>,
    disks: Disks,
    /// The number of the attempt that dealt in a session, and for which epoch.
    attempts: BTreeMap<(Epoch, Digest), u32>,
    /// The session of the share that a server has of an epoch.
    shares: BTreeMap<(Node, Epoch), Digest>,
    /// The session in which a server is.
    present: BTreeMap<(Node, Epoch), Digest>,
}

/// Should this file be gone, where this is the newest epoch and the server has a seat in it or not?
fn is_overdue(name: Name, newest: Epoch, has_seat: bool) -> bool {
    match name {
        Name::Share(epoch) | Name::Dealing(epoch) | Name::Decryption(epoch) => {
            epoch < newest || epoch == newest && !has_seat
        }
        // The replica of the epoch before may not have signed its end; the key of the founding
        // serves the key-value group for good.
        Name::Signing(epoch) => epoch.next() < newest && epoch != Epoch::ZERO,
        // The leaf of an epoch is gone when its key is certified.
        Name::Identity(epoch) => epoch <= newest,
        // A tree that waits certifies nothing; what it replaces is looked for
        // by its root.
        Name::Certificate(_) | Name::Successor(_) | Name::RootProof(_) => false,
    }
}

impl Custody {
    pub(in crate::epochs) fn new((servers, disks): (Vec<NodeId>, Disks)) -> Self {
        let (attempts, shares, present) = Default::default();
        Self { servers, disks, attempts, shares, present }
    }

    /// Has a server a seat in the group of the newest epoch? One that has none may hold no share.
    fn has_seat(&self, node: Node, newest: &VerifiedConfiguration) -> bool {
        newest.group_member(self.servers[node.index()]).is_some()
    }

    /// May a server erase its share of the newest epoch? It must if it has no seat there (DUT-5);
    /// who has one may erase what is of an attempt that was given up: who missed the news of that
    /// may have the next configuration before.
    fn is_of_no_use(&self, node: Node, newest: &VerifiedConfiguration) -> bool {
        if !self.has_seat(node, newest) {
            return true;
        }
        let epoch = newest.epoch();
        let session = self.shares.get(&(node, epoch));
        let attempt = session.and_then(|session| self.attempts.get(&(epoch, *session)));
        attempt.is_some_and(|attempt| *attempt != newest.header().header().lineage.attempt)
    }

    /// A server is in an attempt. Who reads its log again comes through earlier ones once more.
    fn note_attempt(&mut self, place: (Node, Epoch), (attempt, session): (u32, Digest)) {
        let (_, epoch) = place;
        self.attempts.entry((epoch, session)).or_insert(attempt);
        let present = self.present.get(&place);
        let known = present.and_then(|session| self.attempts.get(&(epoch, *session)));
        if known.is_none_or(|known| *known < attempt) {
            self.present.insert(place, session);
        }
    }

    /// What is wrong with whoever deals its share at the end of the newest epoch: what opened the
    /// dealings that it was made of is gone (MEM-75), and it is not of an attempt that failed
    /// (MEM-76).
    fn dealt_from(
        &self,
        at: &At,
        (epoch, disk): (Epoch, &Disk),
        said: &HandoverMessage,
    ) -> Option<String> {
        let HandoverMessage::Dealing(dealing) = said else { return None };
        let newest = disk.newest();
        let group = &newest.configuration().membership_group;
        let dealer = group.get(usize::from(dealing.dealing.dealer).checked_sub(1)?);
        // It may pass on what another one dealt.
        if epoch != newest.epoch() || dealer != Some(&self.servers[at.node.index()]) {
            return None;
        }
        if disk.files.contains_key(&Name::Decryption(epoch)) {
            return Some(format!("{:?} deals its share of {epoch}, and can open more", at.node));
        }
        let session = self.shares.get(&(at.node, epoch))?;
        let attempt = *self.attempts.get(&(epoch, *session))?;
        let is_of_it = attempt == newest.header().header().lineage.attempt;
        let what = || format!("{:?} deals a share of attempt {attempt} at {epoch}", at.node);
        (!is_of_it).then(what)
    }

    /// What the disk of a server holds that it should not.
    fn overdue(&self, node: Node, disk: &Disk) -> Option<Name> {
        let newest = disk.newest();
        let has_seat = self.has_seat(node, newest);
        let mut names = disk.files.keys().copied();
        names.find(|name| is_overdue(*name, newest.epoch(), has_seat))
    }
}

/// A secret of a server that stands in what it writes besides the files of its cabinet.
fn written(disk: &Disk) -> Option<Name> {
    let texts: Vec<Vec<u8>> = disk.written().collect();
    let mut files = disk.files.iter().filter(|(name, _)| name.is_secret() && !name.is_tree());
    let found = files.find(|(_, bytes)| {
        let secret = bytes.last_chunk::<32>().expect("a secret has 32 bytes");
        texts.iter().any(|text| text.windows(32).any(|part| part == secret))
    });
    found.map(|(name, _)| *name)
}

/// An epoch before the present one whose key a server has, on the disk or in a machine, and with
/// which it has nothing to sign any more: there is no replica, or that has the end certificate
/// (DUT-6). The key of the founding serves the key-value group for good.
fn with_idle_key(seat: &ServerSeat) -> Option<Epoch> {
    let newest = seat.turnover().configuration().epoch();
    let is_idle =
        |epoch: &Epoch| *epoch < newest && *epoch != Epoch::ZERO && seat.has_ended(*epoch);
    seat.signing_epochs().find(is_idle)
}

/// An epoch for which a machine of the server holds what was dealt, shares or parts of them, and
/// that is over, or in whose group the server has no seat. A participant asks whether the signed
/// header names it; a seat that a header names and no key goes with had no deposit, and so nothing
/// was ever dealt to it.
fn with_old_dealings(seat: &ServerSeat) -> Option<Epoch> {
    let newest = seat.turnover().configuration();
    let has_seat = newest.group_member(seat.id()).is_some();
    let is_overdue = |epoch: Epoch| epoch < newest.epoch() || epoch == newest.epoch() && !has_seat;
    let holding = seat.handovers().iter().filter(|(_, handover)| handover.holds_dealt());
    holding.map(|(ended, _)| ended.next()).find(|epoch| is_overdue(*epoch))
}

/// The epoch in which a server is, if the tree of its identity is another than the root there.
fn with_old_root(seat: &ServerSeat) -> Option<Epoch> {
    let configuration = seat.turnover().configuration();
    let record = configuration.configuration().member(seat.id())?;
    (seat.identity_root() != Some(record.root())).then_some(configuration.epoch())
}

impl Checker<EpochsMachine> for Custody {
    fn id(&self) -> &'static str {
        ID
    }

    /// A write that failed may have left a share on the disk, or none where one was, and nobody saw
    /// that become durable.
    fn on_start(&mut self, at: &At, _: &EpochsMachine) -> Verdict {
        self.shares.retain(|(node, _), _| *node != at.node);
        let disks = self.disks.borrow();
        let Some(disk) = disks.get(at.node.index()) else { return Ok(()) };
        for (name, bytes) in &disk.files {
            if let Name::Share(epoch) = name {
                self.shares.insert((at.node, *epoch), share_in(bytes).0);
            }
        }
        Ok(())
    }

    /// DUT-2: a share goes when a later configuration is durable, or an attempt was given up.
    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        if let Record::File(Name::Share(epoch), bytes) = record {
            self.shares.insert((at.node, *epoch), share_in(bytes).0);
        }
        let Record::Erased(Name::Share(epoch)) = record else { return Ok(()) };
        let disks = self.disks.borrow();
        let Some(disk) = disks.get(at.node.index()).filter(|_| at.is_good()) else { return Ok(()) };
        if *epoch == disk.newest().epoch() && !self.is_of_no_use(at.node, disk.newest()) {
            let what = format!("{:?} erased its share of {epoch}, the newest epoch", at.node);
            return Err(Broken::new(ID, what));
        }
        let place = (at.node, *epoch);
        let erased = self.shares.remove(&place);
        if *epoch > disk.newest().epoch()
            && erased.is_some_and(|it| self.present.get(&place) == Some(&it))
        {
            let what =
                format!("{:?} erased its share of the attempt at {epoch} that goes on", at.node);
            return Err(Broken::new(ID, what));
        }
        Ok(())
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Message) -> Verdict {
        let Message::Handover(epoch, said) = message else { return Ok(()) };
        let disks = self.disks.borrow();
        let Some(disk) = disks.get(at.node.index()).filter(|_| at.is_good()) else { return Ok(()) };
        let newest = disk.newest().epoch();
        if let Some(what) = self.dealt_from(at, (*epoch, disk), said) {
            return Err(Broken::new(ID, what));
        }
        match self.overdue(at.node, disk).filter(|_| *epoch >= newest) {
            Some(name) => {
                let what = format!("{:?} speaks of the end of {newest} and has", at.node);
                Err(Broken::new(ID, format!("{what} {name:?}")))
            }
            None => Ok(()),
        }
    }

    fn on_end(&mut self, end: &End<'_, EpochsMachine>) -> Verdict {
        let disks = self.disks.borrow();
        let good = end.scenario.core.without(end.bad);
        let seats =
            good.iter().filter_map(|node| Some((node, end.machines[node.index()]?.server()?)));
        for (node, seat) in seats {
            if let Some(epoch) = with_old_root(seat) {
                let what = format!("{node:?} has the tree of a root that epoch {epoch} replaced");
                return Err(Broken::new(ID, what));
            }
        }
        let mut kept = disks.iter().enumerate().filter_map(|(index, disk)| {
            let is_up = end.machines[index].is_some() && good.contains(Node::at(index));
            let name = self.overdue(Node::at(index), disk).filter(|_| is_up);
            name.map(|name| (Node::at(index), name))
        });
        if let Some((node, name)) = kept.next() {
            return Err(Broken::new(ID, format!("{node:?} has {name:?} when the run is over")));
        }
        let mut open = disks.iter().enumerate().filter_map(|(index, disk)| {
            let is_good = good.contains(Node::at(index));
            written(disk).filter(|_| is_good).map(|name| (Node::at(index), name))
        });
        let Some((node, name)) = open.next() else { return Ok(()) };
        Err(Broken::new(ID, format!("{name:?} of {node:?} stands in its logs or states")))
    }

    fn on_step(&mut self, at: &At, machine: &EpochsMachine, _: &Gauges) -> Verdict {
        let Some(seat) = machine.server().filter(|_| at.is_good()) else { return Ok(()) };
        for (epoch, handover) in seat.handovers() {
            if let Some(received) = handover.receives() {
                self.note_attempt((at.node, epoch.next()), received);
            }
        }
        if let Some(epoch) = with_idle_key(seat) {
            let what = format!("{:?} has ended epoch {epoch}, and has its key", at.node);
            return Err(Broken::new(ID, what));
        }
        let newest = seat.turnover().configuration().epoch();
        let mut old = seat.handovers().range(..newest);
        if let Some((epoch, _)) = old.find(|(_, it)| it.holds_old_share()) {
            let what = format!("{:?} is in epoch {newest}, and a machine has the share", at.node);
            return Err(Broken::new(ID, format!("{what} of {epoch}")));
        }
        let Some(epoch) = with_old_dealings(seat) else { return Ok(()) };
        let what = format!("{:?} is in epoch {newest}, and a machine has what was dealt", at.node);
        Err(Broken::new(ID, format!("{what} for {epoch}")))
    }
}

#[cfg(test)]
mod tests;
