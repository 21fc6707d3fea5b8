//! Performs what nuisances of the wire do, on real connections to a real server.
//!
//! What they do is in `quorate-adversary`; here are the sockets. An attack goes on until it is
//! stopped, on a thread of its own, and counts its connections and how many the server ended.

mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use quorate_adversary::wire::{Act, Guise, Nuisance};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

/// What happened to the connections of an attack.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections that TCP gave.
    pub opened: AtomicU64,
    /// Connections that the server ended.
    pub ended: AtomicU64,
    /// Bytes that were written.
    pub bytes: AtomicU64,
}

/// An attack that goes on until it is stopped.
#[derive(Debug)]
pub struct Attack {
    tally: Arc<Tally>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Attack {
    /// Begins to do what the nuisance does, to the server at this address.
    #[must_use]
    pub fn start(
        nuisance: &dyn Nuisance,
        guise: &Guise<'_>,
        seed: &[u8; 32],
        server: SocketAddr,
    ) -> Self {
        let acts: Vec<Vec<Act>> =
            (0..nuisance.connections()).map(|number| nuisance.acts(guise, number)).collect();
        let connector = TlsConnector::from(tls::client(seed));
        let (tally, (stop, stopped)) = (Arc::new(Tally::default()), watch::channel(false));
        let counts = Arc::clone(&tally);
        let attack = async move {
            let mut tasks = tokio::task::JoinSet::new();
            for acts in acts {
                let (connector, counts) = (connector.clone(), Arc::clone(&counts));
                let mut stopped = stopped.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = connection(server, &connector, acts, &counts) => {}
                        _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
                    }
                });
            }
            while tasks.join_next().await.is_some() {}
        };
        let thread = std::thread::spawn(move || drop(quorate_client::block_on(attack)));
        Self { tally, stop, thread: Some(thread) }
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its own panic has been printed.
            drop(thread.join());
        }
    }
}

async fn connection(
    server: SocketAddr,
    connector: &TlsConnector,
    mut acts: Vec<Act>,
    tally: &Tally,
) {
    let Ok(tcp) = TcpStream::connect(server).await else { return };
    tally.opened.fetch_add(1, Ordering::Relaxed);
    if acts.first() == Some(&Act::Tls) {
        acts.remove(0);
        let name = ServerName::IpAddress(server.ip().into());
        if let Ok(stream) = connector.connect(name, tcp).await {
            perform(stream, acts, tally).await;
        }
    } else {
        perform(tcp, acts, tally).await;
    }
    tally.ended.fetch_add(1, Ordering::Relaxed);
}

/// Performs acts until the server ends the connection.
async fn perform(stream: impl AsyncRead + AsyncWrite + Unpin, acts: Vec<Act>, tally: &Tally) {
    let (mut from, mut to) = tokio::io::split(stream);
    let acting = async {
        for act in acts {
            if write(&mut to, act, tally).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let listening = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(1..) = from.read(&mut buffer).await {}
    };
    tokio::select! {
        () = acting => {}
        () = listening => {}
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), act: Act, tally: &Tally) -> std::io::Result<()> {
    let count = |bytes: &[u8]| tally.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    match act {
        Act::Tls | Act::Hold => {}
        Act::Write(bytes) => {
            to.write_all(&bytes).await?;
            to.flush().await?;
            count(&bytes);
        }
        Act::Trickle(bytes, pause) => {
            for byte in bytes.chunks(1) {
                to.write_all(byte).await?;
                to.flush().await?;
                count(byte);
                tokio::time::sleep(pause).await;
            }
        }
        Act::Repeat(bytes) => loop {
            to.write_all(&bytes).await?;
            to.flush().await?;
            count(&bytes);
        },
    }
    Ok(())
}
