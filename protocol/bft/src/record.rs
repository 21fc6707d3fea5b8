//! What a replica writes to its log, and why each record must be there before what follows it.
//!
//! Settled points 2. Two barriers stand in the path of a cut: before the prepare, the cut with its
//! inline batch ([`Record::Accepted`]); before the commit, the quorum of prepares
//! ([`Record::Prepared`]). Group commit shares them with all that is written at that moment.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_state::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use quorate_state::{Bytes, Change, Map, Snapshot};
use quorate_types::View;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::RECORD_ENTRIES_MAX;
use crate::message::{
    Base, Batch, CheckpointCertificate, CheckpointStatement, CommitCertificate, HashedCut, NewView,
    PrepareCertificate, ViewChange,
};

/// A record of a replica's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// A batch that the replica acknowledges, or sends in its own lane.
    Batch(Arc<Batch>),
    /// A cut that the replica prepares in a view; or one that it learned to be decided, under the
    /// first view.
    Accepted {
        /// The view.
        view: View,
        /// The cut.
        cut: HashedCut,
        /// Its inline batch, which the prepare acknowledges.
        inline: Option<Arc<Batch>>,
        /// Votes that decided the slot before, or this one, where the replica holds them.
        parent: Option<CommitCertificate>,
    },
    /// A quorum of prepares, which the replica commits to.
    Prepared {
        /// The prepares.
        certificate: PrepareCertificate,
        /// The cut.
        cut: HashedCut,
    },
    /// The replica enters a view.
    ViewChange(Arc<ViewChange>),
    /// The replica follows the start of a view.
    NewView(Arc<NewView>),
    /// The replica's state after a slot: what changed since the last such record.
    Checkpoint {
        /// What the replica says of the state.
        statement: CheckpointStatement,
        /// The cut of the slot.
        cut: HashedCut,
        /// Proof that this slot, or a later one, is decided.
        proof: Base,
        /// The changed entries.
        changes: Vec<Change>,
    },
    /// The whole state, got from others: replaces what was there.
    Installed {
        /// What a quorum says of the state.
        certificate: CheckpointCertificate,
        /// The cut of the slot.
        cut: HashedCut,
        /// The state.
        state: Snapshot,
    },
    /// A quorum says the same of the state.
    Stable(CheckpointCertificate),
    /// The state with which this epoch begins, inherited from the one before: the first record.
    Inherited {
        /// What the replica says of the state at the base of its epoch.
        statement: CheckpointStatement,
        /// The cut before the first one.
        cut: HashedCut,
        /// The state, which the record shares with the replica.
        state: Snapshot,
    },
}

/// What the executor keeps of the records that describe the state: the state itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Image {
    /// What the replica said of the state.
    pub statement: CheckpointStatement,
    /// The cut of the slot.
    pub cut: HashedCut,
    /// Proof that this slot, or a later one, is decided.
    pub proof: Base,
}

quorate_wire::fields!(Image { statement, cut, proof });

/// What a record makes of the entries of the image.
#[derive(Clone, Copy, Debug)]
pub enum ImageUpdate<'a> {
    /// These are others, or gone; the rest stays.
    Some(&'a [Change]),
    /// Whatever was there, these are all.
    All(&'a Snapshot),
}

impl ImageUpdate<'_> {
    /// Does nothing stay of what was there?
    #[must_use]
    pub const fn replaces_all(&self) -> bool {
        matches!(self, Self::All(_))
    }

    /// Keys, each with its value now; nothing if it is gone.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Option<&Bytes>)> {
        let (changes, state) = match self {
            Self::Some(changes) => (*changes, None),
            Self::All(state) => (&[][..], Some(state)),
        };
        let changed = changes.iter().map(|(key, value)| (&**key, value.as_ref()));
        let all = state.into_iter().flat_map(|state| state.iter());
        changed.chain(all.map(|(key, value)| (key, Some(value))))
    }
}

impl Record {
    /// What the record makes of the image: its new description, and its entries; nothing if it
    /// leaves the image alone.
    #[must_use]
    pub fn image(&self) -> Option<(Image, ImageUpdate<'_>)> {
        match self {
            Self::Checkpoint { statement, cut, proof, changes } => {
                let (cut, proof) = (cut.clone(), proof.clone());
                Some((Image { statement: *statement, cut, proof }, ImageUpdate::Some(changes)))
            }
            Self::Installed { certificate, cut, state } => {
                let (statement, certificate) = (certificate.statement, certificate.clone());
                let proof = Base::Checkpoint { cut: cut.clone(), certificate };
                Some((Image { statement, cut: cut.clone(), proof }, ImageUpdate::All(state)))
            }
            Self::Inherited { statement, cut, state } => {
                let (statement, cut) = (*statement, cut.clone());
                Some((Image { statement, cut, proof: Base::Start }, ImageUpdate::All(state)))
            }
            Self::Batch(_)
            | Self::Accepted { .. }
            | Self::Prepared { .. }
            | Self::ViewChange(_)
            | Self::NewView(_)
            | Self::Stable(_) => None,
        }
    }
}

const ENTRIES: Limit = Limit::new("entries of a record", RECORD_ENTRIES_MAX);
const KEY: Limit = Limit::new("entry key bytes", KEY_BYTES_MAX);
const VALUE: Limit = Limit::new("entry value bytes", VALUE_BYTES_MAX);

fn write_change(writer: &mut Writer, (key, value): (&[u8], Option<&Bytes>)) {
    writer.bytes(key);
    value.is_some().encode(writer);
    if let Some(value) = value {
        writer.bytes(value);
    }
}

fn write_changes(writer: &mut Writer, changes: &[Change]) {
    writer.count(changes.len());
    changes.iter().for_each(|(key, value)| write_change(writer, (key, value.as_ref())));
}

/// As changes of an empty map.
fn write_state(writer: &mut Writer, state: &Snapshot) {
    writer.count(state.len());
    state.iter().for_each(|(key, value)| write_change(writer, (key, Some(value))));
}

fn read_change(reader: &mut Reader<'_>) -> Result<Change, DecodeError> {
    let key = reader.bytes(KEY)?;
    let value = bool::decode(reader)?.then(|| reader.bytes(VALUE)).transpose()?;
    Ok((key.into(), value.map(Into::into)))
}

fn read_changes(reader: &mut Reader<'_>) -> Result<Vec<Change>, DecodeError> {
    let count = reader.count(ENTRIES)?;
    (0..count).map(|_| read_change(reader)).collect()
}

fn read_state(reader: &mut Reader<'_>) -> Result<Snapshot, DecodeError> {
    const NOT_IN_ORDER: DecodeError = DecodeError::NotCanonical { of: "state" };
    let (mut state, mut last) = (Map::new(), None);
    for _ in 0..reader.count(ENTRIES)? {
        let (key, value) = read_change(reader)?;
        let value = value.filter(|_| last.as_ref().is_none_or(|last| *last < key));
        state.insert(&key, &value.ok_or(NOT_IN_ORDER)?);
        last = Some(key);
    }
    Ok(state.snapshot())
}

impl Encode for Record {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Batch(batch) => {
                writer.tag(1);
                batch.encode(writer);
            }
            Self::Accepted { view, cut, inline, parent } => {
                writer.tag(2);
                view.encode(writer);
                cut.encode(writer);
                inline.encode(writer);
                parent.encode(writer);
            }
            Self::Prepared { certificate, cut } => {
                writer.tag(3);
                certificate.encode(writer);
                cut.encode(writer);
            }
            Self::ViewChange(change) => {
                writer.tag(4);
                change.encode(writer);
            }
            Self::NewView(new_view) => {
                writer.tag(5);
                new_view.encode(writer);
            }
            Self::Checkpoint { statement, cut, proof, changes } => {
                writer.tag(6);
                statement.encode(writer);
                cut.encode(writer);
                proof.encode(writer);
                write_changes(writer, changes);
            }
            Self::Installed { certificate, cut, state } => {
                writer.tag(7);
                certificate.encode(writer);
                cut.encode(writer);
                write_state(writer, state);
            }
            Self::Stable(certificate) => {
                writer.tag(8);
                certificate.encode(writer);
            }
            Self::Inherited { statement, cut, state } => {
                writer.tag(9);
                statement.encode(writer);
                cut.encode(writer);
                write_state(writer, state);
            }
        }
    }
}

impl Decode for Record {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.tag()? {
            1 => Self::Batch(Decode::decode(reader)?),
            2 => Self::Accepted {
                view: Decode::decode(reader)?,
                cut: Decode::decode(reader)?,
                inline: Decode::decode(reader)?,
                parent: Decode::decode(reader)?,
            },
            3 => Self::Prepared {
                certificate: Decode::decode(reader)?,
                cut: Decode::decode(reader)?,
            },
            4 => Self::ViewChange(Decode::decode(reader)?),
            5 => Self::NewView(Decode::decode(reader)?),
            6 => Self::Checkpoint {
                statement: Decode::decode(reader)?,
                cut: Decode::decode(reader)?,
                proof: Decode::decode(reader)?,
                changes: read_changes(reader)?,
            },
            7 => Self::Installed {
                certificate: Decode::decode(reader)?,
                cut: Decode::decode(reader)?,
                state: read_state(reader)?,
            },
            8 => Self::Stable(Decode::decode(reader)?),
            9 => Self::Inherited {
                statement: Decode::decode(reader)?,
                cut: Decode::decode(reader)?,
                state: read_state(reader)?,
            },
            tag => return Err(DecodeError::UnknownTag { of: "Record", tag }),
        })
    }
}
