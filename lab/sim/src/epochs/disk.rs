//! What is durable at a server: the records of its row, as the files that they make.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use quorate_bft::Image;
use quorate_machine::RecordNumber;
use quorate_membership::VerifiedConfiguration;
use quorate_membership::handover::machine as participant;
use quorate_state::Map;
use quorate_types::Epoch;

use super::{Base, EpochsMachine, Name, Output, Record};
use crate::checker::{At, Checker, Verdict};
use crate::ordering::Disk as ImageDisk;

/// Configurations that a disk holds: the production keeps all of them, and none is a secret.
const CHAIN_MAX: usize = 8;

/// What a replica begins again with: the image of its state, and its records.
pub(super) type Loaded = (Option<(Image, Map)>, Vec<(RecordNumber, quorate_bft::Record)>);

/// The disk of a replica.
#[derive(Default, Debug)]
pub(super) struct ReplicaDisk {
    image: ImageDisk,
    records: Vec<(RecordNumber, Arc<quorate_bft::Record>)>,
}

impl ReplicaDisk {
    /// What a replica begins again with; the numbers of its records go on behind the last.
    pub(super) fn load(&self) -> Loaded {
        let owned =
            |(number, record): &(_, Arc<quorate_bft::Record>)| (*number, (**record).clone());
        (self.image.load(), self.records.iter().map(owned).collect())
    }

    pub(super) fn last(&self) -> RecordNumber {
        self.records.last().map_or(RecordNumber::ZERO, |(number, _)| *number)
    }
}

/// The disk of a server.
#[derive(Default, Debug)]
pub(super) struct Disk {
    /// The last record that was applied.
    applied: u64,
    pub(super) files: BTreeMap<Name, Vec<u8>>,
    pub(super) chain: BTreeMap<Epoch, VerifiedConfiguration>,
    pub(super) begun: BTreeMap<Epoch, Base>,
    pub(super) ended: Option<Epoch>,
    pub(super) handovers: BTreeMap<Epoch, Vec<Arc<participant::Record>>>,
    pub(super) replicas: BTreeMap<Epoch, ReplicaDisk>,
}

impl Disk {
    /// The disk of a server that was installed with these keys and this configuration.
    pub(super) fn installed(files: BTreeMap<Name, Vec<u8>>, first: VerifiedConfiguration) -> Self {
        Self { files, chain: BTreeMap::from([(first.epoch(), first)]), ..Self::default() }
    }

    /// The number of the last record that was applied.
    pub(super) const fn applied(&self) -> u64 {
        self.applied
    }

    /// The newest configuration.
    ///
    /// # Panics
    /// If there is none: a server is installed with one.
    pub(super) fn newest(&self) -> &VerifiedConfiguration {
        self.chain.values().next_back().expect("a server is installed with a configuration")
    }

    /// What the participant of an epoch has kept.
    pub(super) fn kept_records(&self, epoch: Epoch) -> Option<(Epoch, Vec<participant::Record>)> {
        let records = self.handovers.get(&epoch)?;
        Some((epoch, records.iter().map(|record| (**record).clone()).collect()))
    }

    /// Takes a record, unless it was taken before.
    pub(super) fn apply(&mut self, number: RecordNumber, record: &Record) {
        if number.get() <= self.applied {
            return;
        }
        self.applied = number.get();
        match record {
            Record::Ordered(epoch, number, record) => {
                let disk = self.replicas.entry(*epoch).or_default();
                disk.image.apply(*number, record);
                disk.records.push((*number, Arc::clone(record)));
            }
            Record::Handover(epoch, record) => {
                self.handovers.entry(*epoch).or_default().push(Arc::clone(record));
            }
            Record::Ended(epoch) => self.ended = self.ended.max(Some(*epoch)),
            Record::Adopted(configuration) => {
                self.chain.insert(configuration.epoch(), configuration.clone());
                while self.chain.len() > CHAIN_MAX {
                    self.chain.pop_first();
                }
            }
            Record::Begun(epoch, base) => {
                self.replicas.remove(epoch);
                self.begun.insert(*epoch, *base);
            }
            Record::File(name, bytes) => drop(self.files.insert(*name, bytes.clone())),
            Record::Erased(name) => drop(self.files.remove(name)),
            Record::Forgotten(epoch) => {
                self.handovers.remove(epoch);
                self.begun.remove(epoch);
                self.replicas.remove(epoch);
            }
        }
    }

    /// All that is written besides the files of the cabinet: states and logs.
    pub(super) fn written(&self) -> impl Iterator<Item = Vec<u8>> {
        let encoded = |record: &Arc<participant::Record>| match &**record {
            participant::Record::Dealing(published) => quorate_wire::encode(published),
            participant::Record::Certified(header) => quorate_wire::encode(header),
            participant::Record::Share { .. } => Vec::new(),
        };
        let handovers = self.handovers.values().flatten().map(encoded);
        let replicas = self.replicas.values().flat_map(|disk| {
            let state = disk.image.load().map_or_else(Vec::new, |(_, map)| {
                let pairs = map.scan(&[], usize::MAX);
                pairs.iter().flat_map(|(key, value)| [&key[..], &value[..]].concat()).collect()
            });
            let records = disk.records.iter().map(|(_, record)| quorate_wire::encode(&**record));
            records.chain([state]).collect::<Vec<_>>()
        });
        handovers.chain(replicas).collect::<Vec<_>>().into_iter()
    }

    /// The replica of an epoch needs no records below this one; the last stays, so that the
    /// numbers go on behind it.
    fn release(&mut self, epoch: Epoch, below: RecordNumber) {
        if let Some(disk) = self.replicas.get_mut(&epoch) {
            let last = disk.last();
            disk.records.retain(|(number, _)| *number >= below || *number == last);
        }
    }
}

/// The disks of all servers, by node.
pub(super) type Disks = Rc<RefCell<Vec<Disk>>>;

/// Watches records become durable, and keeps the disks.
#[derive(Debug)]
pub(super) struct Storekeeper(pub(super) Disks);

impl Checker<EpochsMachine> for Storekeeper {
    fn id(&self) -> &'static str {
        "STORE"
    }

    fn on_durable(&mut self, at: &At, number: RecordNumber, record: &Record) -> Verdict {
        if let Some(disk) = self.0.borrow_mut().get_mut(at.node.index()) {
            disk.apply(number, record);
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if let Output::Released(epoch, below) = output
            && let Some(disk) = self.0.borrow_mut().get_mut(at.node.index())
        {
            disk.release(*epoch, *below);
        }
        Ok(())
    }
}
