//! Villains are found by their names, and what they forge is refused.

use std::sync::Arc;

use quorate_bft::Message;
use quorate_bft::message::{NewLeader, NewLeaderProof};
use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{Certificate, Domain, Signer, hash_of, verify};
use quorate_history::Prng;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, GroupMember, Instant, NodeId, Now, ReadMode,
    ReplicaId, Resilience, Slot, SystemId, UnixTime, View,
};

use super::{CLIENT_VILLAINS, Context, Deeds, Holdings, REPLICA_VILLAINS, Seat, villain};

pub(super) struct Group {
    registry: IdealRegistry,
    pub(super) configuration: GroupConfiguration,
    pub(super) signers: Vec<Arc<dyn Signer>>,
}

pub(super) fn group() -> Group {
    let registry = IdealRegistry::new([1; 32]);
    let signer = |index: u64| -> Arc<dyn Signer> {
        Arc::new(registry.signer(hash_of(Domain::Derivation, &index).as_bytes()))
    };
    let signers: Vec<_> = (0..4).map(signer).collect();
    let member = |signer: &Arc<dyn Signer>| GroupMember {
        node: NodeId::new(*signer.public_key().as_bytes()),
        key: signer.public_key(),
    };
    let configuration = GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::ZERO,
        members: signers.iter().map(member).collect(),
        resilience: Resilience::new(1).unwrap(),
        authority_key: signer(9).public_key(),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::ZERO,
    };
    Group { registry, configuration, signers }
}

fn proof(group: &Group, view: u64) -> Message {
    let view = View::new(view);
    let wish = |index: u16| {
        let seat = (ReplicaId::new(index), &*group.signers[usize::from(index)]);
        NewLeader::sign(&group.configuration, view, seat)
    };
    let wishes = (0..3).map(|index| (ReplicaId::new(index), wish(index).signature));
    Message::NewLeaderProof(NewLeaderProof { view, certificate: Certificate::new(wishes) })
}

#[test]
fn every_villain_has_the_name_under_which_it_is_found() {
    for name in REPLICA_VILLAINS.iter().chain(CLIENT_VILLAINS) {
        let found = villain(name, &mut Prng::from_seed(7)).unwrap();
        assert_eq!(found.name(), *name);
    }
    assert!(villain("saint", &mut Prng::from_seed(7)).is_none());
}

#[test]
fn what_a_forger_makes_of_a_good_certificate_is_refused() {
    let group = group();
    let good = proof(&group, 5);
    assert!(verify(good.clone(), &group.configuration, &group.registry).is_ok());
    for name in ["forger", "misplacer"] {
        let mut prng = Prng::from_seed(3);
        let mut liar = villain(name, &mut prng).unwrap();
        let seat = Seat::Replica(ReplicaId::new(3));
        let configuration = Arc::new(group.configuration.clone());
        let mut holdings = Holdings::new(seat, configuration, Arc::clone(&group.signers[3]));
        let now = Now { instant: Instant::ZERO, wall: UnixTime::ZERO };
        let mut context = Context { holdings: &mut holdings, now, prng: &mut prng };
        let first = context.others()[0];
        let mut deeds = Deeds::default();
        liar.on_receive(&mut context, first, &good, &mut deeds);
        (0..200).for_each(|_| liar.on_alarm(&mut context, &mut deeds));
        assert!(deeds.sendings.len() > 20, "{name} acts");
        for sending in deeds.sendings {
            let message = (*sending.message).clone();
            assert!(verify(message, &group.configuration, &group.registry).is_err(), "{name}");
        }
    }
}
