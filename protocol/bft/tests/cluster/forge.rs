//! What a villain with keys can make: signed messages of any content.

use std::sync::Arc;

use quorate_bft::message::{
    Accusation, AckVector, Base, Batch, Bundle, BundleBody, Checkpoint, CheckpointCertificate,
    CheckpointStatement, CommitCertificate, Contents, Cut, HashedCut, Message, NewView, Operation,
    Phase, PrePrepare, PrepareCertificate, Prepared, SessionId, SignedProposal, Tip, ViewChange,
    Vote, lane_origin,
};
use quorate_crypto::{Certificate, Signer};
use quorate_types::{
    Digest, Epoch, LaneSeq, ReplicaId, RequestId, Signature, Slot, UnixTime, View,
};

use crate::support::{Cluster, seed};

pub(crate) const ORIGIN: UnixTime = UnixTime::from_micros(1_700_000_000_000_000);

impl Cluster {
    pub(crate) fn signer(&self, index: u16) -> &dyn Signer {
        &*self.signers[usize::from(index)]
    }

    /// A bundle of a client that opened no session.
    pub(crate) fn bundle(&self, client: u8, id: u64, payload: &str) -> Arc<Bundle> {
        let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 0 };
        self.bundle_in(client, session, (id, payload))
    }

    pub(crate) fn bundle_in(
        &self,
        client: u8,
        session: SessionId,
        (id, payload): (u64, &str),
    ) -> Arc<Bundle> {
        let operation = Operation { id: RequestId::new(id), payload: payload.into() };
        let (ack_upto, operations) = (RequestId::ZERO, vec![operation]);
        let body = BundleBody::Invoke { session, ack_upto, operations };
        let signer = self.registry.signer(&seed(client));
        Arc::new(Bundle::sign((self.group.system, self.group.group), body, &signer))
    }

    pub(crate) fn origin_tip(&self, lane: u16) -> Tip {
        let digest = lane_origin(self.group.epoch, ReplicaId::new(lane));
        Tip { seq: LaneSeq::ZERO, digest }
    }

    pub(crate) fn origin_tips(&self) -> Vec<Tip> {
        (0..u16::try_from(self.signers.len()).expect("few")).map(|i| self.origin_tip(i)).collect()
    }

    pub(crate) fn origin_cut(&self) -> HashedCut {
        HashedCut::origin(&self.group)
    }

    /// The batch behind a tip of a lane, of one invented request.
    pub(crate) fn batch(&self, lane: u16, tip: Tip, payload: &str) -> Arc<Batch> {
        let bundles = vec![self.bundle(240, tip.seq.get() + 1, payload)];
        let place = (ReplicaId::new(lane), tip.seq.next(), tip.digest);
        Arc::new(Batch::sign(&self.group, place, Contents::of_clients(bundles), self.signer(lane)))
    }

    pub(crate) fn vector(&self, from: u16, tips: &[Tip]) -> Arc<AckVector> {
        self.vector_at(from, tips, ORIGIN)
    }

    pub(crate) fn vector_at(&self, from: u16, tips: &[Tip], clock: UnixTime) -> Arc<AckVector> {
        let speaker = (ReplicaId::new(from), clock);
        Arc::new(AckVector::sign(&self.group, speaker, tips.to_vec(), self.signer(from)))
    }

    /// A cut that orders one more batch of a lane, proven by everybody but replica 0.
    pub(crate) fn cut_with(&self, parent: &HashedCut, batch: &Batch) -> HashedCut {
        let header = &batch.header.header;
        let mut tips = parent.frontier();
        tips[header.lane.index()] = tip_of(batch);
        let rows = (1..self.group.members.len())
            .map(|from| self.vector(u16::try_from(from).expect("few"), &tips));
        let mut links = vec![Vec::new(); tips.len()];
        links[header.lane.index()] = vec![header.body];
        HashedCut::new(Cut {
            epoch: self.group.epoch,
            slot: parent.slot.next(),
            parent: parent.digest(),
            rows: rows.collect(),
            links,
            tips,
            inline: None,
        })
    }

    /// A cut that orders one batch inside it.
    pub(crate) fn cut_inline(&self, parent: &HashedCut, batch: &Batch) -> HashedCut {
        let tips = parent.frontier();
        HashedCut::new(Cut {
            epoch: self.group.epoch,
            slot: parent.slot.next(),
            parent: parent.digest(),
            links: vec![Vec::new(); tips.len()],
            rows: Vec::new(),
            tips,
            inline: Some(batch.header),
        })
    }

    pub(crate) fn signed(&self, view: u64, cut: &HashedCut) -> SignedProposal {
        let leader = self.group.resilience.leader(View::new(view));
        SignedProposal::sign(&self.group, (View::new(view), cut), self.signer(leader.get()))
    }

    pub(crate) fn proposal(
        &self,
        view: u64,
        cut: &HashedCut,
        inline: Option<Arc<Batch>>,
    ) -> Message {
        let proposal = self.signed(view, cut);
        Message::PrePrepare(Arc::new(PrePrepare { proposal, cut: cut.clone(), inline }))
    }

    pub(crate) fn accusation(&self, view: u64, slot: u64) -> Message {
        let sign = |byte| {
            let (slot, parent) = (Slot::new(slot), Digest::new([byte; 32]));
            let cut = Cut { slot, parent, ..Cut::origin(&self.group) };
            self.signed(view, &HashedCut::new(cut))
        };
        Message::Accusation(Arc::new(Accusation { first: sign(1), second: sign(2) }))
    }

    pub(crate) fn vote(&self, phase: Phase, from: u16, (view, cut): (u64, &HashedCut)) -> Vote {
        let choice = (View::new(view), cut.slot, cut.digest());
        let voter = (ReplicaId::new(from), self.signer(from));
        Vote::sign((phase, &self.group), choice, voter)
    }

    pub(crate) fn votes(
        &self,
        phase: Phase,
        from: &[u16],
        choice: (u64, &HashedCut),
    ) -> Certificate {
        let votes = from.iter().map(|&from| self.vote(phase, from, choice));
        Certificate::new(votes.map(|vote| (vote.from, vote.signature)))
    }

    pub(crate) fn prepared(&self, from: &[u16], (view, cut): (u64, &HashedCut)) -> Prepared {
        let certificate = PrepareCertificate {
            view: View::new(view),
            slot: cut.slot,
            digest: cut.digest(),
            certificate: self.votes(Phase::Prepare, from, (view, cut)),
        };
        Prepared { cut: cut.clone(), certificate }
    }

    pub(crate) fn committed(
        &self,
        from: &[u16],
        (view, cut): (u64, &HashedCut),
    ) -> CommitCertificate {
        CommitCertificate {
            view: View::new(view),
            slot: cut.slot,
            digest: cut.digest(),
            certificate: self.votes(Phase::Commit, from, (view, cut)),
        }
    }

    pub(crate) fn change(
        &self,
        from: u16,
        view: u64,
        (base, prepared): (Base, Vec<Prepared>),
    ) -> Arc<ViewChange> {
        let (view, from, signature) =
            (View::new(view), ReplicaId::new(from), Signature::new([0; 64]));
        let unsigned = ViewChange { view, base, prepared, from, signature };
        Arc::new(ViewChange::sign(&self.group, unsigned, self.signer(from.get())))
    }

    pub(crate) fn new_view(&self, view: u64, changes: Vec<Arc<ViewChange>>) -> Message {
        let leader = self.group.resilience.leader(View::new(view));
        let signer = self.signer(leader.get());
        Message::NewView(Arc::new(NewView::sign(&self.group, View::new(view), changes, signer)))
    }

    pub(crate) fn checkpoint(&self, from: &[u16], cut: &HashedCut) -> CheckpointCertificate {
        self.certified(from, (cut, false))
    }

    /// These members say that the epoch ended with this cut.
    pub(crate) fn end(&self, from: &[u16], cut: &HashedCut) -> CheckpointCertificate {
        self.certified(from, (cut, true))
    }

    fn certified(&self, from: &[u16], (cut, is_last): (&HashedCut, bool)) -> CheckpointCertificate {
        let statement = CheckpointStatement {
            slot: cut.slot,
            cut: cut.digest(),
            time: ORIGIN,
            root: Digest::new([9; 32]),
            is_last,
        };
        let said = from.iter().map(|&from| {
            Checkpoint::sign(&self.group, statement, (ReplicaId::new(from), self.signer(from)))
        });
        let certificate = Certificate::new(said.map(|one| (one.from, one.signature)));
        CheckpointCertificate { statement, certificate }
    }
}

pub(crate) fn tip_of(batch: &Batch) -> Tip {
    Tip { seq: batch.header.header.seq, digest: batch.digest() }
}
