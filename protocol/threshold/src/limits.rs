//! The bounds of this crate, in one place.

/// Most shares that one sharing may have. The largest group planned is 61 servers.
pub const SHARE_COUNT_MAX: u16 = 128;

/// Most partial signatures that one call of combine looks at: two candidates for each index.
pub const PARTIALS_MAX: usize = 2 * SHARE_COUNT_MAX as usize;
