//! Answering from the chain of configurations that this server keeps, by threads that read files.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use quorate_crypto::Verified;
use quorate_membership::archive::{ArchiveKeeper, ArchiveMessage, KeeperOutput, KeeperRequest};
use quorate_runtime::{Handle, Hosted, Plain, Workers};

use crate::epochs::archive::Archive;

/// What a question costs: up to a thousand small files are read, or a configuration is encoded.
const QUESTION_MICROS: u64 = 2_000;

/// The glue of a keeper.
#[derive(Debug)]
pub struct ArchiveHost {
    /// What is kept.
    pub archive: Arc<Archive>,
    /// Who reads it.
    pub workers: Arc<Workers>,
    /// The machine itself, for those who read.
    pub keeper: Arc<OnceLock<Handle<ArchiveKeeper>>>,
}

impl Hosted for ArchiveHost {
    type Machine = ArchiveKeeper;
    type Message = Plain<ArchiveMessage>;

    fn work_micros(&self, message: &Self::Message) -> u64 {
        match message.0 {
            ArchiveMessage::GetFirst(_) | ArchiveMessage::GetDeltas(_) => QUESTION_MICROS,
            ArchiveMessage::First(_) | ArchiveMessage::Deltas(_) => 0,
        }
    }

    fn context<'host>(&'host self, _: &'host ArchiveKeeper) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> ArchiveMessage {
        message.into_inner().0
    }

    fn payload_bytes(&self, message: &ArchiveMessage) -> usize {
        match message {
            ArchiveMessage::First(part) => part.bytes.len(),
            ArchiveMessage::Deltas(deltas) => deltas.deltas.iter().map(Vec::len).sum(),
            ArchiveMessage::GetFirst(_) | ArchiveMessage::GetDeltas(_) => 0,
        }
    }

    fn record_bytes(&self, record: &Infallible) -> usize {
        match *record {}
    }

    fn on_output(&mut self, output: KeeperOutput, requests: &mut Vec<KeeperRequest>) {
        let KeeperOutput::Asked(from, question) = output;
        let (archive, keeper) = (Arc::clone(&self.archive), Arc::clone(&self.keeper));
        let read = move || {
            let answer = archive.answer(&question);
            // Without its machine nobody waits for the answer.
            drop(keeper.get().map(|keeper| keeper.request(KeeperRequest::Answer(from, answer))));
        };
        if self.workers.submit(Box::new(read)).is_err() {
            requests.push(KeeperRequest::Answer(from, None));
        }
    }
}
