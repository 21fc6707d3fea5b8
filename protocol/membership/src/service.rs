//! The membership service as the ordering engine runs it: changes to the set of servers, in order,
//! and the end of each epoch.
//!
//! TDSC'12 sections VI.C (ADD, REMOVE) and VI.D; settled points 1, 10, 32. All state lies in the
//! replicated map; the first request finds it empty and fills it, or finds what the group of the
//! epoch before left, and goes on with it. Changes are recorded here and take effect with the next
//! epoch. Every step of the end of an epoch proves itself, whoever asks for it.
//!
//! Invariants: MEM-4, MEM-8, MEM-20 to MEM-25, MEM-48 to MEM-51.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Verifier;
use quorate_machine::{Call, Conclusion, Service, ServiceState};
use quorate_types::{Epoch, MemberRecord, NodeId};

use crate::authority::CouncilCertificate;
use crate::configuration::VerifiedConfiguration;
use crate::genesis::UnsignedConfiguration;
use crate::handover::{CommitmentBytes, News, Stage};
use crate::limits::PENDING_PAGE_MAX;
use crate::page::ConfigurationPage;
use crate::schemes::Schemes;

mod change;
mod council;
mod docket;
mod findings;
mod handover;
mod monitoring;
mod next;
mod opening;
mod operation;
mod plan;
mod reply;
mod resize;
mod rotation;
mod table;
pub use change::{PendingChange, Statement};
pub use docket::{Docket, DocketCounts};
pub use findings::{ConvictedIn, FindingsPage, Standing};
pub use handover::HandoverRefusal;
pub use monitoring::MonitoringRefusal;
pub use operation::{MembershipOperation, PendingPlace};
pub use reply::{GroupTerms, MembershipReply, PendingPage, Refusal, Terms};
pub use table::{CouncilRecord, KeyRecord};

use handover::Step;
use monitoring::{Hearing, Ruling};
use opening::Opening;
use table::{Reader, Table};

/// The members that a map of the service holds: behind DONE, those of the next epoch. `scan` gives
/// entries of the map from a key on. Records that are `held` as they are, in ascending order of id,
/// come from there.
#[must_use]
pub fn read_members(
    held: &[Arc<MemberRecord>],
    scan: impl Fn(&[u8], usize) -> Vec<(Vec<u8>, Vec<u8>)>,
) -> Vec<Arc<MemberRecord>> {
    table::members_of(held, scan)
}

/// The founders that have not deposited, in a map of the service.
#[must_use]
pub fn read_founders_awaited(
    scan: impl Fn(&[u8], usize) -> Vec<(Vec<u8>, Vec<u8>)>,
) -> Vec<NodeId> {
    table::without_deposit(scan)
}

/// The deterministic service; it keeps nothing outside the replicated map.
#[derive(Clone, Debug)]
pub struct MembershipService {
    opening: Opening,
    schemes: Schemes,
}

impl MembershipService {
    /// The service of the first group of a system whose key was dealt by a dealer: it fills an
    /// empty map with the configuration and the public side of the sharing.
    ///
    /// # Panics
    /// If the configuration does not name this sharing.
    #[must_use]
    pub fn founded(
        founding: VerifiedConfiguration,
        sharing: CommitmentBytes,
        schemes: Schemes,
    ) -> Self {
        Self { opening: Opening::founded(founding, sharing), schemes }
    }

    /// The service of a group that got its map from the group of the epoch before.
    #[must_use]
    pub const fn following(configuration: VerifiedConfiguration, schemes: Schemes) -> Self {
        Self { opening: Opening::Following(configuration), schemes }
    }

    /// The service of the first group of a system that makes its key itself: in epoch 0 its group
    /// does nothing else, and the configuration of epoch 1 is the first that is signed.
    #[must_use]
    pub fn genesis(genesis: UnsignedConfiguration, schemes: Schemes) -> Self {
        Self { opening: Opening::Genesis(genesis), schemes }
    }

    /// What the servers that run the service have to know: a function of the map.
    #[must_use]
    pub fn news(&self, state: &dyn ServiceState) -> News {
        self.opening.news(&Reader::new(state))
    }

    /// Is the slot of DONE, the last of the epoch, in the map?
    #[must_use]
    pub fn is_over(&self, state: &dyn ServiceState) -> bool {
        self.opening.is_over(&Reader::new(state))
    }

    fn perform(
        &self,
        operation: MembershipOperation,
        call: &Call<'_>,
        state: &mut dyn ServiceState,
    ) -> MembershipReply {
        let signatures = &*self.schemes.signatures;
        match operation {
            MembershipOperation::Add(certificate) => {
                change(Statement::Add(certificate), (call, state), signatures)
            }
            MembershipOperation::Remove(certificate) => {
                change(Statement::Remove(certificate), (call, state), signatures)
            }
            MembershipOperation::Resize(certificate) => {
                let rejected = certificate.reject((call, &Reader::new(state)), signatures);
                recorded(rejected, || certificate.record(&mut Table::new(state)))
            }
            MembershipOperation::Rotate(certificate) => {
                let rejected = certificate.reject((call, &Reader::new(state)), signatures);
                recorded(rejected, || certificate.record(&mut Table::new(state)))
            }
            MembershipOperation::GetGroup(epoch) => {
                MembershipReply::Group(GroupTerms::behind(epoch, &Reader::new(state)))
            }
            MembershipOperation::GetConfiguration(from) => page(&Reader::new(state), from),
            MembershipOperation::GetPending(from) => {
                MembershipReply::Pending(pending_page(&Reader::new(state), from))
            }
            MembershipOperation::GetMember(id) => {
                MembershipReply::Member(Reader::new(state).member(id).map(Box::new))
            }
            MembershipOperation::Appoint(certificate) => self.appoint(certificate, call, state),
            MembershipOperation::GetTerms(key) => {
                let reader = Reader::new(state);
                let (known, signed_by) = (reader.key_record(key), reader.council_or_first());
                MembershipReply::Terms(Terms { known, signed_by })
            }
            MembershipOperation::Handover(step) => {
                let reader = Reader::new(state).beside(self.opening.members());
                // MEM-8: a refusal returns before anything is written.
                match (Step { call, reader, schemes: &self.schemes }).take(*step) {
                    Ok(outcome) => {
                        outcome.record(&mut Table::new(state));
                        MembershipReply::Advanced
                    }
                    Err(refusal) => MembershipReply::Unmoved(refusal),
                }
            }
            MembershipOperation::Observe(said) => {
                self.hear((call, state), |hearing| hearing.observe(&said))
            }
            MembershipOperation::Rebut(rebuttal) => {
                self.hear((call, state), |hearing| hearing.rebut(&rebuttal))
            }
            MembershipOperation::Accuse(accusation) => {
                self.hear((call, state), |hearing| hearing.accuse(*accusation))
            }
            MembershipOperation::GetFindings(from) => {
                MembershipReply::Findings(FindingsPage::of(&Reader::new(state), from, call.time))
            }
            MembershipOperation::GetConviction(server) => {
                MembershipReply::Conviction(Reader::new(state).conviction(server).map(Box::new))
            }
        }
    }

    /// Something is said of a server.
    fn hear(
        &self,
        (call, state): (&Call<'_>, &mut dyn ServiceState),
        judge: impl FnOnce(&Hearing<'_>) -> Result<Ruling, MonitoringRefusal>,
    ) -> MembershipReply {
        let reader = Reader::new(state);
        // MEM-8: a refusal returns before anything is written.
        match judge(&Hearing { call, reader, schemes: &self.schemes }) {
            Ok(ruling) => match ruling.record(&mut Table::new(state)) {
                Some(epoch) => MembershipReply::Recorded(epoch),
                None => MembershipReply::Heard,
            },
            Err(refusal) => MembershipReply::Unheard(refusal),
        }
    }

    fn appoint(
        &self,
        certificate: CouncilCertificate,
        call: &Call<'_>,
        state: &mut dyn ServiceState,
    ) -> MembershipReply {
        let reader = Reader::new(state);
        // MEM-8: a refusal returns before anything is written.
        match certificate.reject((call, &reader), &*self.schemes.signatures) {
            Ok(epoch) => {
                certificate.record(&mut Table::new(state));
                MembershipReply::Appointed(epoch)
            }
            Err(refusal) => MembershipReply::Refused(refusal),
        }
    }
}

fn page(reader: &Reader<'_>, from: NodeId) -> MembershipReply {
    match reader.page(from) {
        Some((certified, members)) => {
            MembershipReply::Configuration(Box::new(ConfigurationPage { certified, from, members }))
        }
        None => MembershipReply::Awaited(reader.header().epoch.next()),
    }
}

fn pending_page(reader: &Reader<'_>, from: PendingPlace) -> PendingPage {
    let is_frozen = from.epoch == reader.header().epoch && reader.stage() != Stage::Open;
    let changes = reader.pending_from((from.epoch, from.key), PENDING_PAGE_MAX);
    PendingPage { from, is_frozen, membership: reader.pending_resize(from.epoch), changes }
}

/// A server is admitted or removed.
fn change(
    statement: Statement,
    (call, state): (&Call<'_>, &mut dyn ServiceState),
    signatures: &dyn Verifier,
) -> MembershipReply {
    let rejected = statement.reject((call, &Reader::new(state)), signatures);
    recorded(rejected, || statement.record(call, &mut Table::new(state)))
}

/// MEM-8: a refusal answers before anything is written.
fn recorded(rejected: Result<(), Refusal>, record: impl FnOnce() -> Epoch) -> MembershipReply {
    match rejected {
        Ok(()) => MembershipReply::Recorded(record()),
        Err(refusal) => MembershipReply::Refused(refusal),
    }
}

impl Service for MembershipService {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        self.opening.open(&mut Table::new(state));
        let reply = match quorate_wire::decode(call.operation) {
            Ok(operation) => self.perform(operation, call, state),
            Err(_) => MembershipReply::Malformed,
        };
        quorate_wire::encode(&reply)
    }

    fn restore(&mut self, _state: &dyn ServiceState) {}

    fn conclude(&mut self, _epoch: Epoch, state: &dyn ServiceState) -> Conclusion {
        let news = Some(quorate_wire::encode(&self.news(state)));
        Conclusion { news, is_last: self.is_over(state) }
    }
}

#[cfg(test)]
mod tests;
