//! Checkers that know a cluster as a whole, beside the generic ones and those of its groups.
//!
//! | id | checker | promise |
//! |---|---|---|
//! | C3 | [`Views`] | one configuration per epoch, and each that is believed proves itself |
//! | C3 | [`Leases`] | a lease has fresh vouches of a quorum and ends in time |
//! | C3 | [`Papers`] | what the authority did not say, or says no more, changes nothing |
//! | C12 | [`Traffic`] | what configurations and leases cost on the links stays within bounds |

mod leases;
mod papers;
mod traffic;
mod views;

pub(super) use leases::Leases;
pub(super) use papers::Papers;
pub(super) use traffic::Traffic;
pub(super) use views::Views;
