//! What costs most is done once, however many messages come meanwhile.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quorate_threshold::{
    Bls12381, Domain, GroupKey, KeyShare, PartialSignature, ShareIndex, ThresholdScheme,
};

use super::assert_handed_over;
use super::network::Network;

/// The real scheme, which counts the partial signatures that are made, and how they are checked.
#[derive(Default)]
struct Counting {
    partials: AtomicUsize,
    checked_together: AtomicUsize,
    checked_alone: AtomicUsize,
}

impl ThresholdScheme for Counting {
    fn sign_partial(&self, share: &KeyShare, domain: Domain, message: &[u8]) -> PartialSignature {
        self.partials.fetch_add(1, Ordering::Relaxed);
        Bls12381.sign_partial(share, domain, message)
    }

    fn wrong_partials(
        &self,
        group: &GroupKey,
        domain: Domain,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> BTreeSet<ShareIndex> {
        let is_alone = partials.len() == 1;
        let count = if is_alone { &self.checked_alone } else { &self.checked_together };
        count.fetch_add(1, Ordering::Relaxed);
        Bls12381.wrong_partials(group, domain, message, partials)
    }
}

/// An epoch that ends where nothing is lost, with the counts.
fn counted() -> (Network, Arc<Counting>) {
    let mut network = Network::new(12, 2, 3);
    let counting = Arc::new(Counting::default());
    for node in network.nodes.values_mut() {
        let counting = Arc::clone(&counting);
        node.handover.setup.schemes.threshold = counting;
    }
    network.run();
    assert_handed_over(&network);
    (network, counting)
}

#[test]
fn a_member_signs_the_beacon_and_the_header_once_and_a_recipient_its_share() {
    let (network, counting) = counted();
    let (members, recipients) = (network.members().len(), network.shares().len());
    let partials = counting.partials.load(Ordering::Relaxed);
    assert!(partials <= 2 * members + recipients, "{partials} were made");
}

#[test]
fn a_member_checks_the_first_quorum_of_completions_together() {
    let (network, counting) = counted();
    let resilience = network.world.first.configuration().membership;
    let late = network.shares().len() - resilience.quorum();
    let together = counting.checked_together.load(Ordering::Relaxed);
    let alone = counting.checked_alone.load(Ordering::Relaxed);
    assert!(together > 0 && alone <= late * together, "{together} together, {alone} alone");
}
