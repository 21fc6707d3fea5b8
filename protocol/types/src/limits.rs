//! Named bounds of the shared types.

/// Largest number of replicas in a group.
pub const REPLICAS_MAX: usize = 64;
/// Longest network address of a server, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 255;
/// Longest label of a failure domain, in bytes.
pub const FAILURE_DOMAIN_BYTES_MAX: usize = 63;
/// Most servers in one configuration.
pub const MEMBERS_MAX: usize = 1 << 20;
/// Longest signature by an identity key, in bytes, of any scheme to come: a forward-secure one of
/// depth 12 takes 488, and whatever carries one has room for this.
pub const IDENTITY_SIGNATURE_BYTES_MAX: usize = 960;
