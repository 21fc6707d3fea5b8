//! The threads that answer probes for all servers that are made up, one for each address.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use quorate_membership::monitor::{Answerer, Question, Wanted};
use quorate_types::{IdentityKey, MemberRecord, NodeId};
use quorate_wire::Writer;

use super::people::{self, People};

/// How long a look at the socket waits.
const PATIENCE: Duration = Duration::from_millis(250);
/// Longest datagram that is taken.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// What the threads and their owner share.
#[derive(Debug, Default)]
struct Shared {
    /// The number of each that is a member, by the id that it got then.
    ids: RwLock<HashMap<NodeId, usize>>,
    stop: AtomicBool,
    plain: AtomicU64,
    signed: AtomicU64,
    unknown: AtomicU64,
}

/// The threads, and how the made-up servers are found.
#[derive(Debug)]
pub(super) struct Answering {
    shared: Arc<Shared>,
    numbers: HashMap<IdentityKey, usize>,
    members: usize,
    threads: Vec<JoinHandle<()>>,
}

/// Sockets at these addresses, all with one port, and the port.
pub(super) fn sockets(
    hosts: impl Iterator<Item = Ipv4Addr>,
) -> Result<(Vec<UdpSocket>, u16), String> {
    let failed = |error: std::io::Error| format!("a socket for probes: {error}");
    let (mut sockets, mut port) = (Vec::new(), 0);
    for host in hosts {
        let socket = UdpSocket::bind((host, port)).map_err(failed)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        port = socket.local_addr().map_err(failed)?.port();
        sockets.push(socket);
    }
    Ok((sockets, port))
}

impl Answering {
    /// Answers for these from now on, as soon as they are members.
    pub(super) fn start(
        sockets: Vec<UdpSocket>,
        people: &Arc<Mutex<People>>,
    ) -> Result<Self, String> {
        let shared: Arc<Shared> = Arc::default();
        let numbers = people::lock(people).grants();
        let numbers = numbers.iter().enumerate();
        let numbers = numbers.map(|(number, applicant)| (applicant.identity_key, number)).collect();
        let start = |socket| {
            let desk = Desk { socket, people: Arc::clone(people), shared: Arc::clone(&shared) };
            let thread = std::thread::Builder::new().name(String::from("answers"));
            thread.spawn(move || desk.serve()).map_err(|error| format!("no thread: {error}"))
        };
        let threads = sockets.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { shared, numbers, members: 0, threads })
    }

    /// Which of those that are made up has this key.
    pub(super) fn number_of(&self, key: &IdentityKey) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    /// A configuration says who is a member, and under which id.
    pub(super) fn know(&mut self, members: &[Arc<MemberRecord>]) {
        self.members = members.len();
        let number = |member: &Arc<MemberRecord>| {
            self.numbers.get(&member.identity_key).map(|number| (member.id, *number))
        };
        let ids = members.iter().filter_map(number).collect();
        *self.shared.ids.write().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    /// How many members the last configuration has, real and made up.
    pub(super) const fn known(&self) -> usize {
        self.members
    }

    /// What became of questions.
    pub(super) fn counts(&self) -> String {
        let [plain, signed, unknown] =
            [&self.shared.plain, &self.shared.signed, &self.shared.unknown]
                .map(|count| count.load(Ordering::Relaxed));
        format!("{plain} plain, {signed} signed answers, {unknown} not ours")
    }

    /// Answers no more.
    pub(super) fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // If it panicked, the servers were found silent, and that was seen.
            drop(thread.join());
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.end();
    }
}

/// What lives on a thread.
struct Desk {
    socket: UdpSocket,
    people: Arc<Mutex<People>>,
    shared: Arc<Shared>,
}

impl Desk {
    fn serve(&self) {
        let (mut bytes, mut writer) = ([0; DATAGRAM_BYTES_MAX], Writer::default());
        while !self.shared.stop.load(Ordering::Relaxed) {
            match self.socket.recv_from(&mut bytes) {
                Ok((length, from)) => self.serve_one(&bytes[..length], from, &mut writer),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                // What an earlier answer ran into is told here; the next question may be fine.
                Err(_) => {}
            }
        }
    }

    fn serve_one(&self, bytes: &[u8], from: SocketAddr, writer: &mut Writer) {
        let Ok(question) = quorate_wire::decode::<Question>(bytes) else { return };
        let number = {
            let ids = self.shared.ids.read().unwrap_or_else(PoisonError::into_inner);
            ids.get(&question.to).copied()
        };
        let Some(number) = number else {
            self.shared.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let wants = match question.wanted {
            Wanted::Plain => false,
            Wanted::Signed { certificate, .. } | Wanted::Accused { certificate, .. } => certificate,
        };
        let (key, system) = {
            let mut people = people::lock(&self.people);
            (people.key(number, (question.epoch, wants)), people.system())
        };
        let answerer = Answerer::new(system, question.to, key);
        writer.clear();
        if answerer.answer(&question, writer).is_ok() {
            // A prober that does not get it asks again.
            drop(self.socket.send_to(writer.as_bytes(), from));
        }
        let is_dear = question.wanted.is_dear();
        let count = if is_dear { &self.shared.signed } else { &self.shared.plain };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
