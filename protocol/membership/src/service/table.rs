//! How the service's state lies in the replicated map.
//!
//! ```text
//! "a"              CouncilRecord; nothing: the authority's one key signs
//! "c"              Tally
//! "d" + key        SeatKeys that an identity key deposited for the next epoch
//! "e" + id         Conviction of a server
//! "f" + epoch + id   Finding about a server that takes effect after that epoch
//! "g"              Stage of the epoch's end; nothing: it goes on
//! "h"              the header of the epoch
//! "i" + key        the root that an identity gets with the next epoch, if it gets another
//! "j" + id         the key with which a member of the group before signed in its epoch
//! "k" + key        KeyRecord of an identity key
//! "l"              how long the epoch before lasted; nothing: it was the founding
//! "m" + id         MemberRecord
//! "n" + id         about how many servers a member has spoken in this epoch
//! "o"              RotationRecord; nothing: every server can be drawn, for every seat
//! "p" + epoch + key  PendingChange of an identity key that takes effect after that epoch
//! "q" + epoch      RotationRecord of the rule that holds after that epoch
//! "r"              highest number of a certificate about the size of the group
//! "s"              the public side of the sharing of the system's key; nothing: there is no key
//! "t"              the system's signature on the header; nothing: it is being founded
//! "w" + id         Case of a server: what was said of it in this epoch
//! "z" + epoch      the resilience that the group gets after that epoch
//! ```
//! Only the service writes these keys, so what stands under one always decodes. From DONE to the
//! first request of the next epoch the members are those of the next epoch already, while header,
//! signature and sharing are those of the epoch that ends.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;

use quorate_machine::{Plant, ServiceState, planted};
use quorate_threshold::{Commitment, GroupKey, Signature as ThresholdSignature};
use quorate_types::{
    Duration, Epoch, IdentityKey, IdentityRoot, LaterRoot, MemberRecord, MemberStatus, NodeId,
    Resilience,
};
use quorate_wire::{Decode, DecodeError, Encode, decode, encode};

use super::change::{PendingChange, Statement};
use crate::authority::Council;
use crate::codec::{read_signature, write_signature};
use crate::configuration::held_or_new;
use crate::handover::attempt::parameters;
use crate::handover::{CommitmentBytes, SeatKeys, Stage};
use crate::header::{CertifiedHeader, ConfigurationHeader};
use crate::limits::{PAGE_MEMBERS_MAX, WALK_ENTRIES};
use crate::rotation::Rotation;
use crate::shortlist::Shortlist;

mod monitoring;
pub(super) use monitoring::Watched;

const COUNCIL: &[u8] = b"a";
const TALLY: &[u8] = b"c";
const DEPOSIT: &[u8] = b"d";
const STAGE: &[u8] = b"g";
const HEADER: &[u8] = b"h";
const SUCCESSOR: &[u8] = b"i";
const KEY: &[u8] = b"k";
const LASTED: &[u8] = b"l";
const MEMBER: &[u8] = b"m";
const ROTATION: &[u8] = b"o";
const PENDING: &[u8] = b"p";
const LATER_ROTATION: &[u8] = b"q";
const HIGHEST_RESIZE: &[u8] = b"r";
const SHARING: &[u8] = b"s";
const SIGNATURE: &[u8] = b"t";
const RESIZE: &[u8] = b"z";

/// What is kept of an identity key for as long as the system lives.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeyRecord {
    /// Highest number of a certificate about it that was executed; none: a founder without one.
    pub highest_sequence: Option<u64>,
    /// If it was removed: the last epoch in which nothing brings it back.
    pub removed_until: Option<Epoch>,
    /// Its id, if it is a member.
    pub member: Option<NodeId>,
    /// Its root, if the first was replaced: that stays so, whether it is a member or not.
    pub later_root: Option<LaterRoot>,
}

quorate_wire::fields!(KeyRecord { highest_sequence, removed_until, member, later_root });

/// Who signs for the authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CouncilRecord {
    /// Number of the certificate that appointed it; 0 for the authority's one key, if it was never
    /// replaced.
    pub sequence: u64,
    /// The keys, and how many of them have to sign.
    pub council: Council,
}

quorate_wire::fields!(CouncilRecord { sequence, council });

/// By which rule the membership group is drawn.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct RotationRecord {
    /// Number of the certificate that said so; 0 if none ever did.
    pub(super) sequence: u64,
    /// The rule.
    pub(super) rotation: Rotation,
}

quorate_wire::fields!(RotationRecord { sequence, rotation });

/// Numbers that the service needs often.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    /// Identity keys with a record.
    pub(super) known_keys: u64,
    /// Members, once all recorded changes have taken effect.
    pub(super) members: u64,
    /// Active ones of these.
    pub(super) active: u64,
    /// Changes and findings that no freeze has taken yet.
    pub(super) waiting: u64,
    /// Changes of the authority among these that were not postponed.
    pub(super) fresh: u64,
    /// Active members of this epoch, as its configuration says.
    pub(super) present: u64,
    /// Roots that servers off the shortlist have named in this epoch.
    pub(super) roots: u64,
}

quorate_wire::fields!(Tally { known_keys, members, active, waiting, fresh, present, roots });

impl Tally {
    /// MEM-73: the authority has recorded a change.
    pub(super) const fn await_change(&mut self, is_another: bool) {
        self.waiting += is_another as u64;
        self.fresh += is_another as u64;
    }

    /// A server has lost its duties, or has them again, and `later` is recorded of it: a removal
    /// that was counted is not counted again.
    pub(super) fn switch(&mut self, later: Option<PendingChange>, after: MemberStatus) {
        let is_removed = matches!(later.map(|it| it.statement), Some(Statement::Remove(_)));
        match after {
            MemberStatus::Active => self.active += u64::from(!is_removed),
            MemberStatus::Inactive | MemberStatus::Removed => self.active -= u64::from(!is_removed),
        }
    }

    /// A server's state after all recorded changes was `before`, and is `after` from now on.
    pub(super) fn replace(&mut self, before: Option<MemberStatus>, after: Option<MemberStatus>) {
        let is_active = |status: Option<MemberStatus>| status == Some(MemberStatus::Active);
        self.members = self.members + u64::from(after.is_some()) - u64::from(before.is_some());
        self.active = self.active + u64::from(is_active(after)) - u64::from(is_active(before));
    }
}

/// A key of the map and what lies there.
type Entry = (Vec<u8>, Vec<u8>);

fn place(kind: &[u8], name: &[u8]) -> Vec<u8> {
    [kind, name].concat()
}

fn batch_of(epoch: Epoch) -> Vec<u8> {
    place(PENDING, &epoch.get().to_be_bytes())
}

fn resize_of(epoch: Epoch) -> Vec<u8> {
    place(RESIZE, &epoch.get().to_be_bytes())
}

fn rotation_of(epoch: Epoch) -> Vec<u8> {
    place(LATER_ROTATION, &epoch.get().to_be_bytes())
}

fn read<T: Decode>(bytes: &[u8]) -> T {
    decode(bytes).expect("the service wrote what stands under its keys")
}

/// The system's signature as it lies in the map.
struct SignatureEntry(ThresholdSignature);

impl Encode for SignatureEntry {
    fn encode(&self, writer: &mut quorate_wire::Writer) {
        write_signature(writer, &self.0);
    }
}

impl Decode for SignatureEntry {
    fn decode(reader: &mut quorate_wire::Reader<'_>) -> Result<Self, DecodeError> {
        read_signature(reader).map(Self)
    }
}

/// Reads the state.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    state: &'a dyn ServiceState,
    /// Records of members that are in memory anyway, in ascending order of id.
    held: &'a [Arc<MemberRecord>],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(state: &'a dyn ServiceState) -> Self {
        Self { state, held: &[] }
    }

    /// The same, where these records are held: of a large system most are read as they are.
    pub(super) const fn beside(self, held: &'a [Arc<MemberRecord>]) -> Self {
        Self { held, ..self }
    }

    fn value<T: Decode>(&self, key: &[u8]) -> Option<T> {
        self.state.get(key).map(|bytes| read(&bytes))
    }

    /// The header, unless the map is empty.
    pub(super) fn header_if_any(&self) -> Option<ConfigurationHeader> {
        self.value(HEADER)
    }

    pub(super) fn header(&self) -> ConfigurationHeader {
        self.header_if_any().expect("the first request filled the state")
    }

    /// The header with the system's signature, if there is one on the members in the map.
    fn certified(&self) -> Option<CertifiedHeader> {
        let SignatureEntry(signature) = self.value(SIGNATURE)?;
        let is_decided = matches!(self.stage(), Stage::Done(_));
        (!is_decided).then(|| CertifiedHeader { header: self.header(), signature })
    }

    pub(super) fn stage(&self) -> Stage {
        self.value(STAGE).unwrap_or(Stage::Open)
    }

    pub(super) fn sharing_bytes(&self) -> Option<CommitmentBytes> {
        self.value(SHARING)
    }

    /// The public side of the sharing among the members of this epoch; nothing in a founding.
    pub(super) fn sharing(&self) -> Option<GroupKey> {
        let CommitmentBytes(points) = self.sharing_bytes()?;
        let commitment = Commitment::decode(&points, parameters(self.header().membership));
        let key = commitment.and_then(GroupKey::new);
        Some(key.expect("a sharing was made before it was written"))
    }

    /// How long the epoch before lasted.
    pub(super) fn lasted(&self) -> Option<Duration> {
        self.value(LASTED)
    }

    pub(super) fn tally(&self) -> Tally {
        self.value(TALLY).unwrap_or_default()
    }

    pub(super) fn key_record(&self, key: IdentityKey) -> Option<KeyRecord> {
        self.value(&place(KEY, key.as_bytes()))
    }

    pub(super) fn deposit(&self, key: IdentityKey) -> Option<SeatKeys> {
        self.value(&place(DEPOSIT, key.as_bytes()))
    }

    /// How many servers have deposited.
    pub(super) fn deposit_count(&self) -> usize {
        self.walk(DEPOSIT.to_vec()).count()
    }

    /// The root that an identity gets with the next epoch, if it gets another.
    pub(super) fn successor(&self, key: IdentityKey) -> Option<IdentityRoot> {
        self.value(&place(SUCCESSOR, key.as_bytes()))
    }

    pub(super) fn member(&self, id: NodeId) -> Option<MemberRecord> {
        self.value(&place(MEMBER, id.as_bytes()))
    }

    /// All members in ascending order of id.
    pub(super) fn members(&self) -> impl Iterator<Item = Arc<MemberRecord>> {
        held_or_new(self.held, self.walk(MEMBER.to_vec()).map(|(_, value)| read(&value)))
    }

    /// The signed header and members from an id on, unless the signature is awaited.
    pub(super) fn page(&self, from: NodeId) -> Option<(CertifiedHeader, Vec<Arc<MemberRecord>>)> {
        let certified = self.certified()?;
        let members = self.values(MEMBER, &place(MEMBER, from.as_bytes()), PAGE_MEMBERS_MAX);
        Some((certified, members))
    }

    /// MEM-22: after which epoch a change takes effect that is recorded now.
    pub(super) fn open_batch(&self) -> Epoch {
        let epoch = self.header().epoch;
        let is_open = self.stage() == Stage::Open || planted(Plant::FreezeStaysOpen);
        if is_open { epoch } else { epoch.next() }
    }

    /// The change of a server that takes effect after an epoch.
    pub(super) fn pending_change(&self, batch: Epoch, key: IdentityKey) -> Option<PendingChange> {
        self.value(&place(&batch_of(batch), key.as_bytes()))
    }

    /// Changes that take effect after an epoch, from an identity key on.
    pub(super) fn pending_from(
        &self,
        (batch, from): (Epoch, IdentityKey),
        count_max: usize,
    ) -> Vec<PendingChange> {
        let batch = batch_of(batch);
        self.values(&batch, &place(&batch, from.as_bytes()), count_max)
    }

    /// All changes that take effect after an epoch, in ascending order of identity key.
    pub(super) fn pending(&self, batch: Epoch) -> impl Iterator<Item = PendingChange> {
        self.walk(batch_of(batch)).map(|(_, value)| read(&value))
    }

    /// The highest number of a certificate about the size of the group that was executed.
    pub(super) fn highest_resize(&self) -> Option<u64> {
        self.value(HIGHEST_RESIZE)
    }

    /// The council that was appointed last, if one was.
    pub(super) fn council_record(&self) -> Option<CouncilRecord> {
        self.value(COUNCIL)
    }

    /// Who signs for the authority: at first its one key.
    pub(super) fn council_or_first(&self) -> CouncilRecord {
        let first = || Council::sole(self.header().authority_key);
        self.council_record().unwrap_or_else(|| CouncilRecord { sequence: 0, council: first() })
    }

    /// The keys that sign for the authority.
    pub(super) fn council(&self) -> Council {
        self.council_or_first().council
    }

    /// The resilience that the group gets after an epoch, if it gets another.
    pub(super) fn pending_resize(&self, batch: Epoch) -> Option<Resilience> {
        self.value(&resize_of(batch))
    }

    /// The resilience that was decided for the next epoch, from DONE on.
    pub(super) fn decided_size(&self) -> Option<Resilience> {
        match self.stage() {
            Stage::Done(decided) => Some(decided.header.membership),
            Stage::Open | Stage::Frozen(_) | Stage::Dealing(_) | Stage::Redrawing(_) => None,
        }
    }

    /// The resilience of the group once every other size that is recorded has taken effect.
    pub(super) fn newest_size(&self) -> Resilience {
        let header = self.header();
        let later = self.pending_resize(header.epoch.next());
        let later = later.or_else(|| self.pending_resize(header.epoch));
        later.or_else(|| self.decided_size()).unwrap_or(header.membership)
    }

    /// MEM-69: who brings keys to the epoch.
    pub(super) fn shortlist(&self) -> Shortlist {
        Shortlist::among(&self.header(), self.tally().present)
    }

    /// By which rule the group is drawn that begins behind an epoch.
    pub(super) fn rotation_behind(&self, epoch: Epoch) -> RotationRecord {
        let fixed = self.pending_rotation(epoch).or_else(|| self.value(ROTATION));
        fixed.unwrap_or_default()
    }

    /// The rule that holds after an epoch, if it is another.
    pub(super) fn pending_rotation(&self, batch: Epoch) -> Option<RotationRecord> {
        self.value(&rotation_of(batch))
    }

    /// The rule that was recorded last, if one ever was.
    pub(super) fn newest_rotation(&self) -> Option<RotationRecord> {
        let epoch = self.header().epoch;
        let later = self.pending_rotation(epoch.next());
        let later = later.or_else(|| self.pending_rotation(epoch));
        later.or_else(|| self.value(ROTATION))
    }

    /// What a freeze fixes, as it lies in the map: the changes after an epoch, what was found of
    /// servers, then the deposits and the roots that came with them.
    pub(super) fn entries_to_fix(&self, batch: Epoch) -> impl Iterator<Item = Entry> {
        let changes = self.walk(batch_of(batch)).chain(self.walk(resize_of(batch)));
        let changes = changes.chain(self.walk(rotation_of(batch)));
        let changes = changes.chain(self.finding_entries(batch));
        changes.chain(self.walk(DEPOSIT.to_vec())).chain(self.walk(SUCCESSOR.to_vec()))
    }

    /// What a server will be when all recorded changes have taken effect.
    pub(super) fn prospect(&self, key: IdentityKey) -> Option<MemberStatus> {
        let epoch = self.header().epoch;
        let later = self.pending_change(epoch.next(), key);
        match later.or_else(|| self.pending_change(epoch, key)) {
            Some(change) => self.outcome(&change.statement),
            None => self.status(key),
        }
    }

    /// What a server will be when a statement about it has taken effect.
    pub(super) fn outcome(&self, statement: &Statement) -> Option<MemberStatus> {
        let member = self.member_of(statement.identity_key());
        match statement {
            Statement::Add(_) => match member.map(|member| member.status) {
                Some(MemberStatus::Inactive) => Some(MemberStatus::Inactive),
                Some(MemberStatus::Active | MemberStatus::Removed) | None => {
                    Some(MemberStatus::Active)
                }
            },
            // Who has a place on the ring keeps its record.
            Statement::Remove(_) => {
                member.filter(|member| member.is_on_ring).map(|_| MemberStatus::Removed)
            }
        }
    }

    fn status(&self, key: IdentityKey) -> Option<MemberStatus> {
        self.member_of(key).map(|member| member.status)
    }

    fn member_of(&self, key: IdentityKey) -> Option<MemberRecord> {
        self.member(self.key_record(key)?.member?)
    }

    /// Values under keys that begin with `prefix`, from a key on.
    fn values<T: Decode>(&self, prefix: &[u8], from: &[u8], count_max: usize) -> Vec<T> {
        let entries = self.state.scan(from, count_max).into_iter();
        let inside = entries.take_while(|(key, _)| key.starts_with(prefix));
        inside.map(|(_, value)| read(&value)).collect()
    }

    /// All entries whose keys begin with `prefix`, some at a time.
    fn walk(&self, prefix: Vec<u8>) -> impl Iterator<Item = Entry> {
        let state = self.state;
        walk(prefix, |from, count_max| state.scan(from, count_max))
    }
}

/// All entries whose keys begin with `prefix`, some at a time.
fn walk(prefix: Vec<u8>, scan: impl Fn(&[u8], usize) -> Vec<Entry>) -> impl Iterator<Item = Entry> {
    let mut from = Some(prefix.clone());
    let page = move || {
        let mut page = scan(&from.take()?, WALK_ENTRIES);
        let is_full = page.len() == WALK_ENTRIES;
        let end = page.partition_point(|(key, _)| key.starts_with(&prefix));
        let is_inside = end == page.len();
        page.truncate(end);
        let last = page.last().filter(|_| is_full && is_inside);
        from = last.map(|(key, _)| place(key, &[0]));
        Some(page)
    };
    iter::from_fn(page).flatten()
}

/// The members in a map of the service; those that are held as they are come from there.
pub(super) fn members_of(
    held: &[Arc<MemberRecord>],
    scan: impl Fn(&[u8], usize) -> Vec<Entry>,
) -> Vec<Arc<MemberRecord>> {
    held_or_new(held, walk(MEMBER.to_vec(), scan).map(|(_, value)| read(&value))).collect()
}

/// The members in a map of the service that have not deposited.
pub(super) fn without_deposit(
    scan: impl Fn(&[u8], usize) -> Vec<(Vec<u8>, Vec<u8>)>,
) -> Vec<NodeId> {
    let deposits: Vec<_> = walk(DEPOSIT.to_vec(), &scan).map(|(key, _)| key).collect();
    let members = walk(MEMBER.to_vec(), &scan).map(|(_, value)| read::<MemberRecord>(&value));
    let is_awaited =
        |member: &MemberRecord| !deposits.contains(&place(DEPOSIT, member.identity_key.as_bytes()));
    members.filter(is_awaited).map(|member| member.id).collect()
}

/// Changes the state.
pub(super) struct Table<'a>(&'a mut dyn ServiceState);

impl<'a> Table<'a> {
    pub(super) fn new(state: &'a mut dyn ServiceState) -> Self {
        Self(state)
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::new(self.0)
    }

    pub(super) fn put_header(&mut self, header: &ConfigurationHeader) {
        self.0.put(HEADER, encode(header));
    }

    pub(super) fn put_signature(&mut self, signature: ThresholdSignature) {
        self.0.put(SIGNATURE, encode(&SignatureEntry(signature)));
    }

    pub(super) fn put_sharing(&mut self, sharing: &CommitmentBytes) {
        self.0.put(SHARING, encode(sharing));
    }

    pub(super) fn put_stage(&mut self, stage: &Stage) {
        if *stage == Stage::Open {
            self.0.remove(STAGE);
        } else {
            self.0.put(STAGE, encode(stage));
        }
    }

    pub(super) fn put_tally(&mut self, tally: Tally) {
        self.0.put(TALLY, encode(&tally));
    }

    pub(super) fn put_lasted(&mut self, lasted: Duration) {
        self.0.put(LASTED, encode(&lasted));
    }

    pub(super) fn put_key_record(&mut self, key: IdentityKey, record: KeyRecord) {
        self.0.put(&place(KEY, key.as_bytes()), encode(&record));
    }

    pub(super) fn put_member(&mut self, member: &MemberRecord) {
        self.0.put(&place(MEMBER, member.id.as_bytes()), encode(member));
    }

    pub(super) fn remove_member(&mut self, id: NodeId) {
        self.0.remove(&place(MEMBER, id.as_bytes()));
    }

    pub(super) fn put_pending(&mut self, change: &PendingChange) {
        let key = change.statement.identity_key();
        self.0.put(&place(&batch_of(change.epoch), key.as_bytes()), encode(change));
    }

    pub(super) fn put_council(&mut self, record: &CouncilRecord) {
        self.0.put(COUNCIL, encode(record));
    }

    pub(super) fn put_highest_resize(&mut self, sequence: u64) {
        self.0.put(HIGHEST_RESIZE, encode(&sequence));
    }

    pub(super) fn put_pending_resize(&mut self, batch: Epoch, resilience: Resilience) {
        self.0.put(&resize_of(batch), encode(&resilience));
    }

    pub(super) fn put_rotation(&mut self, record: &RotationRecord) {
        self.0.put(ROTATION, encode(record));
    }

    pub(super) fn put_pending_rotation(&mut self, batch: Epoch, record: &RotationRecord) {
        self.0.put(&rotation_of(batch), encode(record));
    }

    pub(super) fn put_deposit(&mut self, key: IdentityKey, keys: &SeatKeys) {
        self.0.put(&place(DEPOSIT, key.as_bytes()), encode(keys));
    }

    pub(super) fn put_successor(&mut self, key: IdentityKey, root: IdentityRoot) {
        self.0.put(&place(SUCCESSOR, key.as_bytes()), encode(&root));
    }

    /// Forgets the changes that took effect after an epoch, and the deposits.
    pub(super) fn forget_fixed(&mut self, batch: Epoch) {
        let entries: Vec<_> = self.reader().entries_to_fix(batch).map(|(key, _)| key).collect();
        entries.iter().for_each(|key| self.0.remove(key));
    }
}
