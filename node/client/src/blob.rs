//! Files of any size as content-hash objects: chunks and a manifest, streamed.
//!
//! At most [`CHUNKS_IN_FLIGHT`] chunks are in memory at a time, whatever the size of the file.

use std::collections::VecDeque;
use std::io::{Read, Write};

use quorate_dht::limits::CHUNK_BYTES;
use quorate_dht::manifest::{ManifestBuilder, ManifestNode, ManifestReader, Wanted};
use quorate_dht::{Answer, Body, ContentKind, ObjectKey, Operation};
use quorate_types::ObjectId;

use crate::cluster::{Begun, Cluster};
use crate::error::ClientError;

/// Chunks that are under way at the same time.
pub const CHUNKS_IN_FLIGHT: usize = 8;

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
        let mut builder = ManifestBuilder::new();
        let mut hasher = blake3::Hasher::new();
        let mut under_way = UnderWay::new();
        loop {
            let chunk = read_chunk(source)?;
            if chunk.is_empty() {
                break;
            }
            hasher.update(&chunk);
            let (size, body) = (chunk.len(), Body::new(chunk));
            let id = ContentKind::Chunk.key_of(&body).id();
            self.put_one(ContentKind::Chunk, body, &mut under_way).await?;
            let nodes = builder.push(id, size).map_err(ClientError::Manifest)?;
            self.put_nodes(nodes, &mut under_way).await?;
            progress(builder.length());
        }
        let (length_bytes, hash) = (builder.length(), hasher.finalize());
        let nodes = builder.finish(*hash.as_bytes());
        let id = nodes.last().map(|root| root.id).expect("the root is the last manifest node");
        self.put_nodes(nodes, &mut under_way).await?;
        while let Some(begun) = under_way.pop_front() {
            begun.finish().await?;
        }
        Ok(BlobSummary { id, length_bytes, hash: hash.to_hex().to_string() })
    }

    async fn put_nodes(
        &self,
        nodes: Vec<ManifestNode>,
        under_way: &mut UnderWay,
    ) -> Result<(), ClientError> {
        for node in nodes {
            self.put_one(ContentKind::Manifest, Body::new(node.bytes), under_way).await?;
        }
        Ok(())
    }

    async fn put_one(
        &self,
        kind: ContentKind,
        body: Body,
        under_way: &mut UnderWay,
    ) -> Result<(), ClientError> {
        let expires = quorate_dht::object::KEEP_FOR_EVER;
        under_way.push_back(self.begin(Operation::PutContent { kind, body, expires }).await?);
        while under_way.len() > CHUNKS_IN_FLIGHT {
            let Some(first) = under_way.pop_front() else { break };
            first.finish().await?;
        }
        Ok(())
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
        let mut output = Output { sink, hasher: blake3::Hasher::new(), written: 0 };
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

/// Where the bytes of a file go, in their order.
struct Output<'a> {
    sink: &'a mut dyn Write,
    hasher: blake3::Hasher,
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
        let got = self.hasher.finalize();
        if got != expected {
            let (expected, got) = (expected.to_hex().to_string(), got.to_hex().to_string());
            return Err(ClientError::WrongHash { expected, got });
        }
        Ok(BlobSummary { id, length_bytes: self.written, hash: got.to_hex().to_string() })
    }
}

/// The next chunk of the file: full, unless it is the last; empty at the end.
fn read_chunk(source: &mut dyn Read) -> Result<Vec<u8>, ClientError> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let local = |source| ClientError::Local { action: "read", source };
    source.take(CHUNK_BYTES as u64).read_to_end(&mut chunk).map_err(local)?;
    Ok(chunk)
}
