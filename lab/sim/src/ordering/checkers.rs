//! Checkers that know the ordering engine, beside the generic ones.
//!
//! | id | checker | promise |
//! |---|---|---|
//! | C2 | [`Answers`] | what a client is told is what was executed |
//! | C3 | [`Audit`] | every certificate that a good replica keeps or gets is one |
//! | C4 | [`WriteAhead`] | a good replica says nothing that its disk does not hold |
//! | C7 | [`Endings`] | an epoch ends once, and nothing of it counts behind its end |
//! | C8 | [`Durability`] | what is executed is on enough disks, and no promise leaves a log |
//! | C13 | [`Convictions`] | nobody is told to lie who does not |
//! | C14 | [`Convergence`] | in the end all replicas of the core have one state |

mod answers;
mod audit;
mod convergence;
mod convictions;
mod durability;
mod endings;
#[cfg(test)]
mod tests;
mod write_ahead;

pub(super) use answers::Answers;
pub(super) use audit::Audit;
pub(super) use convergence::Convergence;
pub(super) use convictions::Convictions;
pub(super) use durability::Durability;
pub(super) use endings::Endings;
pub(super) use write_ahead::WriteAhead;
