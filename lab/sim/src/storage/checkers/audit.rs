//! C3: what a good client accepts and a good server keeps is what it claims to be.
//!
//! Every hash and signature is made and checked again here, without the code that did it first,
//! and with knowledge that no participant has: which versions and contents clients really sent.

use std::rc::Rc;

use quorate_crypto::{Domain, SignatureCheck, hash, hash_of};
use quorate_dht::object::{Stamp, StoredObject};
use quorate_dht::{
    Answer, CallId, ClientOutput, ClientRequest, Message, ObjectKey, Operation, Record, Value,
    Version,
};
use quorate_machine::{Input, Recipients, RecordNumber};
use quorate_types::{Digest, ObjectId, SystemId};
use quorate_wire::Writer;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::FastMap;
use crate::host::Subject;
use crate::node::Node;
use crate::storage::scene::Scene;
use crate::storage::sight::Sight;

/// Checks again what others have checked.
#[derive(Debug)]
pub struct Audit<S> {
    sight: S,
    scene: Rc<Scene>,
    /// Versions that some client sent.
    versions: FastMap<(ObjectId, Digest), ()>,
    /// Length of every content that some client sent.
    contents: FastMap<ObjectKey, u32>,
    /// What good clients ask for at the moment.
    asked: FastMap<(Node, CallId), Operation>,
}

type Found = Result<(), String>;

fn found(holds: bool, what: impl FnOnce() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

/// The id that these bytes have as content of the kind that the name says.
fn content_id(key: &ObjectKey, bytes: &[u8]) -> Option<ObjectId> {
    let domain = match key {
        ObjectKey::Chunk(_) => Domain::Content,
        ObjectKey::Manifest(_) => Domain::Manifest,
        ObjectKey::Register(_) => return None,
    };
    Some(ObjectId::new(*hash(domain, bytes).as_bytes()))
}

fn value_digest(value: &Value) -> Digest {
    let mut writer = Writer::with_capacity(64);
    match value {
        Value::Data(bytes) => {
            writer.tag(1);
            writer.bytes(bytes);
        }
        Value::Deleted => writer.tag(2),
    }
    hash(Domain::Content, writer.as_bytes())
}

/// What the owner signs: the system, the object, and the stamp's three parts.
fn signed_digest(system: SystemId, object: ObjectId, stamp: &Stamp) -> Digest {
    let mut bytes = Vec::new();
    bytes.extend(system.as_bytes());
    bytes.extend(object.as_bytes());
    bytes.extend(stamp.sequence.to_be_bytes());
    bytes.extend(stamp.writer.as_bytes());
    bytes.extend(stamp.value.as_bytes());
    hash(Domain::ObjectVersion, &bytes)
}

impl<S> Audit<S> {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(sight: S, scene: Rc<Scene>) -> Self {
        Self {
            sight,
            scene,
            versions: FastMap::default(),
            contents: FastMap::default(),
            asked: FastMap::default(),
        }
    }

    fn version(&self, key: ObjectKey, version: &Version) -> Found {
        let (owner, stamp) = (version.signed.owner, version.signed.stamp);
        let object = ObjectId::new(*hash(Domain::PublicKeyObject, owner.as_bytes()).as_bytes());
        found(key == ObjectKey::Register(object), || format!("a version of another {object:?}"))?;
        let digest = value_digest(&version.value);
        found(digest == stamp.value, || format!("another value under {stamp:?}"))?;
        let digest = signed_digest(self.scene.ring.system, object, &stamp);
        let check = SignatureCheck { key: owner, digest, signature: version.signed.signature };
        found(self.scene.verifier.is_valid(&check), || format!("{stamp:?} without a signature"))?;
        found(self.versions.contains_key(&(object, hash_of(Domain::Derivation, &stamp))), || {
            format!("{stamp:?}, which nobody wrote")
        })
    }

    /// A good client writes what it was asked for, or back what was written before.
    fn writes(&mut self, at: &At, version: &Version) -> Verdict {
        let place = (version.signed.object(), hash_of(Domain::Derivation, &version.stamp()));
        let is_known = self.versions.insert(place, ()).is_some();
        let is_asked = |((node, _), operation): (&(Node, CallId), &Operation)| match operation {
            Operation::WriteObject { value, .. } => *node == at.node && *value == version.value,
            _ => false,
        };
        if !at.is_good() || is_known || self.asked.iter().any(is_asked) {
            return Ok(());
        }
        let what = format!("{:?}, which nobody wrote", version.stamp());
        broken(at, "writes back", Err(what))
    }

    fn content(key: ObjectKey, bytes: &[u8]) -> Found {
        found(content_id(&key, bytes) == Some(key.id()), || {
            format!("{} bytes that are not {key:?}", bytes.len())
        })
    }

    fn answer(&self, operation: &Operation, answer: &Answer) -> Found {
        match (operation, answer) {
            (Operation::GetContent(key), Answer::Content(body)) => Self::content(*key, body),
            (Operation::PutContent { body, .. }, Answer::Stored(key)) => Self::content(*key, body),
            (Operation::StatContent(key), Answer::Present(bytes)) => {
                let known = self.contents.get(key);
                found(known == Some(bytes), || format!("{key:?} has {bytes} bytes, not {known:?}"))
            }
            (Operation::WriteObject { owner, value }, Answer::Written(version)) => {
                let id = hash(Domain::PublicKeyObject, owner.public_key().as_bytes());
                self.version(ObjectKey::Register(ObjectId::new(*id.as_bytes())), version)?;
                found(version.value == *value, || String::from("another value than was asked for"))
            }
            (Operation::ReadObject(_), Answer::Object(None)) => Ok(()),
            (Operation::ReadObject(id), Answer::Object(Some(version))) => {
                self.version(ObjectKey::Register(*id), version)
            }
            _ => Err(format!("{answer:?} for {operation:?}")),
        }
    }
}

fn broken(at: &At, how: &str, found: Found) -> Verdict {
    found.map_err(|what| Broken::new("C3", format!("{:?} {how} {what}", at.node)))
}

impl<M: Subject, S: Sight<M>> Checker<M> for Audit<S> {
    fn id(&self) -> &'static str {
        "C3"
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        if let Some(ClientRequest::Invoke { call, operation, .. }) = self.sight.asked(input)
            && at.is_good()
        {
            self.asked.entry((at.node, *call)).or_insert_with(|| operation.clone());
        }
        Ok(())
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &M::Outbound) -> Verdict {
        if !self.scene.is_client(at.node) {
            return Ok(());
        }
        match self.sight.sent(message) {
            Some(Message::WriteVersion(write)) => return self.writes(at, &write.version),
            Some(Message::PutContent(put)) => {
                let bytes = u32::try_from(put.body.len()).unwrap_or(u32::MAX);
                self.contents.insert(put.key, bytes);
            }
            _ => {}
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &M::Output) -> Verdict {
        let Some(ClientOutput::Returned { call, outcome }) = self.sight.told(output) else {
            return Ok(());
        };
        let Some(operation) = self.asked.remove(&(at.node, *call)) else { return Ok(()) };
        let Ok(answer) = outcome else { return Ok(()) };
        broken(at, "accepts", self.answer(&operation, answer))
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &M::Record) -> Verdict {
        let Some(Record::Store(key, object)) = self.sight.kept(record) else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        broken(
            at,
            "keeps",
            match object {
                StoredObject::Content(content) => Self::content(*key, &content.body),
                StoredObject::Version(version) => self.version(*key, version),
            },
        )
    }

    fn on_crash(&mut self, at: &At) -> Verdict {
        self.asked.retain(|(node, _), _| *node != at.node);
        Ok(())
    }
}
