//! C7: one decided history and one hand-over per epoch, one configuration that follows from it, and
//! a chain of them that never forks and never goes back, without servers that a flood of bad
//! certificates has brought in; all under the one key (G4).
//!
//! What the log of an epoch decides is read from the news of the replicas, what a server works
//! with from its durable records, what a client believes from its words. The signature is checked
//! here again, by the scheme itself.

use std::collections::BTreeMap;

use quorate_bft::Output as OrderedOutput;
use quorate_machine::RecordNumber;
use quorate_membership::{ClientOutput, VerifiedConfiguration};
use quorate_threshold::{Bls12381, PublicKey};
use quorate_types::{Digest, Epoch, Slot};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::epochs::seat::is_nobody;
use crate::epochs::{EpochsMachine, Output, Record, decided};
use crate::node::Node;

const ID: &str = "C7";

/// Compares what good nodes decide and adopt with what the first one did.
#[derive(Debug)]
pub(in crate::epochs) struct History {
    system_key: PublicKey,
    /// By epoch: the hash of its header, and of the one before.
    chain: BTreeMap<Epoch, (Digest, Digest)>,
    /// By the epoch that ends: the hash of the next header, as its log decided it.
    decisions: BTreeMap<Epoch, Digest>,
    /// By epoch and slot: the digest of the cut.
    slots: BTreeMap<(Epoch, Slot), Digest>,
    /// By epoch: the last slot, as a quorum signed it.
    ends: BTreeMap<Epoch, (Slot, Digest)>,
    /// The newest epoch of each node, over all its lives.
    newest: BTreeMap<Node, Epoch>,
}

impl History {
    pub(in crate::epochs) fn new(system_key: PublicKey, first: &VerifiedConfiguration) -> Self {
        let hash = first.hash();
        Self {
            system_key,
            chain: BTreeMap::from([(first.epoch(), (hash, Digest::ZERO))]),
            decisions: BTreeMap::new(),
            slots: BTreeMap::new(),
            ends: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }

    fn adopted(&mut self, at: &At, configuration: &VerifiedConfiguration) -> Verdict {
        let (epoch, hash) = (configuration.epoch(), configuration.hash());
        if let Some((known, _)) = self.chain.get(&epoch) {
            if *known == hash {
                return Ok(());
            }
            return broken(at, &format!("has a second configuration of epoch {epoch}"));
        }
        let certified = configuration.to_certified();
        let header = &certified.certified;
        if header.verify(&self.system_key, &Bls12381).is_err() || header.header.hash() != hash {
            return broken(at, &format!("has a configuration of epoch {epoch} that nobody signed"));
        }
        let leaves = certified.members.iter().map(quorate_wire::encode);
        let leaves: Vec<_> = leaves.map(|it| quorate_crypto::merkle::leaf(&it)).collect();
        if quorate_crypto::merkle::root(&leaves) != header.header.member_root {
            return broken(at, &format!("has members in epoch {epoch} that were not signed"));
        }
        if certified.members.iter().any(|member| is_nobody(&member.identity_key)) {
            return broken(at, &format!("has a server in epoch {epoch} that nobody let in"));
        }
        self.chain.insert(epoch, (hash, header.header.lineage.previous));
        self.follows(at, epoch)?;
        self.follows(at, epoch.next())
    }

    /// Does the configuration of an epoch follow the one before, as far as both are known, and is
    /// it what the log has decided?
    fn follows(&self, at: &At, epoch: Epoch) -> Verdict {
        let Some((hash, previous)) = self.chain.get(&epoch) else { return Ok(()) };
        let Some(former) = epoch.get().checked_sub(1).map(Epoch::new) else { return Ok(()) };
        if self.chain.get(&former).is_some_and(|(before, _)| before != previous) {
            return broken(at, &format!("has a configuration of epoch {epoch} that follows none"));
        }
        if self.decisions.get(&former).is_some_and(|decided| decided != hash) {
            return broken(at, &format!("has epoch {epoch} otherwise than its log decided"));
        }
        Ok(())
    }

    fn ordered(&mut self, at: &At, epoch: Epoch, output: &OrderedOutput) -> Verdict {
        if let OrderedOutput::Executed { slot, cut, .. } = output {
            let first = *self.slots.entry((epoch, *slot)).or_insert(*cut);
            if first != *cut {
                return broken(at, &format!("executed slot {slot} of epoch {epoch} otherwise"));
            }
            if let Some((last, _)) = self.ends.get(&epoch)
                && slot > last
            {
                return broken(at, &format!("executed slot {slot} behind the end of {epoch}"));
            }
        }
        if let OrderedOutput::Ended(certificate) = output {
            let end = (certificate.statement.slot, certificate.statement.root);
            let first = *self.ends.entry(epoch).or_insert(end);
            if first != end {
                return broken(at, &format!("has another end of epoch {epoch}"));
            }
        }
        Ok(())
    }
}

fn broken(at: &At, what: &str) -> Verdict {
    Err(Broken::new(ID, format!("{:?} {what}", at.node)))
}

impl Checker<EpochsMachine> for History {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let Record::Adopted(configuration) = record else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        let epoch = configuration.epoch();
        let newest = self.newest.entry(at.node).or_insert(Epoch::ZERO);
        if epoch <= *newest {
            let what = format!("adopted epoch {epoch} behind {newest}");
            return broken(at, &what);
        }
        *newest = epoch;
        self.adopted(at, configuration)
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        match output {
            Output::Ordered(epoch, output) => self.ordered(at, *epoch, output),
            Output::News(news) => {
                let Some(decided) = decided(news) else { return Ok(()) };
                let hash = decided.header.hash();
                let first = *self.decisions.entry(news.epoch).or_insert(hash);
                if first != hash {
                    return broken(at, &format!("sees another end of epoch {}", news.epoch));
                }
                self.follows(at, news.epoch.next())
            }
            Output::Client(told) => match &**told {
                ClientOutput::Configuration(configuration)
                | ClientOutput::Lease { configuration, .. } => self.adopted(at, configuration),
                ClientOutput::LeaseLost { .. } => Ok(()),
            },
            Output::Released(..) | Output::Cheated(..) | Output::Vouches(_) => Ok(()),
        }
    }
}
