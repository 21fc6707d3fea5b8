//! The storage server of the DHT: its messages, its object store, and its loads.
//!
//! What the machine persists goes to the object store, durably, before anything behind it is
//! done; what it wants to load is read by worker threads, so that no disk holds up the machines.

use std::sync::Arc;

use quorate_crypto::Verified;
use quorate_dht::object::StoredObject;
use quorate_dht::{
    Found, Message, MessageContext, ObjectKey, Record, Server, ServerOutput, ServerRequest, Ticket,
};
use quorate_machine::RecordNumber;
use quorate_runtime::{Handle, Hosted, Journal, JournalError, Workers};
use quorate_store::blobs::BlobName;
use quorate_store::error::StoreError;
use quorate_store::object_store::ObjectStore;
use quorate_store::objects::{Change, Space};

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
}

impl Hosted for StorageHost {
    type Machine = Server;
    type Message = Message;

    fn context<'host>(&'host self, _: &'host Server) -> &'host MessageContext {
        &self.context
    }

    fn believe(&self, message: Verified<Message>) -> Verified<Message> {
        message
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
            ServerOutput::Behind(epoch) => tracing::info!(%epoch, "a later epoch was heard of"),
            ServerOutput::Unrepaired(key) => {
                tracing::error!(?key, "no server could mend a damaged object");
            }
            ServerOutput::Scrubbed(report) => tracing::info!(?report, "scrubbed"),
        }
    }
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
                Wanted::This(key) => find(&store, key),
                Wanted::After(after) => find_next(&store, after),
            };
            let loaded = ServerRequest::Loaded { ticket, found };
            let told = answers.get().map(|server| server.request(loaded));
            if !matches!(told, Some(Ok(()))) {
                tracing::warn!("an answer to a load was dropped: too many wait");
            }
        });
        if self.workers.submit(job).is_err() {
            // The machine bounds its loads below the bound of the workers, so this is a scrub at
            // worst: it takes the object for damaged, and comes back to it.
            if let Wanted::This(key) = wanted {
                requests.push(ServerRequest::Loaded { ticket, found: Found::Damaged(key) });
            }
        }
    }
}

fn blob_name(key: ObjectKey) -> BlobName {
    *key.id().as_bytes()
}

fn read(store: &ObjectStore, key: ObjectKey) -> Result<Option<Vec<u8>>, StoreError> {
    match key {
        ObjectKey::Chunk(_) => store.content(&blob_name(key)),
        ObjectKey::Manifest(_) => store.objects().get(Space::Meta, key.id().as_bytes()),
        ObjectKey::Register(_) => store.objects().get(Space::Mutable, key.id().as_bytes()),
    }
}

fn find(store: &ObjectStore, key: ObjectKey) -> Found {
    match read(store, key) {
        Ok(Some(bytes)) => Found::Object(key, bytes),
        Ok(None) => Found::Absent,
        Err(error) => {
            tracing::error!(?key, %error, "an object cannot be read");
            Found::Damaged(key)
        }
    }
}

/// The object with the lowest name above this one.
fn find_next(store: &ObjectStore, after: Option<ObjectKey>) -> Found {
    match next_key(store, after) {
        Ok(Some(key)) => find(store, key),
        Ok(None) => Found::Absent,
        Err(error) => {
            tracing::error!(%error, "the object store cannot be listed");
            Found::Absent
        }
    }
}

type Named = fn(quorate_types::ObjectId) -> ObjectKey;

/// Kinds of objects in the order of their names.
const KINDS: [Named; 3] = [ObjectKey::Chunk, ObjectKey::Manifest, ObjectKey::Register];

const fn rank(key: &ObjectKey) -> usize {
    match key {
        ObjectKey::Chunk(_) => 0,
        ObjectKey::Manifest(_) => 1,
        ObjectKey::Register(_) => 2,
    }
}

fn next_key(
    store: &ObjectStore,
    after: Option<ObjectKey>,
) -> Result<Option<ObjectKey>, StoreError> {
    let first_kind = after.as_ref().map_or(0, rank);
    for (kind, name_of) in KINDS.iter().enumerate().skip(first_kind) {
        let above = after.filter(|after| rank(after) == kind).map(blob_name);
        let first = above.unwrap_or([0; 32]);
        let names = match kind {
            0 => store.content_names(&first, 2)?,
            1 => small_names(store, Space::Meta, &first)?,
            _ => small_names(store, Space::Mutable, &first)?,
        };
        if let Some(name) = names.into_iter().find(|name| Some(*name) > above) {
            return Ok(Some(name_of(quorate_types::ObjectId::new(name))));
        }
    }
    Ok(None)
}

fn small_names(
    store: &ObjectStore,
    space: Space,
    first: &BlobName,
) -> Result<Vec<BlobName>, StoreError> {
    let keys = store.objects().scan_keys(space, first, 2)?;
    Ok(keys.iter().filter_map(|key| BlobName::try_from(key.as_slice()).ok()).collect())
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
