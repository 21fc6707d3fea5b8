//! Files of any size as content-hash objects: chunks and a manifest, streamed.
//!
//! At most [`CHUNKS_IN_FLIGHT`] chunks are in memory at a time, whatever the size of the file.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use quorate_dht::limits::CHUNK_BYTES;
use quorate_dht::manifest::{ManifestBuilder, ManifestNode, ManifestReader, Wanted};
use quorate_dht::{Answer, Body, ContentKind, ObjectKey, Operation};
use quorate_types::ObjectId;

use crate::cluster::{Begun, Cluster};
use crate::error::ClientError;

/// Chunks that are under way at the same time.
pub const CHUNKS_IN_FLIGHT: usize = 12;

/// What is known of a stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobSummary {
    /// The id of the file.
    pub id: ObjectId,
    /// Its length in bytes.
    pub length_bytes: u64,
    /// The plain BLAKE3 of its bytes, as `b3sum` prints it.
    pub hash: String,
}

/// Objects under way, oldest first.
type UnderWay = VecDeque<Begun>;

/// A file on its way to the servers: chunks under way, and the manifest over those that arrived.
struct Upload<'a> {
    cluster: &'a Cluster,
    manifest: ManifestBuilder,
    /// With the length of each chunk; 0 for a node of the manifest.
    under_way: VecDeque<(Begun, usize)>,
}

impl Cluster {
    /// Stores everything that `source` gives; `progress` hears how many bytes were taken.
    ///
    /// # Errors
    /// [`ClientError`] says what failed; chunks that were stored until then do no harm.
    pub async fn put_blob(
        &self,
        source: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> Result<BlobSummary, ClientError> {
        let (manifest, under_way) = (ManifestBuilder::new(), VecDeque::new());
        let mut upload = Upload { cluster: self, manifest, under_way };
        let hasher = FileHasher::start()?;
        let mut taken = 0;
        loop {
            let chunk = Body::new(read_chunk(source)?);
            if chunk.is_empty() {
                break;
            }
            hasher.update(&chunk);
            taken += chunk.len() as u64;
            let length = chunk.len();
            upload.put(ContentKind::Chunk, chunk, length).await?;
            progress(taken);
        }
        upload.finish_all().await?;
        let hash = hasher.finish();
        let Upload { manifest, under_way, .. } = upload;
        let length_bytes = manifest.length();
        let nodes = manifest.finish(*hash.as_bytes());
        let id = nodes.last().map(|root| root.id).expect("the root is the last manifest node");
        let mut upload = Upload { cluster: self, manifest: ManifestBuilder::new(), under_way };
        upload.put_nodes(nodes).await?;
        upload.finish_all().await?;
        Ok(BlobSummary { id, length_bytes, hash: hash.to_hex().to_string() })
    }

    /// What is stored under an id, without its bytes.
    ///
    /// # Errors
    /// [`ClientError::Storage`] if there is none, [`ClientError::Manifest`] if it is no file.
    pub async fn stat_blob(&self, id: ObjectId) -> Result<BlobSummary, ClientError> {
        let manifest = self.open_blob(id).await?;
        let hash = blake3::Hash::from_bytes(*manifest.file_hash()).to_hex().to_string();
        Ok(BlobSummary { id, length_bytes: manifest.length(), hash })
    }

    async fn open_blob(&self, id: ObjectId) -> Result<ManifestReader, ClientError> {
        let root = self.get_content(ObjectKey::Manifest(id)).await?;
        ManifestReader::open(id, &root).map_err(ClientError::Manifest)
    }

    /// Writes the bytes of a file to `sink`, each verified before it is written; `progress` hears
    /// how many bytes were written, and how many there are.
    ///
    /// # Errors
    /// [`ClientError`] says what failed; what was written until then is right.
    pub async fn get_blob(
        &self,
        id: ObjectId,
        sink: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BlobSummary, ClientError> {
        let mut manifest = self.open_blob(id).await?;
        let mut output = Output { sink, hasher: FileHasher::start()?, written: 0 };
        let mut under_way = UnderWay::new();
        loop {
            match manifest.advance() {
                Wanted::Node(key) => {
                    let bytes = self.get_content(key).await?;
                    manifest.supply(&bytes).map_err(ClientError::Manifest)?;
                }
                Wanted::Chunk(place) => {
                    let get = Operation::GetContent(ObjectKey::Chunk(place.id));
                    under_way.push_back(self.begin(get).await?);
                }
                Wanted::End => break,
            }
            while under_way.len() > CHUNKS_IN_FLIGHT {
                output.take(&mut under_way).await?;
                progress(output.written, manifest.length());
            }
        }
        while !under_way.is_empty() {
            output.take(&mut under_way).await?;
            progress(output.written, manifest.length());
        }
        let expected = blake3::Hash::from_bytes(*manifest.file_hash());
        output.finish(id, expected)
    }
}

impl Upload<'_> {
    async fn put(
        &mut self,
        kind: ContentKind,
        body: Body,
        chunk_bytes: usize,
    ) -> Result<(), ClientError> {
        let expires = quorate_dht::object::KEEP_FOR_EVER;
        let begun = self.cluster.begin(Operation::PutContent { kind, body, expires }).await?;
        self.under_way.push_back((begun, chunk_bytes));
        while self.under_way.len() > CHUNKS_IN_FLIGHT {
            self.finish_one().await?;
        }
        Ok(())
    }

    async fn put_nodes(&mut self, nodes: Vec<ManifestNode>) -> Result<(), ClientError> {
        for node in nodes {
            // Boxed: nodes are put while others are finished, and finishing chunks makes nodes.
            Box::pin(self.put(ContentKind::Manifest, Body::new(node.bytes), 0)).await?;
        }
        Ok(())
    }

    /// Waits for the oldest; the storage client has hashed it, so its name is known from there.
    async fn finish_one(&mut self) -> Result<(), ClientError> {
        let Some((begun, chunk_bytes)) = self.under_way.pop_front() else { return Ok(()) };
        let Answer::Stored(key) = begun.finish().await? else {
            unreachable!("a put is answered with its key");
        };
        if chunk_bytes == 0 {
            return Ok(());
        }
        let nodes = self.manifest.push(key.id(), chunk_bytes).map_err(ClientError::Manifest)?;
        self.put_nodes(nodes).await
    }

    async fn finish_all(&mut self) -> Result<(), ClientError> {
        while !self.under_way.is_empty() {
            self.finish_one().await?;
        }
        Ok(())
    }
}

/// Where the bytes of a file go, in their order.
struct Output<'a> {
    sink: &'a mut dyn Write,
    hasher: FileHasher,
    written: u64,
}

impl Output<'_> {
    async fn take(&mut self, under_way: &mut UnderWay) -> Result<(), ClientError> {
        let Some(first) = under_way.pop_front() else { return Ok(()) };
        let Answer::Content(body) = first.finish().await? else {
            unreachable!("a get is answered with content");
        };
        self.hasher.update(&body);
        self.written += body.len() as u64;
        let local = |source| ClientError::Local { action: "write", source };
        self.sink.write_all(&body).map_err(local)
    }

    fn finish(self, id: ObjectId, expected: blake3::Hash) -> Result<BlobSummary, ClientError> {
        let local = |source| ClientError::Local { action: "write", source };
        self.sink.flush().map_err(local)?;
        let got = self.hasher.finish();
        if got != expected {
            let (expected, got) = (expected.to_hex().to_string(), got.to_hex().to_string());
            return Err(ClientError::WrongHash { expected, got });
        }
        Ok(BlobSummary { id, length_bytes: self.written, hash: got.to_hex().to_string() })
    }
}

/// The plain BLAKE3 of a whole file, on a thread of its own: beside the hash of each chunk it is
/// the only work that grows with the file and can be done apart from the connections.
struct FileHasher {
    chunks: SyncSender<Body>,
    thread: JoinHandle<blake3::Hash>,
}

impl FileHasher {
    fn start() -> Result<Self, ClientError> {
        let (chunks, given) = sync_channel::<Body>(CHUNKS_IN_FLIGHT);
        let run = move || {
            let mut hasher = blake3::Hasher::new();
            given.iter().for_each(|chunk| {
                hasher.update(&chunk);
            });
            hasher.finalize()
        };
        let thread = std::thread::Builder::new().name("file hash".to_owned()).spawn(run);
        let local = |source| ClientError::Local { action: "cannot start a thread", source };
        Ok(Self { chunks, thread: thread.map_err(local)? })
    }

    /// Waits only if the thread is behind by as many chunks as are under way.
    fn update(&self, chunk: &Body) {
        self.chunks.send(chunk.clone()).expect("the thread takes chunks until all are sent");
    }

    fn finish(self) -> blake3::Hash {
        drop(self.chunks);
        self.thread.join().expect("hashing does not panic")
    }
}

/// The next chunk of the file: full, unless it is the last; empty at the end.
fn read_chunk(source: &mut dyn Read) -> Result<Vec<u8>, ClientError> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let local = |source| ClientError::Local { action: "read", source };
    source.take(CHUNK_BYTES as u64).read_to_end(&mut chunk).map_err(local)?;
    Ok(chunk)
}
