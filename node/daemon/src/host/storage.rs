//! The storage server of the DHT: its messages, its object store, and its loads.
//!
//! What the machine persists goes to the object store, durably, before anything behind it is
//! done; what it wants to load or list is read by worker threads, so that no disk holds up the
//! machines.

pub mod loss;
pub(crate) mod reading;

use std::sync::Arc;

use quorate_crypto::{ClientCertificate, Verified};
use quorate_dht::object::StoredObject;
use quorate_dht::{
    Found, Message, MessageContext, ObjectKey, Record, Server, ServerOutput, ServerRequest, Ticket,
};
use quorate_machine::RecordNumber;
use quorate_runtime::{Handle, Hosted, Journal, JournalError, Workers};
use quorate_store::blobs::BlobName;
use quorate_store::object_store::ObjectStore;
use quorate_store::objects::{Change, Space};
use quorate_types::{Now, Peer};

use loss::{Brake, LostObject};

const _: () = assert!(
    quorate_dht::limits::CONFIGURATION_BYTES_MAX < quorate_net::limits::FRAME_BYTES_MAX - 512
        && quorate_dht::limits::CHUNK_BYTES < quorate_net::limits::FRAME_BYTES_MAX / 2,
    "a frame carries the longest messages about objects"
);

/// What reading or writing content costs the machine, microseconds: up to 1 MiB is hashed.
const CONTENT_MICROS: u64 = 250;
/// What reading or writing a version, or a page of names, costs the machine, microseconds.
const VERSION_MICROS: u64 = 60;

/// Where the answers to loads go, once the machine is hosted.
pub type Answers = Arc<std::sync::OnceLock<Handle<Server>>>;

/// The glue of the storage server.
#[derive(Debug)]
pub struct StorageHost {
    /// What messages are checked against.
    pub context: MessageContext,
    /// Where objects are read.
    pub store: Arc<ObjectStore>,
    /// Threads that read them.
    pub workers: Arc<Workers>,
    /// Where they are answered to.
    pub answers: Answers,
    /// Ends the node.
    pub brake: Brake,
}

impl Hosted for StorageHost {
    type Machine = Server;
    type Message = Message;

    /// Anybody may read, and no read is signed: without this, reads would be free.
    fn work_micros(&self, message: &Message) -> u64 {
        match message {
            Message::PutContent(_) | Message::GetContent(_) | Message::StatContent(_) => {
                CONTENT_MICROS
            }
            Message::WriteVersion(_)
            | Message::ReadVersion(_)
            | Message::Compare(_)
            | Message::ListNames(_)
            | Message::Scrub(_) => VERSION_MICROS,
            Message::Introduce(_)
            | Message::Stored(_)
            | Message::Content(_)
            | Message::Presence(_)
            | Message::Versioned(_)
            | Message::Refused(_)
            | Message::WrongEpoch(_)
            | Message::Compared(_)
            | Message::Names(_)
            | Message::Scrubbed(_) => 0,
        }
    }

    fn context<'host>(&'host self, _: &'host Server) -> &'host MessageContext {
        &self.context
    }

    fn believe(&self, message: Verified<Message>) -> Verified<Message> {
        message
    }

    fn vouches_for(&self, from: Peer, message: &Message, now: Now) -> bool {
        let certificate = message.certificate();
        certificate.is_some_and(|shown| shown.holds_at(now.wall) && is_of(shown, from))
    }

    fn payload_bytes(&self, message: &Message) -> usize {
        message.payload_bytes()
    }

    fn record_bytes(&self, record: &Record) -> usize {
        64 + match record {
            Record::Store(_, StoredObject::Content(content)) => content.body.len(),
            Record::Store(_, StoredObject::Version(version)) => version.value.len(),
            Record::Remove(_) => 0,
        }
    }

    fn on_output(&mut self, output: ServerOutput, requests: &mut Vec<ServerRequest>) {
        match output {
            ServerOutput::Load { ticket, key } => self.load(ticket, Wanted::This(key), requests),
            ServerOutput::LoadNext { ticket, after } => {
                self.load(ticket, Wanted::After(after), requests);
            }
            ServerOutput::List { ticket, first, last } => {
                self.list(ticket, (first, last), requests);
            }
            ServerOutput::Behind(epoch) => tracing::info!(%epoch, "a later epoch was heard of"),
            ServerOutput::Unrepaired(key) => {
                tracing::error!(%key, "a damaged object is not mended yet: too few servers help");
            }
            ServerOutput::Lost { key, damaged, others } => {
                let place = reading::place(&self.store, key);
                self.brake.pull(LostObject { key, damaged, others, place });
            }
            ServerOutput::Scrubbed(report) => tracing::info!(?report, "scrubbed"),
        }
    }
}

/// Is the certificate of the key at the other end of the link?
pub(super) fn is_of(certificate: &ClientCertificate, from: Peer) -> bool {
    from == Peer::Client(certificate.grant.client)
}

/// Which object a load is about.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    This(ObjectKey),
    After(Option<ObjectKey>),
}

impl StorageHost {
    fn load(&self, ticket: Ticket, wanted: Wanted, requests: &mut Vec<ServerRequest>) {
        let (store, answers) = (Arc::clone(&self.store), Arc::clone(&self.answers));
        let job = Box::new(move || {
            let found = match wanted {
                Wanted::This(key) => reading::find(&store, key),
                Wanted::After(after) => reading::find_next(&store, after),
            };
            tell(&answers, ServerRequest::Loaded { ticket, found });
        });
        if self.workers.submit(job).is_err() {
            // The machine bounds its loads below the bound of the workers, so this is rare.
            let key = match wanted {
                Wanted::This(key) => Some(key),
                Wanted::After(_) => None,
            };
            requests.push(ServerRequest::Loaded { ticket, found: Found::Unreadable(key) });
        }
    }

    fn list(
        &self,
        ticket: Ticket,
        piece: (ObjectKey, ObjectKey),
        requests: &mut Vec<ServerRequest>,
    ) {
        let (store, answers) = (Arc::clone(&self.store), Arc::clone(&self.answers));
        let job = Box::new(move || {
            let held = reading::list(&store, piece);
            tell(&answers, ServerRequest::Listed { ticket, held });
        });
        if self.workers.submit(job).is_err() {
            requests.push(ServerRequest::Listed { ticket, held: None });
        }
    }
}

fn tell(answers: &Answers, answer: ServerRequest) {
    let told = answers.get().map(|server| server.request(answer));
    if !matches!(told, Some(Ok(()))) {
        tracing::warn!("an answer of the object store was dropped: too many wait");
    }
}

fn blob_name(key: ObjectKey) -> BlobName {
    *key.id().as_bytes()
}

/// Makes the machine's records durable in the object store.
#[derive(Debug)]
pub struct StorageJournal {
    store: Arc<ObjectStore>,
    pending: Vec<(ObjectKey, Option<Vec<u8>>)>,
}

impl StorageJournal {
    /// A journal in front of this store.
    #[must_use]
    pub const fn new(store: Arc<ObjectStore>) -> Self {
        Self { store, pending: Vec::new() }
    }
}

const fn space_of(key: &ObjectKey) -> Option<Space> {
    match key {
        ObjectKey::Chunk(_) => None,
        ObjectKey::Manifest(_) => Some(Space::Meta),
        ObjectKey::Register(_) => Some(Space::Mutable),
    }
}

impl Journal<Record> for StorageJournal {
    fn append(&mut self, record: Record) -> Result<(), JournalError> {
        self.pending.push((record.key(), record.bytes()));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        let mut content: Vec<(BlobName, &[u8])> = Vec::new();
        let mut gone: Vec<BlobName> = Vec::new();
        let mut changes: Vec<Change<'_>> = Vec::new();
        for (key, bytes) in &self.pending {
            match (space_of(key), bytes) {
                (Some(space), bytes) => {
                    let (key, value) = (key_bytes(key), bytes.as_deref());
                    changes.push(Change { space, key, value });
                }
                (None, Some(bytes)) => content.push((blob_name(*key), bytes)),
                (None, None) => gone.push(blob_name(*key)),
            }
        }
        self.store.delete_content(&gone)?;
        self.store.store(&content, &changes)?;
        self.pending.clear();
        Ok(())
    }

    fn release(&mut self, _: RecordNumber) -> Result<(), JournalError> {
        Ok(())
    }
}

fn key_bytes(key: &ObjectKey) -> &[u8] {
    match key {
        ObjectKey::Chunk(id) | ObjectKey::Manifest(id) | ObjectKey::Register(id) => id.as_bytes(),
    }
}
