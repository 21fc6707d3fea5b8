//! The links of a server, and who may ask it how much, follow where the others are.
//!
//! Names are looked up by threads of [`Addresses`](crate::addresses::Addresses), which tells when
//! it knows something new; nothing here waits for that.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use quorate_types::MemberRecord;

use super::Conductor;
use crate::addresses::Wanted;
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
        self.link();
        let configuration = self.all.turnover.configuration().configuration();
        let monitoring = self.all.monitoring.lock().unwrap_or_else(PoisonError::into_inner);
        monitoring.know(configuration);
    }

    /// Goes on to the servers of the newest configuration. Names that are new are looked up
    /// meanwhile: the share of the epoch before goes, and the next group begins, however long that
    /// takes.
    pub(super) fn follow_servers(&self) {
        let configuration = self.all.turnover.configuration().configuration();
        let wanted = Wanted { configuration, gone: &self.gone() };
        self.all.addresses.follow(wanted, Some(self.all.ground.me));
        self.link();
    }

    fn link(&self) {
        let configuration = self.all.turnover.configuration().configuration();
        let wanted = Wanted { configuration, gone: &self.gone() };
        self.all.control.set_servers(self.all.addresses.servers(wanted));
    }

    /// MEM-66: whoever was removed with the epoch is told so in its trees, and may be needed by the
    /// next group, which gets its state from the one before. So it has links during the grace.
    fn gone(&self) -> Vec<Arc<MemberRecord>> {
        let now = self.all.turnover.configuration().configuration();
        let former = self.all.turnover.former().filter(|_| self.grace.is_some());
        let former = former.map_or(&[][..], |former| &former.configuration().members);
        former.iter().filter(|member| now.member(member.id).is_none()).cloned().collect()
    }

    /// When that has something to do, if there are names.
    pub(super) fn addresses_next(&self) -> Option<Instant> {
        let soonest = self.addresses_seen + LOOKUP_NEWS_PAUSE;
        self.all.addresses.next().map(|next| next.max(soonest))
    }
}
