//! What an ordered group says counts only under a lease.

use std::sync::Arc;

use quorate_runtime::Hosted;
use quorate_types::{
    Digest, Duration, Epoch, GroupConfiguration, GroupId, Instant, Now, PublicKey, ReadMode,
    Resilience, Slot, SystemId, UnixTime,
};
use tokio::sync::watch;

use super::{ConfigurationHost, ConfigurationOutput, LeaseEnd, OrderedHost};

fn group() -> GroupConfiguration {
    GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::ZERO,
        members: Vec::new(),
        resilience: Resilience::new(1).expect("a resilience"),
        authority_key: PublicKey::new([3; 32]),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::ZERO,
    }
}

fn at(micros: u64) -> Now {
    Now { instant: Instant::from_micros(micros), wall: UnixTime::from_micros(0) }
}

#[test]
fn an_ordered_group_is_not_heard_without_a_lease() {
    let lease: Arc<LeaseEnd> = Arc::default();
    let ordered = OrderedHost {
        group: Arc::new(group()),
        lease: Arc::clone(&lease),
        waiting: Arc::default(),
    };
    assert!(!ordered.may_hear(at(0)), "there is no lease yet");

    let until = Instant::ZERO.after(Duration::from_micros(10));
    lease.set(Epoch::new(1), until);
    assert!(!ordered.may_hear(at(9)), "a lease for another epoch is none for this group");
    lease.set(Epoch::ZERO, until);
    assert!(ordered.may_hear(at(9)));
    assert!(!ordered.may_hear(at(10)), "the lease is over, whether its alarm has gone off or not");

    let (known, fresh) = (watch::channel(None).0, watch::channel(true).0);
    let mut configuration = ConfigurationHost { lease, ..ConfigurationHost::alone(known, fresh) };
    let loss = quorate_membership::Loss::LaterEpoch;
    let lost = ConfigurationOutput::LeaseLost { epoch: Epoch::ZERO, loss };
    configuration.on_output(lost, &mut Vec::new());
    assert!(!ordered.may_hear(at(9)), "a later epoch has begun");
}
