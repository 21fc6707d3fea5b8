//! A request to end, with its reason, that is never lost.

use std::sync::OnceLock;

use tokio::sync::Notify;

use crate::error::DownReason;

/// Asks one task to end. The first reason stays.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    reason: OnceLock<DownReason>,
    notify: Notify,
}

impl Stop {
    pub(crate) fn stop(&self, reason: DownReason) {
        self.reason.get_or_init(|| reason);
        self.notify.notify_one();
    }

    pub(crate) fn reason(&self) -> Option<&DownReason> {
        self.reason.get()
    }

    /// Waits for the request. Only one task waits at a time.
    pub(crate) async fn wait(&self) -> DownReason {
        loop {
            if let Some(reason) = self.reason.get() {
                return reason.clone();
            }
            self.notify.notified().await;
        }
    }
}
