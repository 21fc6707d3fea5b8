//! Checkers that know what an epoch is, beside the generic ones.
//!
//! | id | checker | promise |
//! |---|---|---|
//! | C7 | [`History`] | one decided history per epoch, one configuration, one chain, one key |
//! | C7 | [`Custody`] | what belongs to an epoch that is over is gone, and not before it may go |
//! | C7 | [`Dealings`] | a dealing is of one attempt |
//! | C7 | [`Envelopes`] | who proves that it was cheated opens one envelope, and no other |
//! | C7 | [`Urn`] | a group is drawn from most of those who were asked for keys, or stays |
//! | C3 | [`Vouching`] | nobody can gather a quorum for an epoch once the next one vouches |
//! | C13 | [`Duties`] | nobody who is there loses its duties, who is gone does |
//! | C9 | [`Progress`] | after the heal epochs end, and every server of the core comes along |

mod custody;
mod dealings;
mod duties;
mod envelopes;
mod history;
mod progress;
mod urn;
mod vouching;

pub(super) use custody::Custody;
pub(super) use dealings::Dealings;
pub(super) use duties::Duties;
pub(super) use envelopes::Envelopes;
pub(super) use history::History;
pub(super) use progress::Progress;
pub(super) use urn::Urn;
pub(super) use vouching::Vouching;
