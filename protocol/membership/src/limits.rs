//! Named bounds of the membership service.

use quorate_types::Duration;
use quorate_types::limits::MEMBERS_MAX;

/// Members in a page of a configuration; every page but the last has exactly as many.
pub const PAGE_MEMBERS_MAX: usize = 32;
/// Longest reply of the service, in bytes: a full page of the longest records.
pub const REPLY_BYTES_MAX: usize = 20 * 1024;
/// Pending changes in one reply of the service.
pub const PENDING_PAGE_MAX: usize = 64;
/// Most servers in a genesis: as many as a server or client can have links to.
pub const ADMISSIONS_MAX: usize = 1024;
/// Most identity keys for which the service keeps a record, departed servers included.
pub const KNOWN_KEYS_MAX: u64 = 2 * MEMBERS_MAX as u64;
/// Most servers that a client asks for configurations.
pub const CONTACTS_MAX: usize = 128;
/// How long a freshness proof lets a client act, where nothing else is configured.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(300);
/// How much the rates of two clocks may differ, in parts per million, where nothing else is set.
pub const CLOCK_DRIFT_PPM_DEFAULT: u32 = 500;
/// Largest drift bound that can be configured, in parts per million.
pub const CLOCK_DRIFT_PPM_MAX: u32 = 500_000;
/// First wait of a client before it asks again, where nothing else is configured.
pub const RETRY_DEFAULT: Duration = Duration::from_millis(200);
/// Shortest first wait of a client before it asks again, whatever is configured.
pub const RETRY_MIN: Duration = Duration::from_millis(1);
/// Longest wait of a client before it asks again, where nothing else is configured.
pub const RETRY_MAX_DEFAULT: Duration = Duration::from_secs(10);

const _: () = assert!(KNOWN_KEYS_MAX > MEMBERS_MAX as u64, "every member has a record");
const _: () = assert!(CLOCK_DRIFT_PPM_DEFAULT < CLOCK_DRIFT_PPM_MAX, "the default is allowed");
