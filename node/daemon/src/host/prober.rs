//! Probing all servers of a configuration from a socket of its own.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use quorate_membership::monitor::{
    Answer, Prober, ProberOutput, ProberRequest, ProberStatus, Question,
};
use quorate_runtime::OnDeath;
use quorate_runtime::datagrams::{DatagramHosted, DatagramMachine};
use quorate_types::{MemberRecord, NodeId, Peer};
use quorate_wire::{Encode, Writer, decode};

/// What is done with what a prober says.
pub type Outlet = Box<dyn FnMut(ProberOutput) + Send>;

/// A prober that runs until this is dropped.
#[derive(Debug)]
pub struct RunningProber {
    machine: DatagramMachine<ProberHost>,
    status: Arc<Mutex<ProberStatus>>,
}

impl RunningProber {
    /// Starts a prober with a socket at this address, whose port may be 0; `on_death` is called if
    /// its thread panics.
    ///
    /// # Errors
    /// What the operating system says, for want of a socket or a thread.
    pub fn start(
        address: SocketAddr,
        prober: Prober,
        (outlet, on_death): (Outlet, OnDeath),
    ) -> io::Result<Self> {
        let status = Arc::new(Mutex::new(prober.status()));
        let host = ProberHost {
            addresses: addresses(prober.members()),
            writer: Writer::default(),
            outlet,
            status: Arc::clone(&status),
        };
        let machine = DatagramMachine::start(("prober", address), (host, on_death), prober)?;
        Ok(Self { machine, status })
    }

    /// Tells it something.
    ///
    /// # Errors
    /// Gives it back if the prober is too far behind, or has died.
    pub fn request(&self, request: ProberRequest) -> Result<(), ProberRequest> {
        self.machine.request(request)
    }

    /// Whether its thread panicked.
    #[must_use]
    pub fn died(&self) -> bool {
        self.machine.died()
    }

    /// Where its socket is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.machine.address()
    }

    /// What it has done and found, a moment ago.
    #[must_use]
    pub fn status(&self) -> ProberStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status as others can watch it.
    #[must_use]
    pub const fn watched(&self) -> &Arc<Mutex<ProberStatus>> {
        &self.status
    }
}

/// The glue of the prober.
struct ProberHost {
    /// Of each server, in the order of the configuration; nothing if its name does not resolve.
    addresses: Vec<Option<SocketAddr>>,
    writer: Writer,
    outlet: Outlet,
    status: Arc<Mutex<ProberStatus>>,
}

/// Where the servers answer probes.
fn addresses(members: &[Arc<MemberRecord>]) -> Vec<Option<SocketAddr>> {
    members.iter().map(|member| probe_address(member)).collect()
}

/// Where a server answers probes: its host, its probe port.
#[must_use]
pub fn probe_address(record: &MemberRecord) -> Option<SocketAddr> {
    let mut found = record.address.to_socket_addrs().ok()?;
    let address = found.next()?;
    Some(SocketAddr::new(address.ip(), record.probe_port))
}

impl DatagramHosted for ProberHost {
    type Machine = Prober;

    fn address(
        &mut self,
        _: Peer,
        question: &Question,
        buffer: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let address = self.addresses.get(question.ticket.place as usize).copied().flatten()?;
        self.writer.clear();
        question.encode(&mut self.writer);
        buffer.extend_from_slice(self.writer.as_bytes());
        Some(address)
    }

    fn read(&mut self, bytes: &[u8]) -> Option<(Peer, Answer)> {
        // Whose answer it is follows from its ticket.
        let nobody = Peer::Node(NodeId::new([0; 32]));
        decode(bytes).ok().map(|answer| (nobody, answer))
    }

    fn on_output(&mut self, output: ProberOutput) {
        (self.outlet)(output);
    }

    fn on_request(&mut self, request: &ProberRequest) {
        if let ProberRequest::Adopt(watch) = request {
            self.addresses = addresses(&watch.configuration.configuration().members);
        }
    }

    fn on_round(&mut self, prober: &Prober) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = prober.status();
    }
}
