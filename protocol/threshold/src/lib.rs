//! Threshold signatures over BLS12-381: one public key for ever, held by committees that change.
//!
//! A secret is shared among the members of a committee so that `threshold` of them sign together
//! and fewer learn nothing. For a group of 3f+1 the threshold is f+1: the signature then shows
//! that at least one correct member signed, and the group can deal while f are silent.
//!
//! Shamir 1979 (the polynomial), Feldman 1987 (the commitment), Boldyreva 2003 (the signature),
//! Wong, Wang and Wing 2002 (dealing again to another committee).
//!
//! # Flow
//! ```text
//! Seed, Session --Dealer::deal_fresh--> Dealing (public) + Subshare for each recipient (secret)
//! Dealt --Dealer::seal--> SealedSubshares (public) --DecryptionKey::open--> Subshare | Complaint
//! Dealing --check_fresh--> CheckedDealing --Sharing::fresh--> Sharing: GroupKey
//! own Subshares --check_subshare, Sharing::assemble_share--> KeyShare
//!
//! KeyShare --sign--> PartialSignature --GroupKey::combine--> Signature
//! PublicKey --verify--> a client is content
//!
//! KeyShare --Dealer::deal_again--> Dealing + Subshares, for the next committee
//! Dealing --check_reshared(old)--> CheckedDealing
//! first threshold of them in the log --Sharing::reshared(old)--> Sharing, same public key
//! ```
//! A message must bind all that its signature is to mean (system, epoch, committee); the
//! [`Domain`] keeps purposes apart, and nothing else is added here.
//!
//! # Invariants
//! Each is stated where it is kept:
//! ```text
//! THR-1   indices are from 1 to the number of shares                        parameters
//! THR-2   points from bytes are on the curve, in the subgroup, no identity  backend
//! THR-3   the degree of a polynomial is the threshold minus one             polynomial
//! THR-4   a commitment has exactly as many points as the threshold          commitment
//! THR-5   no key share is zero                                              share
//! THR-6   resharing keeps the public key                                    sharing
//! THR-7   an assembled share belongs to its public share                    sharing
//! THR-8   domain tags are apart                                             domain
//! THR-9   combine returns only signatures that verify                       signature
//! THR-10  dealings of different sessions are never put together             sharing
//! THR-11  a repaired subshare is the one that was promised                  dealing
//! THR-12  an encryption key comes with the proof of its other half          sealing
//! THR-13  complaints convict the one who lied                               complaint
//! THR-14  an envelope is opened only if its dealer made the ephemeral point sealing
//! THR-15  partials found right together are right one by one                signature
//! ```
//!
//! # Deviations
//! - From Feldman 1987: the commitments are public and complete, a dealing is checked against one
//!   agreed degree, and no coefficient may be zero, not even one in the middle (an honest dealer
//!   hits one with a chance of 2^-255).
//! - From Herzberg 1997: a refresh does not add shares of zero among the same members, it deals
//!   every share again, so committee and threshold may change; and it is not synchronous.
//! - From the specification, section 2.3 and settled point 33: the index of the dealer is not part
//!   of the session digest but stands beside it in the derivation, with the size of the sharing.
//!   All dealings of an attempt have the same session, so mixing attempts is refused here.
//!
//! # Secrets
//! Seeds, scalars, shares and subshares are erased when dropped, are not shown by `Debug`, and
//! pass only through arithmetic of constant time. Moves may leave copies on the stack.
//!
//! # Not here
//! Acknowledgements, the order of the log, the erasure of old shares on disk (membership); proofs
//! that the many dealers of a founding know what they deal (acknowledgements of a quorum are);
//! randomness (an input); a scheme for the simulator (it implements [`ThresholdScheme`]).
#![no_std]
// Not `forbid(unsafe_code)`: the workspace denies it, and `backend/blst.rs` alone is excepted.

extern crate alloc;
#[cfg(test)]
extern crate std;

mod backend;
mod commitment;
mod complaint;
mod dealing;
mod domain;
mod group;
mod lagrange;
mod limits;
mod maker;
mod parameters;
mod point;
mod polynomial;
mod public;
mod rejected;
mod scalar;
mod scheme;
mod sealing;
mod seed;
mod share;
mod sharing;
mod signature;
mod sizes;
#[cfg(test)]
mod testing;

pub use crate::commitment::Commitment;
pub use crate::complaint::{Complaint, Opened, Verdict};
pub use crate::dealing::{CheckedDealing, Dealer, Dealing, Dealt, Subshare};
pub use crate::domain::Domain;
pub use crate::group::GroupKey;
pub use crate::limits::{PARTIALS_MAX, SHARE_COUNT_MAX};
pub use crate::parameters::{Parameters, ShareIndex};
pub use crate::public::{PublicKey, Signature};
pub use crate::rejected::Rejected;
pub use crate::scheme::{Bls12381, ThresholdScheme};
pub use crate::sealing::{DecryptionKey, EncryptionKey, SealedSubshares};
pub use crate::seed::{SEED_BYTES, SESSION_BYTES, Seed, Session};
pub use crate::share::KeyShare;
pub use crate::sharing::Sharing;
pub use crate::signature::{CombineFailure, Combined, PartialSignature};
pub use crate::sizes::{
    COMPLAINT_BYTES, INDEX_BYTES, KEY_SHARE_BYTES, PARTIAL_SIGNATURE_BYTES, PUBLIC_KEY_BYTES,
    SCALAR_BYTES, SEALED_PREFIX_BYTES, SIGNATURE_BYTES, SUBSHARE_BYTES,
};
