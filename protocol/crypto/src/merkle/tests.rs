//! Every leaf of every small tree has a proof, and no proof fits another place.

use std::vec::Vec;

use quorate_types::Digest;

use super::{leaf, prove, root};

fn leaves(count: u8) -> Vec<Digest> {
    (0..count).map(|byte| leaf(&[byte])).collect()
}

#[test]
fn every_leaf_of_every_small_tree_has_its_proof() {
    for count in 1..40 {
        let leaves = leaves(count);
        for index in 0..usize::from(count) {
            let proof = prove(&leaves, index).unwrap();
            assert_eq!(proof.root(leaves[index]), Some(root(&leaves)), "{index} of {count}");
        }
        assert_eq!(prove(&leaves, usize::from(count)), None);
    }
}

#[test]
fn a_proof_fits_no_other_leaf_position_or_count() {
    let leaves = leaves(7);
    let top = Some(root(&leaves));
    let proof = prove(&leaves, 2).unwrap();
    assert_ne!(proof.root(leaves[3]), top);
    for index in [0, 1, 3, 6, 7, u64::MAX] {
        let moved = super::MerkleProof { index, ..proof.clone() };
        assert_ne!(moved.root(leaves[2]), top, "moved to {index}");
    }
    for leaf_count in [0, 3, 6, 8, u64::MAX] {
        let resized = super::MerkleProof { leaf_count, ..proof.clone() };
        assert_ne!(resized.root(leaves[2]), top, "resized to {leaf_count}");
    }
}

#[test]
fn the_empty_list_has_a_root_of_its_own() {
    assert_ne!(root(&[]), root(&leaves(1)));
}
