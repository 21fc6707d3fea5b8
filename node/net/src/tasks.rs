//! The tasks of a transport: one that accepts, one per accepted connection, two per dialled peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::backoff::{Backoff, seed_for};
use crate::budget::Bucket;
use crate::config::Known;
use crate::connection;
use crate::counters::count;
use crate::error::{DownReason, HandshakeError};
use crate::handshake::{self, Failed};
use crate::hello::Link;
use crate::limits::{ACCEPT_PAUSE_MS, HANDSHAKES_PER_SECOND_MAX};
use crate::shared::Shared;
use crate::stop::Stop;

/// Accepts until the transport is closed.
pub(crate) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    let accepting = async {
        let mut budget = Bucket::new(HANDSHAKES_PER_SECOND_MAX, Instant::now());
        loop {
            sleep(budget.pause(Instant::now())).await;
            match listener.accept().await {
                Ok((tcp, address)) => {
                    budget.take(1, Instant::now());
                    let task = serve(shared.clone(), tcp, address);
                    (shared.spawner)(Box::pin(task));
                }
                Err(_no_descriptor) => {
                    count(&shared.counters.accept_failures);
                    sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        _ = shared.listener_stop.wait() => {}
        () = accepting => {}
    }
    drop(listener);
    shared.listener_gone.notify_one();
}

/// One accepted connection from its first byte to its last.
async fn serve(shared: Arc<Shared>, tcp: TcpStream, address: SocketAddr) {
    let stop = Arc::new(Stop::default());
    let place = Handshake::begin(&shared, stop.clone());
    // The connection gets a stop of its own: the two never wait at the same time, but a place
    // that was evicted must not end a connection that is already up.
    // In a box: what only the handshake needs is gone when the connection is up.
    let outcome = tokio::select! {
        biased;
        reason = stop.wait() => Err(Failed { peer: None, error: error_of_stop(&reason) }),
        outcome = Box::pin(handshake::accept(&shared, tcp, Arc::new(Stop::default()))) => outcome,
    };
    drop(place);
    match outcome {
        Ok(established) => {
            connection::run(established).await;
        }
        Err(Failed { peer, error }) => shared.report(peer, address, false, error),
    }
}

fn error_of_stop(reason: &DownReason) -> HandshakeError {
    match *reason == DownReason::Replaced {
        true => HandshakeError::Evicted,
        false => HandshakeError::Closed,
    }
}

/// A place among the unfinished connections, given back however the handshake ends.
struct Handshake<'a> {
    shared: &'a Shared,
    number: u64,
}

impl<'a> Handshake<'a> {
    fn begin(shared: &'a Shared, stop: Arc<Stop>) -> Self {
        let number = shared.state().begin_handshake(stop);
        Self { shared, number }
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.shared.state().end_handshake(self.number);
    }
}

/// Keeps one connection to a node up until told to stop.
pub(crate) async fn keep_dialled(shared: Arc<Shared>, target: Known, link: Link, stop: Arc<Stop>) {
    tokio::select! {
        biased;
        _ = stop.wait() => {}
        () = dial_again_and_again(&shared, target, link) => {}
    }
}

async fn dial_again_and_again(shared: &Arc<Shared>, target: Known, link: Link) {
    let deadlines = *shared.deadlines();
    let seed = seed_for(shared.jitter_seed, &target.key, link);
    let mut backoff = Backoff::new(deadlines.backoff_min, deadlines.backoff_max, seed);
    loop {
        if link == Link::Bulk && !shared.wait_until_up(target.key).await {
            return;
        }
        // In a box, as above.
        match Box::pin(handshake::dial(shared, target, link)).await {
            Ok(established) => {
                let since = Instant::now();
                connection::run(established).await;
                // A peer that greets and hangs up is not dialled in a tight loop.
                if since.elapsed() >= deadlines.backoff_max {
                    backoff.reset();
                }
            }
            Err(error) => shared.report(Some(target.key), target.address, true, error),
        }
        sleep(backoff.next()).await;
    }
}
