//! Named bounds of the membership service.

use quorate_types::Duration;
use quorate_types::limits::MEMBERS_MAX;

/// Members in a page of a configuration; every page but the last has exactly as many.
pub const PAGE_MEMBERS_MAX: usize = 32;
/// From this length on a piece of the encoding of a configuration goes to the disk by itself.
pub const PIECE_BYTES: usize = 8 * 1024;
/// Longest reply of the service, in bytes: a full page of the longest pending changes.
pub const REPLY_BYTES_MAX: usize = 40 * 1024;
/// Most bad members that a membership group can be made to tolerate: as many as the ordering engine
/// runs groups for.
pub const MEMBERSHIP_F_MAX: u16 = 8;
/// Entries of the replicated map that the service looks at in one go.
pub const WALK_ENTRIES: usize = 256;
/// Attempts that a group has to take over, the first one counted.
pub const ATTEMPTS_OF_GROUP: u32 = 2;
/// Groups that are drawn to take over an epoch, before the old one goes on by itself.
pub const GROUPS_DRAWN_MAX: u32 = 3;
/// How often the wait before a founder says again what is not settled is doubled.
pub const FOUNDING_DOUBLINGS_MAX: u32 = 7;
/// A risk ends no epoch before this part of its length, and who begins an epoch leaves others no
/// longer than this part of it to deposit.
pub const EARLIEST_END_PART: u64 = 4;
/// Longest time that a member, when it begins an epoch, leaves others to deposit before it votes
/// for the end.
pub const DEPOSITS_AWAITED_MAX: Duration = Duration::from_secs(10);
/// Pending changes in one reply of the service.
pub const PENDING_PAGE_MAX: usize = 16;
/// Most keys that can sign for the authority.
pub const COUNCIL_KEYS_MAX: usize = 16;
/// Most servers that can be in the pool from which the membership group is drawn.
pub const POOL_SERVERS_MAX: usize = 1024;
/// A group is drawn if so many of each three servers that are asked for keys have brought them: bad
/// and absent ones that are fewer than a third together cannot keep the group as it is.
pub const BROUGHT_OF_THREE: u8 = 2;
/// Servers that bring keys to an epoch on average, where there are more and no pool is named.
pub const SHORTLIST_SERVERS: usize = 1024;
/// Servers of which a reply says what was found.
pub const FINDINGS_PAGE_MAX: usize = 64;
/// Most servers in a genesis: as many as a server or client can have links to.
pub const ADMISSIONS_MAX: usize = 1024;
/// Most identity keys for which the service keeps a record, departed servers included.
pub const KNOWN_KEYS_MAX: u64 = 2 * MEMBERS_MAX as u64;
/// An identity gets another root after so many epochs of a tree, or up to a sixth later: in the
/// last quarter of its 4,096, with 512 left at least.
pub const ROOT_EPOCHS_DEFAULT: u32 = 3072;
/// Most epochs of a tree before it is replaced, whatever is configured: some are left even then.
pub const ROOT_EPOCHS_MAX: u32 = 3456;
/// Other roots that an epoch brings to servers off its shortlist: about as many bytes in a delta as
/// the keys of the shortlist are.
pub const ROOTS_MAX: u64 = 1024;
/// In a larger system one in so many servers: twice what all of them need who name theirs in the
/// last eighth of a tree.
pub const ROOTS_ONE_IN: u64 = 128;
/// This part of them is for trees that have not come into their last quarter.
pub const ROOTS_EARLY_PART: u64 = 2;
/// This part of them is for identities whose root was replaced a short while ago.
pub const ROOTS_AGAIN_PART: u64 = 16;
/// A short while: a sixteenth of the epochs of a tree.
pub const ROOT_REST_EPOCHS: u64 = 256;
/// Most servers that a client asks for configurations.
pub const CONTACTS_MAX: usize = 128;
/// How long a freshness proof lets a client act, where nothing else is configured; and the most of
/// it, however long epochs last.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(300);
/// The least of it where epochs are short: half of it is more than a hand-over takes.
pub const LEASE_MIN: Duration = Duration::from_secs(5);
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
/// Longest datagram of probing, in bytes: what every path carries in one piece (RFC 8200: 1280 less
/// the headers of IPv6 and UDP).
pub const PROBE_BYTES_MAX: usize = 1232;
/// Each active server is asked once in this time, where nothing else is configured.
pub const PROBE_PERIOD_DEFAULT: Duration = Duration::from_secs(60);
/// Shortest period of probes that can be configured.
pub const PROBE_PERIOD_MIN: Duration = Duration::from_millis(100);
/// Fewest periods of probes in an epoch, unless they would be too short: more than it takes to
/// suspect a server.
pub const PROBES_PER_EPOCH_MIN: u64 = 8;
/// Most slots between a statement of a member about a server and its execution.
pub const OBSERVATION_AGE_SLOTS_MAX: u64 = 10_000;
/// Most servers about which the log counts the statements of one member in an epoch.
pub const SPOKEN_ABOUT_MAX: u32 = 4096;
/// Most servers of which the log keeps the proof that they lied.
pub const CONVICTIONS_MAX: usize = 256;
/// Evictions that one epoch may always bring, where the other caps let them.
pub const EVICTIONS_PER_EPOCH_MIN: usize = 4;
/// Most evictions with one epoch above that: one in so many active servers.
pub const EVICTIONS_ONE_IN: usize = 50;
/// How long an answer to a probe counts, where nothing else is configured.
pub const PROBE_WITHIN_DEFAULT: Duration = Duration::from_secs(5);
/// A prober looks at its clock at most once in this time, where nothing else is configured.
pub const PROBE_TICK_DEFAULT: Duration = Duration::from_millis(50);
/// Most turns that a prober takes at once; their answers fit the buffer of a socket.
pub const PROBE_TURNS_MAX: usize = 128;
/// Most statements that a prober makes in one period.
pub const STATEMENTS_PER_ROUND_MAX: usize = 64;
/// Most of them that say the same, so that those who are there and those who are not keep no word
/// about the others back.
pub const STATEMENTS_ALIKE_PER_ROUND_MAX: usize = 48;
/// Most evictions about which a prober asks the servers at the same time.
pub const ACCUSED_MAX: usize = 4096;
/// Keys of epochs with which a server answers probes at the same time.
pub const ANSWER_KEYS_MAX: usize = 2;
/// Longest statement that evidence holds, in bytes.
pub const EVIDENCE_STATEMENT_BYTES_MAX: usize = 1024;
/// Longest delta that goes over links, in bytes; who is further behind compares leaves.
pub const DELTA_BYTES_MAX: usize = CHUNKS_MAX * CHUNK_BYTES;
/// Bytes of a delta in one message; every chunk but the last has exactly as many.
pub const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks of one delta.
pub const CHUNKS_MAX: usize = 128;
/// Deltas that a server collects at the same time: one is right, the others are of liars.
pub const ASSEMBLIES_MAX: usize = 4;
/// The last deltas that a server keeps for others; who missed more compares leaves.
pub const DELTAS_KEPT_MAX: usize = 8;
/// To how many a server passes a delta on in one tree, where nothing else is configured.
pub const FAN_OUT_DEFAULT: usize = 8;
/// Servers with which a server compares its epoch in a round.
pub const ROUND_PEERS: usize = 2;
/// How often a server compares its epoch with others, where nothing else is configured.
pub const ROUND_DEFAULT: Duration = Duration::from_secs(10);
/// How long a server waits for what it lacks before it asks somebody else, where nothing else is
/// configured.
pub const REPAIR_DEFAULT: Duration = Duration::from_millis(500);
/// How often a server asks for the same thing; the next round begins again.
pub const REPAIRS_MAX: u32 = 12;
/// Servers that give pages of a configuration in turn: so that nobody gives all, and few links are
/// needed.
pub const PAGE_GIVERS: u64 = 8;
/// How often a page is asked for before one peer is to give all of them.
pub const PAGE_REPAIRS_MAX: u32 = 3;
/// How often a page is asked for of one that is to give all, before another is: longer than a
/// round, in which it answers so much and no more.
pub const ONE_REPAIRS_MAX: u32 = 5;
/// Leaves in one message.
pub const LEAVES_MAX: usize = 4096;
/// Records in one message.
pub const RECORDS_MAX: usize = 256;
/// Bytes that a server answers to one other in a round.
pub const ANSWERED_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Bytes that a server answers to all others in a round.
pub const ANSWERED_ALL_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Servers to which a server answers in a round.
pub const ANSWERED_PEERS_MAX: usize = 1024;
/// Bytes of one answer from the chain on a server, where no single delta is longer.
pub const ARCHIVE_PART_BYTES: usize = 256 * 1024;
/// Longest delta that a server gives from its chain, in bytes: a frame carries it.
pub const ARCHIVE_DELTA_BYTES_MAX: usize = DELTA_BYTES_MAX - 1024;
/// Deltas in one answer.
pub const ARCHIVE_DELTAS_MAX: usize = 1024;
/// Questions about its chain that a server has under way at the same time.
pub const ARCHIVE_QUESTIONS_MAX: usize = 64;
/// Longest configuration with which a chain may begin, in bytes.
pub const ARCHIVE_FIRST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Epochs that a server keeps in its chain: two years of hourly ones.
pub const ARCHIVE_EPOCHS_MAX: u64 = 17_520;
/// Deltas in a file with a chain: a hundred years of hourly epochs.
pub const CHAIN_DELTAS_MAX: usize = 1 << 20;

const _: () = assert!(KNOWN_KEYS_MAX > MEMBERS_MAX as u64, "every member has a record");
const _: () = assert!(CLOCK_DRIFT_PPM_DEFAULT < CLOCK_DRIFT_PPM_MAX, "the default is allowed");
