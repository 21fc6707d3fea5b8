//! The links of a server, and who may ask it how much, follow where the others are.
//!
//! Names are looked up by threads of [`Addresses`](crate::addresses::Addresses), which tells when
//! it knows something new; nothing here waits for that.

use std::sync::PoisonError;
use std::time::Instant;

use super::Conductor;
use crate::limits::LOOKUP_NEWS_PAUSE;

impl Conductor {
    /// Has the names looked up whose turn it is, and lets the links follow what was found. Not
    /// often: names may be many, and each change is for all links.
    pub(super) fn follow_addresses(&mut self) {
        if self.addresses_next().is_none_or(|next| Instant::now() < next) {
            return;
        }
        self.addresses_seen = Instant::now();
        let addresses = &self.all.addresses;
        addresses.look();
        if !addresses.take_change() {
            return;
        }
        let configuration = self.all.turnover.configuration().configuration();
        self.all.control.set_servers(addresses.servers(configuration));
        let monitoring = self.all.monitoring.lock().unwrap_or_else(PoisonError::into_inner);
        monitoring.know(configuration);
    }

    /// When that has something to do, if there are names.
    pub(super) fn addresses_next(&self) -> Option<Instant> {
        let soonest = self.addresses_seen + LOOKUP_NEWS_PAUSE;
        self.all.addresses.next().map(|next| next.max(soonest))
    }
}
