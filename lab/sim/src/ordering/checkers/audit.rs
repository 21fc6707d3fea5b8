//! C3: every certificate that a good replica keeps or gets is verified again, naively and by other
//! code than the engine's: each signature by itself, each signer counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quorate_bft::message::{
    AckVector, Base, CheckpointCertificate, CommitCertificate, HashedCut, NewLeaderProof, NewView,
    Prepared, ViewChange,
};
use quorate_bft::{Message, Record};
use quorate_crypto::{Certificate, Domain, SignatureCheck, Verifier, hash};
use quorate_machine::{Input, RecordNumber};
use quorate_types::{Digest, GroupConfiguration, ReplicaId, Signature};
use quorate_wire::{Encode, Writer};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::{FastMap, mixed};
use crate::node::Node;
use crate::ordering::knowledge::Shared;
use crate::ordering::{OrderingMachine, Replicated};

/// Verifies again.
pub(in crate::ordering) struct Audit {
    group: Arc<GroupConfiguration>,
    verifier: Arc<dyn Verifier>,
    knowledge: Shared,
    /// Fingerprints of certificates that were found good.
    good: FastMap<u64, ()>,
    /// By replica and view: the decided slot from which the view starts there, its cut, and what is
    /// fixed behind it. A bad leader may start a view in two ways; each replica goes on in one.
    fixed: BTreeMap<(Node, u64), (u64, Digest, Vec<Digest>)>,
    /// Cuts whose rows were found good.
    cuts: FastMap<Digest, ()>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Audit of {} certificates", self.good.len())
    }
}

type Found = Result<(), String>;

fn words(bytes: &[u8]) -> u64 {
    let words = bytes
        .chunks(8)
        .map(|chunk| chunk.iter().fold(0, |word, &byte| (word << 8) | u64::from(byte)));
    words.fold(0, mixed)
}

impl Audit {
    pub(in crate::ordering) fn new(
        group: Arc<GroupConfiguration>,
        verifier: Arc<dyn Verifier>,
        knowledge: Shared,
    ) -> Self {
        let (good, cuts) = (FastMap::default(), FastMap::default());
        Self { group, verifier, knowledge, good, fixed: BTreeMap::new(), cuts }
    }

    fn quorum(&self) -> usize {
        2 * (self.group.members.len() - 1) / 3 + 1
    }

    /// One of these is good, so a state that they all signed is right (settled points 11).
    fn vouched(&self) -> usize {
        (self.group.members.len() - 1) / 3 + 1
    }

    /// What a member signs: system, group, epoch and the words.
    fn said(&self, domain: Domain, content: impl FnOnce(&mut Writer)) -> Digest {
        let mut writer = Writer::default();
        self.group.system.encode(&mut writer);
        self.group.group.encode(&mut writer);
        self.group.epoch.encode(&mut writer);
        content(&mut writer);
        hash(domain, writer.as_bytes())
    }

    fn has_signed(&self, from: ReplicaId, digest: Digest, signature: Signature) -> bool {
        let member = self.group.members.get(from.index());
        member.is_some_and(|member| {
            self.verifier.is_valid(&SignatureCheck { key: member.key, digest, signature })
        })
    }

    fn signed(
        &mut self,
        (what, needed): (&str, usize),
        digest: Digest,
        certificate: &Certificate,
    ) -> Found {
        let signed: Vec<(ReplicaId, Signature)> = certificate.signatures().collect();
        let mut fingerprint = mixed(needed as u64, words(digest.as_bytes()));
        for (from, signature) in &signed {
            fingerprint = mixed(fingerprint, u64::from(from.get()));
            fingerprint = mixed(fingerprint, words(signature.as_bytes()));
        }
        if self.good.contains_key(&fingerprint) {
            return Ok(());
        }
        let is_good = |&&(from, signature): &&(ReplicaId, Signature)| {
            self.has_signed(from, digest, signature)
        };
        let signers: BTreeSet<ReplicaId> =
            signed.iter().filter(is_good).map(|(from, _)| *from).collect();
        if signers.len() < needed || signers.len() < certificate.signers().len() {
            return Err(format!("{what}: {} good signers of {}", signers.len(), signed.len()));
        }
        self.good.insert(fingerprint, ());
        Ok(())
    }

    fn vote(&self, domain: Domain, (view, slot, digest): (u64, u64, Digest)) -> Digest {
        self.said(domain, |writer| {
            view.encode(writer);
            slot.encode(writer);
            digest.encode(writer);
        })
    }

    fn committed(&mut self, of: &CommitCertificate) -> Found {
        let digest = self.vote(Domain::Commit, (of.view.get(), of.slot.get(), of.digest));
        self.signed(("commits", self.quorum()), digest, &of.certificate)
    }

    fn prepared(&mut self, of: &Prepared) -> Found {
        let certificate = &of.certificate;
        if certificate.slot != of.cut.slot || certificate.digest != of.cut.digest() {
            return Err("prepares of another cut".to_owned());
        }
        let place = (certificate.view.get(), certificate.slot.get(), certificate.digest);
        let digest = self.vote(Domain::Prepare, place);
        self.signed(("prepares", self.quorum()), digest, &certificate.certificate)
    }

    fn state(&mut self, of: &CheckpointCertificate, needed: usize) -> Found {
        let statement = &of.statement;
        let digest = self.said(Domain::Checkpoint, |writer| {
            statement.slot.encode(writer);
            statement.cut.encode(writer);
            statement.time.encode(writer);
            statement.root.encode(writer);
            statement.is_last.encode(writer);
        });
        self.signed(("states", needed), digest, &of.certificate)
    }

    fn base(&mut self, of: &Base) -> Found {
        match of {
            Base::Start => Ok(()),
            Base::Committed { cut, certificate } => {
                if certificate.digest != cut.digest() || certificate.slot != cut.slot {
                    return Err("commits of another cut".to_owned());
                }
                self.committed(certificate)
            }
            Base::Checkpoint { cut, certificate } => {
                if certificate.statement.cut != cut.digest() {
                    return Err("a state of another cut".to_owned());
                }
                self.state(certificate, self.vouched())
            }
        }
    }

    fn change(&mut self, of: &ViewChange) -> Found {
        self.base(&of.base)?;
        of.prepared.iter().try_for_each(|prepared| self.prepared(prepared))
    }

    fn start(&mut self, of: &NewView) -> Found {
        let of_view = of.changes.iter().filter(|change| change.view == of.view);
        let senders: BTreeSet<ReplicaId> = of_view.map(|change| change.from).collect();
        if senders.len() < self.quorum() {
            return Err(format!("a view starts with {} view changes", senders.len()));
        }
        of.changes.iter().try_for_each(|change| self.change(change))
    }

    /// What the start of a view fixes: from the highest decided slot on, of the prepared cuts that
    /// follow what was fixed before the one of the highest view (settled points 3). It stays so: a
    /// replica takes one start of a view.
    fn fix(&mut self, node: Node, of: &NewView) -> Found {
        let origin = (self.group.base_slot.get(), self.group.base_digest);
        let decided = |change: &Arc<ViewChange>| match &change.base {
            Base::Start => origin,
            Base::Committed { cut, .. } | Base::Checkpoint { cut, .. } => {
                (cut.slot.get(), cut.digest())
            }
        };
        let (base, decided) = of.changes.iter().map(decided).max().unwrap_or(origin);
        let (mut last, mut fixed) = (decided, Vec::new());
        loop {
            let slot = base + 1 + fixed.len() as u64;
            let mut best: Option<&Prepared> = None;
            for prepared in of.changes.iter().flat_map(|change| &change.prepared) {
                let follows = prepared.cut.slot.get() == slot && prepared.cut.parent == last;
                let view = best.map(|best| best.certificate.view);
                if follows && view.is_none_or(|view| prepared.certificate.view > view) {
                    best = Some(prepared);
                }
            }
            let Some(best) = best else { break };
            last = best.cut.digest();
            fixed.push(last);
        }
        let start = (base, decided, fixed);
        let before = self.fixed.insert((node, of.view.get()), start.clone());
        match before.filter(|before| *before != start) {
            Some(before) => {
                Err(format!("a start of view {:?} with {start:?} after {before:?}", of.view))
            }
            None => Ok(()),
        }
    }

    /// A cut that is accepted in a view is not another than the one which its start fixed for the
    /// replica, and the first behind those follows them; or what these commits decided in the same
    /// view, if the others were told of another start. Where the start fixed nothing, what comes
    /// before is decided already, and no commits decide another.
    fn is_fixed(
        &self,
        (node, view): (Node, u64),
        cut: &HashedCut,
        commits: Option<&CommitCertificate>,
    ) -> Found {
        let Some((base, decided, fixed)) = self.fixed.get(&(node, view)) else { return Ok(()) };
        let Some(index) = cut.slot.get().checked_sub(base + 1) else { return Ok(()) };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let what = || format!("cut {:?} in slot {:?} of view {view}", cut.digest(), cut.slot);
        let chosen = fixed.get(index);
        if chosen.is_some_and(|chosen| *chosen != cut.digest()) {
            return Err(format!("{}, which starts with {chosen:?} there", what()));
        }
        let last = fixed.last().unwrap_or(decided);
        let before = (view, index as u64 + base, cut.parent);
        let is_decided = |commits: &CommitCertificate| {
            (commits.view.get(), commits.slot.get(), commits.digest) == before
        };
        let is_of_others = !fixed.is_empty() && commits.is_some_and(is_decided);
        let follows = cut.parent == *last || is_of_others;
        if index == fixed.len() && !follows {
            return Err(format!("{}, where {last:?} comes before it", what()));
        }
        Ok(())
    }

    fn wishes(&mut self, of: &NewLeaderProof) -> Found {
        let digest = self.said(Domain::NewLeader, |writer| of.view.encode(writer));
        self.signed(("wishes", self.quorum()), digest, &of.certificate)
    }

    /// Each tip that moves is in the signed rows of a quorum.
    fn rows(&mut self, cut: &HashedCut) -> Found {
        if self.cuts.contains_key(&cut.digest()) {
            return Ok(());
        }
        let parent = self.knowledge.borrow().frontiers.get(&cut.parent).cloned();
        let Some(parent) = parent else { return Ok(()) };
        for (lane, (tip, before)) in cut.tips.iter().zip(&parent).enumerate() {
            if tip == before {
                continue;
            }
            let proves = |row: &&Arc<AckVector>| {
                row.tips.get(lane).is_some_and(|claim| claim.seq >= tip.seq) && self.is_signed(row)
            };
            let holders: BTreeSet<ReplicaId> =
                cut.rows.iter().filter(proves).map(|row| row.from).collect();
            if tip.seq <= before.seq || holders.len() < self.quorum() {
                let what = format!("lane {lane} goes from {before:?} to {tip:?}");
                return Err(format!("{what} with {} rows", holders.len()));
            }
        }
        self.cuts.insert(cut.digest(), ());
        Ok(())
    }

    fn is_signed(&self, row: &AckVector) -> bool {
        let digest = self.said(Domain::AckVector, |writer| {
            row.from.encode(writer);
            row.clock.encode(writer);
            writer.sequence(&row.tips);
        });
        self.has_signed(row.from, digest, row.signature)
    }

    fn record(&mut self, node: Node, record: &Record) -> Found {
        match record {
            Record::Batch(_) => Ok(()),
            Record::Accepted { view, cut, parent, .. } => {
                parent.as_ref().map_or(Ok(()), |certificate| self.committed(certificate))?;
                self.is_fixed((node, view.get()), cut, parent.as_ref())?;
                self.rows(cut)
            }
            Record::Prepared { certificate, cut } => {
                let (cut, certificate) = (cut.clone(), certificate.clone());
                self.prepared(&Prepared { cut, certificate })
            }
            Record::ViewChange(change) => self.change(change),
            Record::NewView(start) => {
                self.start(start)?;
                self.fix(node, start)
            }
            Record::Checkpoint { proof, .. } => self.base(proof),
            Record::Installed { certificate, .. } => self.state(certificate, self.vouched()),
            Record::Stable(certificate) => self.state(certificate, self.quorum()),
            Record::Inherited { .. } => Ok(()),
        }
    }

    fn message(&mut self, message: &Message) -> Found {
        match message {
            Message::Slots(slots) => self.committed(&slots.certificate),
            Message::ViewChange(change) => self.change(change),
            Message::NewView(start) => self.start(start),
            Message::NewLeaderProof(proof) => self.wishes(proof),
            Message::StateChunk(chunk) => self.state(&chunk.certificate, self.vouched()),
            Message::Ended(certificate) => self.state(certificate, self.quorum()),
            _ => Ok(()),
        }
    }
}

fn broken(at: &At, how: &str, found: Found) -> Verdict {
    found.map_err(|what| Broken::new("C3", format!("{:?} {how} {what}", at.node)))
}

impl<S: Replicated> Checker<OrderingMachine<S>> for Audit {
    fn id(&self) -> &'static str {
        "C3"
    }

    fn on_input(&mut self, at: &At, input: &Input<OrderingMachine<S>>) -> Verdict {
        match input {
            Input::Deliver { message, .. } if at.is_good() => {
                let found = self.message(message);
                broken(at, "believes", found)
            }
            Input::Start | Input::Deliver { .. } | Input::Expired(_) | Input::Request(_) => Ok(()),
        }
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Arc<Record>) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        let found = self.record(at.node, record);
        broken(at, "keeps", found)
    }
}

#[cfg(test)]
mod tests;
