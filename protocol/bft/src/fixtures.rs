//! What the unit tests share: a group of four with keys, batches, vectors and cuts.

use alloc::sync::Arc;
use std::vec;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, GroupMember, NodeId, ReadMode, ReplicaId,
    RequestId, Resilience, Slot, SystemId, UnixTime,
};

use crate::message::{
    AckVector, Batch, Bundle, BundleBody, Contents, Cut, HashedCut, Operation, SessionId, Tip,
};

pub(crate) struct Fixture {
    pub(crate) group: GroupConfiguration,
    pub(crate) signers: Vec<IdealSigner>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let registry = IdealRegistry::new([7; 32]);
        let signers: Vec<_> = (0..4).map(|index| registry.signer(&[index; 32])).collect();
        let member = |(index, signer): (u8, &IdealSigner)| GroupMember {
            node: NodeId::new([index; 32]),
            key: signer.public_key(),
        };
        let group = GroupConfiguration {
            system: SystemId::new([1; 32]),
            group: GroupId::new([2; 32]),
            epoch: Epoch::ZERO,
            members: (0..).zip(&signers).map(member).collect(),
            resilience: Resilience::new(1).expect("four"),
            authority_key: registry.signer(&[250; 32]).public_key(),
            read_mode: ReadMode::Ordered,
            base_slot: Slot::ZERO,
            base_digest: Digest::new([3; 32]),
        };
        Self { group, signers }
    }

    pub(crate) fn origin(&self) -> HashedCut {
        HashedCut::origin(&self.group)
    }

    /// The batch behind a tip of a lane; different content, different batch.
    pub(crate) fn batch(&self, lane: u16, tip: Tip, content: &str) -> Arc<Batch> {
        let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 0 };
        let operation = Operation { id: RequestId::new(1), payload: content.into() };
        let (ack_upto, operations) = (RequestId::ZERO, vec![operation]);
        let body = BundleBody::Invoke { session, ack_upto, operations };
        let bundle = Bundle::sign((self.group.system, self.group.group), body, &self.signers[0]);
        let place = (ReplicaId::new(lane), tip.seq.next(), tip.digest);
        let signer = &self.signers[usize::from(lane)];
        Arc::new(Batch::sign(
            &self.group,
            place,
            Contents::of_clients(vec![Arc::new(bundle)]),
            signer,
        ))
    }

    /// So many batches of a lane behind a tip.
    pub(crate) fn chain(
        &self,
        lane: u16,
        tip: Tip,
        (count, content): (usize, &str),
    ) -> Vec<Arc<Batch>> {
        let mut batches: Vec<Arc<Batch>> = Vec::new();
        for _ in 0..count {
            let last = batches.last().map_or(tip, |batch| tip_of(batch));
            batches.push(self.batch(lane, last, content));
        }
        batches
    }

    /// A vector that says of one lane that it is held up to this tip, and of the others nothing.
    pub(crate) fn row(&self, from: u16, lane: u16, tip: Tip) -> Arc<AckVector> {
        self.row_at(from, (lane, tip), UnixTime::from_micros(1_000))
    }

    pub(crate) fn row_at(
        &self,
        from: u16,
        (lane, tip): (u16, Tip),
        clock: UnixTime,
    ) -> Arc<AckVector> {
        let mut tips = self.origin().frontier();
        tips[usize::from(lane)] = tip;
        let signer = &self.signers[usize::from(from)];
        Arc::new(AckVector::sign(&self.group, (ReplicaId::new(from), clock), tips, signer))
    }

    /// A cut that extends a lane by these batches, with these rows.
    pub(crate) fn cut(
        &self,
        parent: &HashedCut,
        (lane, batches): (u16, &[Arc<Batch>]),
        rows: Vec<Arc<AckVector>>,
    ) -> Cut {
        let mut tips = parent.frontier();
        let mut links = vec![Vec::new(); tips.len()];
        if let Some(last) = batches.last() {
            tips[usize::from(lane)] = tip_of(last);
        }
        links[usize::from(lane)] = batches.iter().map(|it| it.header.header.body).collect();
        let (slot, parent) = (parent.slot.next(), parent.digest());
        Cut { epoch: self.group.epoch, slot, parent, tips, links, rows, inline: None }
    }
}

pub(crate) fn tip_of(batch: &Batch) -> Tip {
    Tip { seq: batch.header.header.seq, digest: batch.digest() }
}
