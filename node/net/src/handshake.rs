//! From a TCP connection to a registered one: TLS, then one hello each way.
//!
//! ```text
//! dialler   --TLS 1.3, raw keys-->  listener
//! dialler   --Hello------------->   listener: checks, registers
//! dialler   <--Hello | Refuse----   listener
//! dialler: checks, registers (or --Refuse-->)
//! ```
//!
//! # Invariants
//! - NET-1: a dialled connection is up only if the peer proved a key in TLS that it showed to be of
//!   the node that was dialled.
//! - NET-15: nothing is registered before TLS has proved the key, a node has shown that the key is
//!   its own, and the rest of the hello was right.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::ahead::ReadAhead;
use crate::config::Known;
use crate::credential::{Recognised, Shown, Standing};
use crate::error::{HandshakeError, HandshakeStep};
use crate::frame::{FrameError, FrameKind, header, parse_header};
use crate::hello::{
    Hello, Link, ParsedHello, PeerKind, RefuseCode, encode_refuse, parse_hello, parse_refuse,
};
use crate::identity::{LinkKey, PeerKey};
use crate::limits::{
    FAREWELL_BYTES_MAX, FAREWELL_DEADLINE_MS, FRAME_HEADER_BYTES, HELLO_BYTES_MAX,
};
use crate::shared::{Registration, Shared, within};
use crate::state::Candidate;
use crate::stop::Stop;
use crate::tls::key_of_spki;

/// TLS asks for a few kilobytes at a time; below it, the socket is read in larger pieces.
pub(crate) type Stream = TlsStream<ReadAhead>;

/// A connection that is up.
pub(crate) struct Established {
    pub(crate) registration: Registration,
    pub(crate) stream: Box<Stream>,
}

/// A failed handshake and, as far as it is proved, with whom.
pub(crate) struct Failed {
    pub(crate) peer: Option<PeerKey>,
    pub(crate) error: HandshakeError,
}

/// Dials one connection to a node.
pub(crate) async fn dial(
    shared: &Arc<Shared>,
    target: Known,
    link: Link,
) -> Result<Established, HandshakeError> {
    let (deadlines, standing) = (shared.deadlines(), shared.standing());
    let tcp = within(deadlines.connect, HandshakeStep::Connect, connect(target.address)).await?;
    let tls = connect_tls(&standing, tcp);
    let mut stream = within(deadlines.handshake, HandshakeStep::Tls, tls).await?;
    let greeting = greet_as_dialler(shared, &standing, (target.key, link), &mut stream);
    match within(deadlines.hello, HandshakeStep::Hello, greeting).await {
        Ok(registration) => Ok(Established { registration, stream }),
        Err(error) => {
            refuse(&mut stream, &error).await;
            Err(error)
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, HandshakeError> {
    let tcp = TcpStream::connect(address).await.map_err(HandshakeError::Connect)?;
    tcp.set_nodelay(true).map_err(HandshakeError::Connect)?;
    Ok(tcp)
}

async fn connect_tls(standing: &Standing, tcp: TcpStream) -> Result<Box<Stream>, HandshakeError> {
    let connector = TlsConnector::from(standing.tls.client_config());
    let address = tcp.peer_addr().map_err(HandshakeError::Connect)?;
    let name = ServerName::IpAddress(address.ip().into());
    let stream = connector.connect(name, ReadAhead::new(tcp)).await.map_err(HandshakeError::Tls)?;
    Ok(Box::new(Stream::from(stream)))
}

/// Takes an accepted TCP connection through TLS and hello.
pub(crate) async fn accept(
    shared: &Arc<Shared>,
    tcp: TcpStream,
    stop: Arc<Stop>,
) -> Result<Established, Failed> {
    let (deadlines, standing) = (shared.deadlines(), shared.standing());
    let tls = within(deadlines.handshake, HandshakeStep::Tls, accept_tls(&standing, tcp));
    let mut stream = tls.await.map_err(|error| Failed { peer: None, error })?;
    let peer = proved_key(&stream).ok().map(|key| key.client());
    let greeting = greet_as_listener(shared, &standing, stop, &mut stream);
    match within(deadlines.hello, HandshakeStep::Hello, greeting).await {
        Ok(registration) => Ok(Established { registration, stream }),
        Err(error) => {
            refuse(&mut stream, &error).await;
            Err(Failed { peer, error })
        }
    }
}

async fn accept_tls(standing: &Standing, tcp: TcpStream) -> Result<Box<Stream>, HandshakeError> {
    tcp.set_nodelay(true).map_err(HandshakeError::Tls)?;
    let acceptor = TlsAcceptor::from(standing.tls.server_config());
    let stream = acceptor.accept(ReadAhead::new(tcp)).await.map_err(HandshakeError::Tls)?;
    Ok(Box::new(Stream::from(stream)))
}

/// The key that TLS proved.
fn proved_key(stream: &Stream) -> Result<LinkKey, HandshakeError> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let key = certificates.first().and_then(|spki| key_of_spki(spki.as_ref()));
    key.ok_or(HandshakeError::NotHello("no raw public key"))
}

async fn greet_as_dialler(
    shared: &Arc<Shared>,
    standing: &Standing,
    (dialled, link): (PeerKey, Link),
    stream: &mut Stream,
) -> Result<Registration, HandshakeError> {
    let key = proved_key(stream)?;
    write_frame(stream, FrameKind::Hello, &shared.hello(link, standing).encode()).await?;
    let (hello, version) = read_hello(shared, stream).await?;
    if hello.role != PeerKind::Node || hello.link != link {
        return Err(HandshakeError::Role(key.client()));
    }
    let (peer, recognised) = recognise(standing, key, hello.proof)?;
    if peer != dialled {
        return Err(HandshakeError::WrongPeer { expected: dialled, got: peer });
    }
    let (id, kind, stop) = ((peer, 0), PeerKind::Node, Arc::new(Stop::default()));
    let registering = shared.register(Candidate { id, kind, link, version, stop, recognised });
    let registration = registering.await?;
    assert_eq!(registration.ticket.id.0, dialled, "NET-1: another node than the one dialled");
    Ok(registration)
}

async fn greet_as_listener(
    shared: &Arc<Shared>,
    standing: &Standing,
    stop: Arc<Stop>,
    stream: &mut Stream,
) -> Result<Registration, HandshakeError> {
    let key = proved_key(stream)?;
    let (hello, version) = read_hello(shared, stream).await?;
    let (peer, recognised) = match hello.role {
        PeerKind::Client => (key.client(), None),
        PeerKind::Node => recognise(standing, key, hello.proof)?,
    };
    if hello.role == PeerKind::Node && peer >= shared.own {
        return Err(HandshakeError::Role(peer));
    }
    let (id, kind, link) = ((peer, hello.session), hello.role, hello.link);
    let registration =
        shared.register(Candidate { id, kind, link, version, stop, recognised }).await?;
    assert_eq!(registration.ticket.id.0, peer, "NET-15: registered as somebody else");
    write_frame(stream, FrameKind::Hello, &shared.hello(link, standing).encode()).await?;
    Ok(registration)
}

/// Who holds the key that TLS proved, by what it shows, and that for when it is judged again.
fn recognise(
    standing: &Standing,
    key: LinkKey,
    proof: Vec<u8>,
) -> Result<(PeerKey, Option<Recognised>), HandshakeError> {
    let shown = Shown { key, proof };
    let peer =
        standing.recognise(&shown).map_err(|why| HandshakeError::Unrecognised { key, why })?;
    Ok((peer, Some(Recognised { shown: Arc::new(shown), renewal: standing.number })))
}

/// Reads the first frame of the peer and checks what is the same for both sides.
async fn read_hello(shared: &Shared, stream: &mut Stream) -> Result<(Hello, u16), HandshakeError> {
    let (kind, body) = read_frame(stream).await?;
    match kind {
        FrameKind::Hello => {}
        FrameKind::Refuse => {
            let (code, text) = parse_refuse(&body);
            return Err(HandshakeError::Refused { code, text });
        }
        FrameKind::Data(_) | FrameKind::Ping => {
            return Err(HandshakeError::NotHello("a frame of another kind"));
        }
    }
    let (hello, version) = match parse_hello(&body, shared.versions) {
        ParsedHello::Hello(hello, version) => (hello, version),
        ParsedHello::Foreign(theirs) => {
            return Err(HandshakeError::Version { ours: shared.versions, theirs });
        }
        ParsedHello::Malformed(reason) => return Err(HandshakeError::NotHello(reason)),
    };
    assert!(
        shared.versions.min <= version && version <= shared.versions.max,
        "NET-4: version {version} outside of {}",
        shared.versions
    );
    if hello.system != shared.system {
        return Err(HandshakeError::System { ours: shared.system, theirs: hello.system });
    }
    Ok((hello, version))
}

/// Reads exactly one small frame; what follows stays in the stream.
async fn read_frame(stream: &mut Stream) -> Result<(FrameKind, Vec<u8>), HandshakeError> {
    let mut head = [0; FRAME_HEADER_BYTES];
    stream.read_exact(&mut head).await.map_err(HandshakeError::Lost)?;
    let (kind, length) = parse_header(head, HELLO_BYTES_MAX).map_err(|error| match error {
        FrameError::TooLarge { .. } => HandshakeError::NotHello("too large for a hello"),
        FrameError::UnknownKind(_) => HandshakeError::NotHello("a frame of an unknown kind"),
    })?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(HandshakeError::Lost)?;
    Ok((kind, body))
}

async fn write_frame(
    stream: &mut Stream,
    kind: FrameKind,
    body: &[u8],
) -> Result<(), HandshakeError> {
    let bytes = [&header(kind, body.len())[..], body].concat();
    stream.write_all(&bytes).await.map_err(HandshakeError::Lost)?;
    stream.flush().await.map_err(HandshakeError::Lost)
}

/// Tells the other side why, if there is something to tell.
async fn refuse(stream: &mut Stream, error: &HandshakeError) {
    if let Some(code) = error.refusal() {
        farewell(stream, code, &error.to_string()).await;
    }
}

/// Writes a refusal, closes our direction, and reads on for a moment: closing with unread bytes
/// would reset the connection and with it the refusal.
pub(crate) async fn farewell(stream: &mut Stream, code: RefuseCode, text: &str) {
    let work = async {
        write_frame(stream, FrameKind::Refuse, &encode_refuse(code, text)).await.ok()?;
        stream.shutdown().await.ok()?;
        let mut left = FAREWELL_BYTES_MAX;
        while left > 0 {
            // When an epoch ends all links do, at once: none of them gets a buffer for it.
            let read = stream.fill_buf().await.map_or(0, <[u8]>::len);
            if read == 0 {
                break;
            }
            stream.consume(read);
            left = left.saturating_sub(read);
        }
        Some(())
    };
    let deadline = Duration::from_millis(FAREWELL_DEADLINE_MS);
    // Best effort: whether it worked makes no difference to us.
    drop(timeout(deadline, work).await);
}
