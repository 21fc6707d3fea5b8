//! Domains are separate.

use std::collections::BTreeSet;

use super::{Domain, Hasher, hash};

#[test]
fn every_domain_hashes_the_same_bytes_to_something_else() {
    let digests: BTreeSet<_> = Domain::ALL.iter().map(|&domain| hash(domain, b"same")).collect();
    assert_eq!(digests.len(), Domain::ALL.len());
    assert!(!digests.contains(&quorate_types::Digest::new(*blake3::hash(b"same").as_bytes())));
}

#[test]
fn pieces_hash_like_the_whole() {
    let mut hasher = Hasher::new(Domain::Cut);
    hasher.update(b"a").update(b"bc");
    assert_eq!(hasher.finish(), hash(Domain::Cut, b"abc"));
}
