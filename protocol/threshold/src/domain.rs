//! What a signature is for, as a closed set, each with a tag that keeps it apart from the others.
//!
//! RFC 9380, section 3.1 (domain separation tags); the suite is BLS12381G2_XMD:SHA-256_SSWU_RO_.
//!
//! # Invariants
//! - THR-8: no two domains share a tag, and no tag is the beginning of another.

/// Longest domain tag that the hash to the curve takes as it is (RFC 9380, section 5.3.3).
const TAG_BYTES_MAX: usize = 255;

/// The purpose of a signature. The message must bind the rest: system, epoch, attempt, committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// The configuration of an epoch.
    Configuration,
    /// The randomness of an epoch. The message has no byte that a proposer chooses.
    Beacon,
    /// The certificate of a replica group.
    Group,
    /// The holder of a public share or key knows its secret.
    ProofOfPossession,
    /// The holder of a share of the next epoch has it, before anything is signed with it.
    Share,
}

impl Domain {
    /// Every domain.
    pub const ALL: [Self; 5] =
        [Self::Configuration, Self::Beacon, Self::Group, Self::ProofOfPossession, Self::Share];

    /// The domain separation tag that goes into the hash to the curve.
    #[must_use]
    pub const fn tag(self) -> &'static [u8] {
        match self {
            Self::Configuration => b"QUORATE-V1-CONFIGURATION_BLS12381G2_XMD:SHA-256_SSWU_RO_",
            Self::Beacon => b"QUORATE-V1-BEACON_BLS12381G2_XMD:SHA-256_SSWU_RO_",
            Self::Group => b"QUORATE-V1-GROUP_BLS12381G2_XMD:SHA-256_SSWU_RO_",
            Self::ProofOfPossession => b"QUORATE-V1-POSSESSION_BLS12381G2_XMD:SHA-256_SSWU_RO_",
            Self::Share => b"QUORATE-V1-SHARE_BLS12381G2_XMD:SHA-256_SSWU_RO_",
        }
    }
}

const _: () = {
    let mut left = 0;
    while left < Domain::ALL.len() {
        let tag = Domain::ALL[left].tag();
        assert!(tag.len() <= TAG_BYTES_MAX, "THR-8: a tag is too long");
        let mut right = 0;
        while right < Domain::ALL.len() {
            let apart = left == right || !begins_with(Domain::ALL[right].tag(), tag);
            assert!(apart, "THR-8: a tag is the beginning of another");
            right += 1;
        }
        left += 1;
    }
};

/// `slice::starts_with`, which is not `const`.
const fn begins_with(whole: &[u8], beginning: &[u8]) -> bool {
    if beginning.len() > whole.len() {
        return false;
    }
    let mut place = 0;
    while place < beginning.len() {
        if whole[place] != beginning[place] {
            return false;
        }
        place += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Domain, TAG_BYTES_MAX};

    #[test]
    fn thr_8_no_tag_is_the_beginning_of_another_and_all_name_the_project() {
        for (place, domain) in Domain::ALL.iter().enumerate() {
            assert!(domain.tag().starts_with(b"QUORATE-"));
            assert!(domain.tag().len() <= TAG_BYTES_MAX);
            for other in &Domain::ALL[place + 1..] {
                assert!(!domain.tag().starts_with(other.tag()), "THR-8: {domain:?} {other:?}");
                assert!(!other.tag().starts_with(domain.tag()), "THR-8: {domain:?} {other:?}");
            }
        }
    }
}
