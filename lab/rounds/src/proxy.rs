//! A TCP proxy before one server, with faults: it sees bytes, and inside TLS it can do nothing to
//! them but delay, hold back, or cut them off.
//!
//! Each connection is two streams of bytes, one each way. Every fault is counted where it touches
//! a connection: a cut that met none is no fault.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes that are passed on at once.
const CHUNK_BYTES: usize = 32 * 1024;

/// How bytes pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Passage {
    /// At once.
    #[default]
    Open,
    /// Each chunk a while later.
    Delayed(Duration),
    /// Not at all; they are held until it opens again.
    Stalled,
}

/// What is true for all connections of a proxy now.
#[derive(Clone, Copy, Default, Debug)]
struct Weather {
    passage: Passage,
    /// Connections made before this many cuts are cut.
    cuts: u64,
    /// The same for connections of which one direction is shut.
    half_closes: u64,
}

/// How often faults touched a connection.
#[derive(Debug, Default)]
pub struct Touched {
    /// Connections that passed bytes and were cut.
    pub cuts: AtomicU64,
    /// Connections of which one direction was shut.
    pub half_closes: AtomicU64,
    /// Chunks that were held back.
    pub stalls: AtomicU64,
    /// Chunks that were delayed.
    pub delays: AtomicU64,
    /// Connections that were made.
    pub connections: AtomicU64,
}

/// A running proxy; it ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    touched: Arc<Touched>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy on a free port of loopback, before the server at this address.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(server: SocketAddr) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("a proxy: {error}");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (weather, weathers) = watch::channel(Weather::default());
        let (stop, mut stopped) = watch::channel(false);
        let touched = Arc::new(Touched::default());
        let counts = Arc::clone(&touched);
        let serve = async move {
            let serving = serve(listener, server, weathers, counts);
            tokio::select! {
                () = serving => {}
                _ = stopped.wait_for(|is_stopped| *is_stopped) => {}
            }
        };
        let thread = std::thread::spawn(move || drop(quorate_client::block_on(serve)));
        Ok(Self { address, weather, touched, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its faults touched so far.
    #[must_use]
    pub fn touched(&self) -> &Touched {
        &self.touched
    }

    /// Changes how bytes pass.
    pub fn set(&self, passage: Passage) {
        self.weather.send_modify(|weather| weather.passage = passage);
    }

    /// Cuts every connection, both ways.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Shuts one direction of every connection: the server's word ends, the other's goes on.
    pub fn half_close(&self) {
        self.weather.send_modify(|weather| weather.half_closes += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its own panic has been printed; the round fails for want of service.
            drop(thread.join());
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    touched: Arc<Touched>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let connection = connect(near, server, weather.clone(), Arc::clone(&touched));
        drop(tokio::spawn(connection));
    }
}

async fn connect(
    near: TcpStream,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    touched: Arc<Touched>,
) {
    // A server that is down refuses; the caller then sees its own connection end.
    let Ok(far) = TcpStream::connect(server).await else { return };
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    touched.connections.fetch_add(1, Ordering::Relaxed);
    let born = *weather.borrow();
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let mut cuts = weather.clone();
    let up = Pump { weather: weather.clone(), born, shuts: false, touched: &touched };
    let down = Pump { weather, born, shuts: true, touched: &touched };
    tokio::select! {
        _ = async { tokio::join!(up.run(from_near, to_far), down.run(from_far, to_near)) } => {}
        _ = cuts.wait_for(|weather| weather.cuts > born.cuts) => {
            touched.cuts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One direction of a connection.
struct Pump<'a> {
    weather: watch::Receiver<Weather>,
    born: Weather,
    /// Is this the direction that a half-close shuts?
    shuts: bool,
    touched: &'a Touched,
}

impl Pump<'_> {
    async fn run(mut self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut chunk = vec![0; CHUNK_BYTES];
        let (shuts, half_closes) = (self.shuts, self.born.half_closes);
        let mut shut = self.weather.clone();
        let shut = shut.wait_for(|weather| shuts && weather.half_closes > half_closes);
        let passing = async {
            while let Ok(count @ 1..) = from.read(&mut chunk).await {
                self.wait().await;
                if to.write_all(&chunk[..count]).await.is_err() {
                    break;
                }
            }
        };
        let is_shut = tokio::select! {
            () = passing => false,
            _ = shut => true,
        };
        if is_shut {
            self.touched.half_closes.fetch_add(1, Ordering::Relaxed);
        }
        // The end of one direction is passed on; the other goes on by itself.
        drop(to.shutdown().await);
        if is_shut {
            // What still comes is read and thrown away, so that nobody notices by a full buffer.
            while let Ok(1..) = from.read(&mut chunk).await {}
        }
    }

    /// Waits as the weather says.
    async fn wait(&mut self) {
        let passage = self.weather.borrow().passage;
        match passage {
            Passage::Open => {}
            Passage::Delayed(time) => {
                self.touched.delays.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(time).await;
            }
            Passage::Stalled => {
                self.touched.stalls.fetch_add(1, Ordering::Relaxed);
                // Its sender lives as long as the proxy.
                drop(self.weather.wait_for(|now| now.passage != Passage::Stalled).await);
            }
        }
    }
}

#[cfg(test)]
mod tests;
