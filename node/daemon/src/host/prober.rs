//! Probing all servers of a configuration from a socket of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_membership::monitor::{
    Answer, Prober, ProberOutput, ProberRequest, ProberStatus, Question,
};
use quorate_runtime::OnDeath;
use quorate_runtime::datagrams::{DatagramHosted, DatagramMachine};
use quorate_types::{MemberRecord, NodeId, Peer};
use quorate_wire::{Encode, Writer, decode};

use crate::addresses::{Addresses, Whereabouts};

/// What is done with what a prober says.
pub type Outlet = Box<dyn FnMut(ProberOutput) + Send>;

/// A prober that runs until this is dropped.
#[derive(Debug)]
pub struct RunningProber {
    machine: DatagramMachine<ProberHost>,
    status: Arc<Mutex<ProberStatus>>,
}

impl RunningProber {
    /// Starts a prober with a socket at this address, whose port may be 0, that asks servers where
    /// `addresses` has them; `on_death` is called if its thread panics.
    ///
    /// # Errors
    /// What the operating system says, for want of a socket or a thread.
    pub fn start(
        address: SocketAddr,
        (prober, addresses): (Prober, &Addresses),
        (outlet, on_death): (Outlet, OnDeath),
    ) -> io::Result<Self> {
        let status = Arc::new(Mutex::new(prober.status()));
        let host = ProberHost {
            members: prober.members().to_vec(),
            addresses: addresses.clone(),
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
    /// The servers, in the order of the configuration.
    members: Vec<Arc<MemberRecord>>,
    addresses: Addresses,
    writer: Writer,
    outlet: Outlet,
    status: Arc<Mutex<ProberStatus>>,
}

impl DatagramHosted for ProberHost {
    type Machine = Prober;

    fn address(
        &mut self,
        _: Peer,
        question: &Question,
        buffer: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        let record = self.members.get(question.ticket.place as usize)?;
        let host = self.addresses.whereabouts(record).address()?.ip();
        self.writer.clear();
        question.encode(&mut self.writer);
        buffer.extend_from_slice(self.writer.as_bytes());
        // Where a server answers probes: its host, its probe port.
        Some(SocketAddr::new(host, record.probe_port))
    }

    /// A name that is being looked up for the first time says nothing about its server. One that
    /// has never resolved here does: a server with such a name would never be found silent if it
    /// were not missed. This member may be the one that cannot look names up, and so it takes as
    /// many misses as of anybody, and `f + 1` members.
    fn on_unsent(&mut self, question: &Question) -> Option<ProberRequest> {
        let record = self.members.get(question.ticket.place as usize)?;
        let is_missed = self.addresses.whereabouts(record) == Whereabouts::Nowhere;
        (!is_missed).then_some(ProberRequest::Unsent(question.ticket))
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
            self.members.clone_from(&watch.configuration.configuration().members);
        }
    }

    fn on_round(&mut self, prober: &Prober) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = prober.status();
    }
}

#[cfg(test)]
mod tests {
    //! Who is not found is missed, and who is still looked for is not.
    use std::net::SocketAddr;
    use std::sync::mpsc::sync_channel;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use quorate_membership::monitor::{ProberRequest, ProberStatus, Question, Ticket, Wanted};
    use quorate_runtime::datagrams::DatagramHosted;
    use quorate_types::{Epoch, MemberRecord, Peer};
    use quorate_wire::Writer;

    use super::ProberHost;
    use crate::addresses::{Addresses, Lookup};
    use crate::crowd::{CROWD_MIN, Crowd};

    const DEADLINE: Duration = Duration::from_secs(60);

    fn ask(host: &mut ProberHost, question: &Question) -> Option<SocketAddr> {
        host.address(Peer::Node(question.to), question, &mut Vec::new())
    }

    /// What becomes of a question to the first server, which has a name: before its first lookup
    /// has ended, and behind it.
    #[test]
    fn mem_78_a_name_that_is_looked_up_is_no_miss_and_one_that_does_not_resolve_is() {
        let found = SocketAddr::from(([127, 0, 0, 3], 1));
        for (answer, address) in [(vec![found], Some(found.ip())), (Vec::new(), None)] {
            let crowd = Crowd::new(CROWD_MIN, SocketAddr::from(([127, 0, 0, 1], 9)));
            let mut configuration = crowd.configuration().configuration().clone();
            let record: &mut MemberRecord = Arc::make_mut(&mut configuration.members[0]);
            record.address = String::from("name.example:1");
            let (to, port) = (record.id, record.probe_port);
            let (answers, answered) = sync_channel(1);
            let answered = Mutex::new(answered);
            let lookup: Lookup = Arc::new(move |_| answered.lock().unwrap().recv().unwrap());
            let addresses = Addresses::new(lookup, || {});
            addresses.follow(&configuration, None);
            let mut host = ProberHost {
                members: configuration.members.clone(),
                addresses: addresses.clone(),
                writer: Writer::default(),
                outlet: Box::new(drop),
                status: Arc::new(Mutex::new(ProberStatus::default())),
            };
            let ticket = Ticket { place: 0, token: 7 };
            let question = Question { to, epoch: Epoch::new(1), ticket, wanted: Wanted::Plain };
            assert_eq!(ask(&mut host, &question), None);
            let said = host.on_unsent(&question);
            assert!(matches!(said, Some(ProberRequest::Unsent(it)) if it == ticket), "{said:?}");

            answers.send(answer).unwrap();
            addresses.settle(DEADLINE);
            let expected = address.map(|host| SocketAddr::new(host, port));
            assert_eq!(ask(&mut host, &question), expected);
            let is_missed = host.on_unsent(&question).is_none();
            assert_eq!(is_missed, address.is_none(), "silent, or found a moment ago");
        }
    }
}
