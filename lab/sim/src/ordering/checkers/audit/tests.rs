//! What may stand behind the cuts that the start of a view fixed.

use std::sync::Arc;

use quorate_bft::message::{CommitCertificate, Cut, HashedCut};
use quorate_crypto::Certificate;
use quorate_crypto::real::RealVerifier;
use quorate_types::{Digest, Slot, View};

use super::super::tests::group;
use super::Audit;
use crate::node::Node;
use crate::ordering::knowledge::Knowledge;

const ME: Node = Node::new(3);
const VIEW: u64 = 6;
const FIXED: Digest = Digest::new([1; 32]);
const OTHER: Digest = Digest::new([2; 32]);

fn behind(parent: Digest, slot: u64) -> HashedCut {
    HashedCut::new(Cut { slot: Slot::new(slot), parent, ..Cut::origin(&group()) })
}

fn commits(view: u64, slot: u64, digest: Digest) -> CommitCertificate {
    let (view, slot) = (View::new(view), Slot::new(slot));
    CommitCertificate { view, slot, digest, certificate: Certificate::new([]) }
}

/// The view starts behind slot 12 and fixes slot 13, so that 14 is the first of its own.
#[test]
fn c3_behind_what_is_fixed_stands_that_or_what_a_quorum_decided_in_the_same_view() {
    let mut audit = Audit::new(group(), Arc::new(RealVerifier), Knowledge::new(&group()));
    audit.fixed.insert((ME, VIEW), (12, Digest::ZERO, vec![FIXED]));
    let verdict =
        |cut: &HashedCut, commits: Option<&_>| audit.is_fixed((ME, VIEW), cut, commits).is_ok();

    assert!(verdict(&behind(FIXED, 14), None));
    assert!(!verdict(&behind(OTHER, 14), None));
    assert!(verdict(&behind(OTHER, 14), Some(&commits(VIEW, 13, OTHER))));
    let of_others =
        [commits(VIEW - 1, 13, OTHER), commits(VIEW, 12, OTHER), commits(VIEW, 13, FIXED)];
    assert!(of_others.iter().all(|commits| !verdict(&behind(OTHER, 14), Some(commits))));
    let before = commits(VIEW, 12, OTHER);
    assert!(!verdict(&behind(OTHER, 13), Some(&before)), "what is fixed stays");
}

#[test]
fn c3_behind_a_start_that_fixes_nothing_stands_what_was_decided_before() {
    let mut audit = Audit::new(group(), Arc::new(RealVerifier), Knowledge::new(&group()));
    audit.fixed.insert((ME, VIEW), (12, FIXED, Vec::new()));
    let twice = commits(VIEW, 12, OTHER);
    let verdict = |parent| audit.is_fixed((ME, VIEW), &behind(parent, 13), Some(&twice)).is_ok();
    assert!(verdict(FIXED));
    assert!(!verdict(OTHER), "slot 12 would be decided twice");
}
