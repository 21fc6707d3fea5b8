//! The sizes of what is encoded, in one place: they are part of the format.

/// Bytes of a secret scalar: big-endian, below the group order.
pub const SCALAR_BYTES: usize = 32;

/// Bytes of a compressed point of G1: a public key, or one point of a commitment.
pub const PUBLIC_KEY_BYTES: usize = 48;

/// Bytes of a compressed point of G2: a signature, partial or whole.
pub const SIGNATURE_BYTES: usize = 96;

/// Bytes of an encoded index: big-endian.
pub const INDEX_BYTES: usize = 2;

/// Bytes of an encoded [`KeyShare`](crate::KeyShare).
pub const KEY_SHARE_BYTES: usize = INDEX_BYTES + SCALAR_BYTES;

/// Bytes of an encoded [`Subshare`](crate::Subshare): dealer, recipient, scalar.
pub const SUBSHARE_BYTES: usize = 2 * INDEX_BYTES + SCALAR_BYTES;

/// Bytes of an encoded [`Complaint`](crate::Complaint): recipient, shared point, two scalars.
pub const COMPLAINT_BYTES: usize = INDEX_BYTES + PUBLIC_KEY_BYTES + 2 * SCALAR_BYTES;

/// Bytes of the proof of who made an ephemeral point: two scalars.
pub(crate) const MAKER_PROOF_BYTES: usize = 2 * SCALAR_BYTES;

/// Bytes of encoded [`SealedSubshares`](crate::SealedSubshares) before the first envelope: the
/// ephemeral point and the proof of its maker.
pub const SEALED_PREFIX_BYTES: usize = PUBLIC_KEY_BYTES + MAKER_PROOF_BYTES;

/// Bytes of an encoded [`PartialSignature`](crate::PartialSignature).
pub const PARTIAL_SIGNATURE_BYTES: usize = INDEX_BYTES + SIGNATURE_BYTES;
