//! How every server gets the configuration of an epoch: trees, repair, catching up.
//!
//! TDSC'12 VI.C (NEWEPOCH); Cowling, Ports, Liskov, Popa, Gaikwad, "Census" (USENIX ATC 2009) for
//! trees that everybody computes from the configuration; MD 2.3, 2.4, 7b; settled point 28
//! (servers that were evicted or removed are told too).
//!
//! ```text
//! members of the old group --push--> tops of tree 0, of tree 1 --push--> ... --> every server
//!                                         what is missing is asked for, not waited for
//! every server <--Digest / Header--> a few others: who is behind?  a few epochs: deltas in turn
//!                                                                 many: leaves, then records
//! ```
//! - `trees`: who passes on to whom, a pure function of two configurations.
//! - `chunk`: a delta in pieces that each prove themselves against one digest.
//! - `assembly`: pieces on their way to a delta.
//! - `follow`: what is checked before a configuration is believed.
//! - `catching_up`: to the newest configuration over any number of epochs.
//! - `machine`: the participant on every server.
//!
//! # Deviations from the specification
//! - MD 2.3 and 9, point 10: who is far behind compares the leaves of the Merkle tree and not its
//!   inner nodes. Where few records differ deltas are shorter, and where many do, the nodes above
//!   them are about as many bytes as all leaves are (decision 20).
//!
//! # Invariants
//! - MEM-61: a delta makes one configuration out of one other, and is written in one way.
//! - MEM-62: a chain is believed from its beginning to its end, without a gap.
//! - MEM-63: what a server passes on it has checked under the one key.
//! - MEM-64: no server passes on in both trees, except those that the epoch begins with.
//! - MEM-65: what a server keeps for others, and does for each of them in a round, is bounded.
//! - MEM-66: everybody who was a member before or is one now is told in both trees.

mod assembly;
mod catching_up;
mod chunk;
mod follow;
mod machine;
mod message;
mod trees;

pub use chunk::{Chunk, EncodedDelta};
pub use follow::{Checked, Follow, Followed, LeadsNowhere};
pub use machine::{
    Disseminator, DisseminatorOutput, DisseminatorParameters, DisseminatorRequest,
    DisseminatorTimer,
};
pub use message::{Digest, GetDelta, GetLeaves, GetRecords, Leaf, Leaves, Message, Records};
pub use trees::{TREES, Trees};
