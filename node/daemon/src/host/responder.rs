//! Serving the configuration, and vouching that it is fresh; with what was promised about that on
//! the disk (MEM-6).

use quorate_crypto::Verified;
use quorate_duties::turnover::Event;
use quorate_machine::RecordNumber;
use quorate_membership::message::Message;
use quorate_membership::responder::ResponderLog;
use quorate_membership::{FreshnessResponder, ResponderOutput, ResponderRecord, ResponderRequest};
use quorate_runtime::{Hosted, Journal, JournalError, Plain};
use quorate_store::critical::CriticalState;
use quorate_store::directory::DataDirectory;
use quorate_store::error::StoreError;
use quorate_wire::{decode, encode};

use crate::epochs::{Told, say};

/// What a vouch costs: one signature, microseconds.
const VOUCH_MICROS: u64 = 50;
/// What a page of the configuration costs: up to 128 records copied and encoded, microseconds.
const PAGE_MICROS: u64 = 100;

/// What a founding costs: up to 1024 records, microseconds.
const FOUNDING_MICROS: u64 = 1_000;

/// The glue of the responder.
#[derive(Debug)]
pub struct ResponderHost {
    /// Who hears that an epoch has ended here.
    pub events: Option<Told>,
}

impl Hosted for ResponderHost {
    type Machine = FreshnessResponder;
    type Message = Plain<Message>;

    /// Anybody may ask, and no question is signed: without this, questions would be free.
    fn work_micros(&self, message: &Self::Message) -> u64 {
        match message.0 {
            Message::Challenge(_) => VOUCH_MICROS,
            Message::GetConfiguration(_) => PAGE_MICROS,
            Message::GetFounding(_) => FOUNDING_MICROS,
            Message::Configuration(_) | Message::Vouch(_) | Message::Founding(_) => 0,
        }
    }

    fn context<'host>(&'host self, _: &'host FreshnessResponder) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> Message {
        message.into_inner().0
    }

    fn record_bytes(&self, _: &ResponderRecord) -> usize {
        64
    }

    fn on_output(&mut self, output: ResponderOutput, _: &mut Vec<ResponderRequest>) {
        let ResponderOutput::EpochEnded(epoch) = output;
        tracing::info!(%epoch, "the epoch has ended");
        if let Some(events) = &self.events {
            say(events, Event::VouchesNoMore(epoch).into());
        }
    }
}

/// The file of the last epoch that has ended here, in the responder's part of the data directory.
const ENDED: &str = "ended";
/// The name of the value in it.
const EPOCH: &str = "epoch";

/// Keeps the last epoch that has ended here: all that a responder writes, and all that it needs.
#[derive(Debug)]
pub struct ResponderJournal {
    state: CriticalState,
    pending: Option<ResponderRecord>,
}

/// Opens the disk of the responder, and says what it holds.
///
/// # Errors
/// [`StoreError::Wiped`] if a server that has served finds nothing there; otherwise what the disk
/// reports; a value that this version cannot read.
pub fn open(data: &DataDirectory) -> Result<(ResponderLog, ResponderJournal), JournalError> {
    let directory = data.part("configuration", &[ENDED])?;
    std::fs::create_dir_all(&directory).map_err(|source| StoreError::Io {
        path: directory.clone(),
        operation: "create the directory of the configuration",
        source,
    })?;
    let state = CriticalState::open(&directory.join(ENDED))?;
    let mut records = ResponderLog::new();
    if let Some(bytes) = state.get(EPOCH)? {
        let unreadable = |source| JournalError::Unreadable { number: 1, source };
        records.push((RecordNumber::new(1), decode(&bytes).map_err(unreadable)?));
    }
    Ok((records, ResponderJournal { state, pending: None }))
}

impl Journal<ResponderRecord> for ResponderJournal {
    fn append(&mut self, record: ResponderRecord) -> Result<(), JournalError> {
        // Epochs end in their order, so the last record says what all before it said.
        self.pending = Some(record);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if let Some(record) = self.pending.take() {
            self.state.put_all(&[(EPOCH, &encode(&record))])?;
        }
        Ok(())
    }

    fn release(&mut self, _: RecordNumber) -> Result<(), JournalError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! Questions that nobody signs are paid for, and what was promised outlives a crash.
    use quorate_membership::ResponderRecord;
    use quorate_membership::message::{GetConfiguration, Message};
    use quorate_membership::responder::ResponderLog;
    use quorate_membership::{Challenge, Nonce};
    use quorate_runtime::{Hosted, Journal, Plain};
    use quorate_store::directory::{DataDirectory, Expectation};
    use quorate_types::{Digest, Epoch, NodeId};

    use super::{ResponderHost, ResponderJournal, open};

    #[test]
    fn every_question_about_the_configuration_is_charged() {
        let nonce = Nonce::new(Digest::ZERO);
        let from = NodeId::new([0; 32]);
        for question in [
            Message::Challenge(Challenge { nonce }),
            Message::GetConfiguration(GetConfiguration { from }),
        ] {
            assert!(
                ResponderHost { events: None }.work_micros(&Plain(question.clone())) > 0,
                "{question:?}"
            );
        }
    }

    fn scratch() -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("quorate-responder-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        path
    }

    /// The process dies and comes back: what it finds.
    fn again(path: &std::path::Path) -> (ResponderLog, ResponderJournal, DataDirectory) {
        let data = DataDirectory::open(path, &[1; 32], Expectation::Fresh).expect("a directory");
        let (records, journal) = open(&data).expect("a file");
        (records, journal, data)
    }

    fn ended(records: &ResponderLog) -> Vec<ResponderRecord> {
        records.iter().map(|(_, record)| *record).collect()
    }

    #[test]
    fn the_end_of_an_epoch_is_on_the_disk_before_it_is_told_and_outlives_a_crash_mem_6() {
        let path = scratch();
        let (records, mut journal, data) = again(&path);
        assert_eq!(records, []);
        let first = ResponderRecord::Ended(Epoch::ZERO);
        journal.append(first).expect("it is taken");
        drop((journal, data));

        let (records, mut journal, data) = again(&path);
        assert_eq!(records, [], "nobody was told: the epoch goes on");
        for epoch in [Epoch::ZERO, Epoch::new(1)] {
            journal.append(ResponderRecord::Ended(epoch)).expect("it is taken");
            journal.commit().expect("it is durable");
        }
        drop((journal, data));

        let (records, mut journal, data) = again(&path);
        assert_eq!(ended(&records), [ResponderRecord::Ended(Epoch::new(1))]);
        journal.commit().expect("nothing waits");
        drop((journal, data));
        let (records, ..) = again(&path);
        assert_eq!(ended(&records), [ResponderRecord::Ended(Epoch::new(1))]);
        std::fs::remove_dir_all(&path).expect("the scratch directory goes");
    }
}
