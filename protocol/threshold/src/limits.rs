//! The bounds and sizes of this crate, in one place.

/// Most shares that one sharing may have. The largest group planned is 61 servers.
pub const SHARE_COUNT_MAX: u16 = 128;

/// Most partial signatures that one call of combine looks at: two candidates for each index.
pub const PARTIALS_MAX: usize = 2 * SHARE_COUNT_MAX as usize;

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

/// Bytes of an encoded [`PartialSignature`](crate::PartialSignature).
pub const PARTIAL_SIGNATURE_BYTES: usize = INDEX_BYTES + SIGNATURE_BYTES;

/// Longest domain tag that the hash to the curve takes as it is (RFC 9380, section 5.3.3).
pub const DOMAIN_TAG_BYTES_MAX: usize = 255;
