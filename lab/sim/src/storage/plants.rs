//! Bugs that are put into the DHT on purpose, and the checker that must find each.

use crate::system::Plant;

pub(super) const PLANTS: &[Plant] = &[];

pub(super) const fn select(_: Option<&Plant>) {}
