//! Changes of the set of servers, in the name of the authority: made, signed, carried, submitted.
//!
//! ```text
//! asked of the log: terms --> draft --sign, by each who has to--> certificate --submit--> the log
//! ```
//! A certificate is one line of text at every stage, so whoever has a key can sign it on a machine
//! that no network reaches. Its number is the next one that the log takes for the server.

use std::fmt;

pub use quorate_crypto::Signer;
use quorate_membership::{
    AddCertificate, Certificate, Council, CouncilCertificate, Grant, GroupTerms,
    MembershipOperation, MembershipReply, PendingChange, PendingPage, PendingPlace, Refusal,
    RemoveCertificate, ResizeCertificate, Rotation, RotationCertificate, Terms, Validity,
};
use quorate_types::{Epoch, IdentityKey, PublicKey, Resilience, SystemId};

use crate::cluster::Cluster;
use crate::error::ClientError;

mod refused;
pub use quorate_crypto::real::{RealSigner, RealVerifier};
pub use refused::explain;

/// What the authority wants to have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A server joins, or has moved.
    Add(AddCertificate),
    /// A server leaves for good.
    Remove(RemoveCertificate),
    /// Others sign for the authority.
    Appoint(CouncilCertificate),
    /// The membership group gets another size.
    Resize(ResizeCertificate),
    /// The membership group is drawn by another rule.
    Rotate(RotationCertificate),
}

quorate_wire::variants!(Change { 1 => Add, 2 => Remove, 3 => Appoint, 4 => Resize, 5 => Rotate });

/// What a change has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It is recorded, and counts from this epoch on.
    From(Epoch),
    /// It counts already, in this epoch.
    AtOnce(Epoch),
}

impl Effect {
    /// The first epoch in which it counts.
    #[must_use]
    pub const fn epoch(self) -> Epoch {
        match self {
            Self::From(epoch) | Self::AtOnce(epoch) => epoch,
        }
    }
}

/// Why a change has not come to anything.
#[derive(Debug)]
pub enum ChangeError {
    /// The log could not be asked, or its answer did not come.
    Client(ClientError),
    /// The log refuses it.
    Refused(Refusal),
}

impl From<ClientError> for ChangeError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl Change {
    /// The server that it is about.
    #[must_use]
    pub const fn server(&self) -> Option<IdentityKey> {
        match self {
            Self::Add(certificate) => Some(certificate.grant.identity_key),
            Self::Remove(certificate) => Some(certificate.grant.identity_key),
            Self::Appoint(_) | Self::Resize(_) | Self::Rotate(_) => None,
        }
    }

    /// The system in which it counts.
    #[must_use]
    pub const fn system(&self) -> SystemId {
        match self {
            Self::Add(certificate) => certificate.grant.system,
            Self::Remove(certificate) => certificate.grant.system,
            Self::Appoint(certificate) => certificate.grant.system,
            Self::Resize(certificate) => certificate.grant.system,
            Self::Rotate(certificate) => certificate.grant.system,
        }
    }

    /// When it counts.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        match self {
            Self::Add(certificate) => certificate.grant.validity,
            Self::Remove(certificate) => certificate.grant.validity,
            Self::Appoint(certificate) => certificate.grant.validity,
            Self::Resize(certificate) => certificate.grant.validity,
            Self::Rotate(certificate) => certificate.grant.validity,
        }
    }

    /// Signs it with one key more.
    pub fn endorse(&mut self, signer: &dyn Signer) {
        match self {
            Self::Add(certificate) => certificate.endorse(signer),
            Self::Remove(certificate) => certificate.endorse(signer),
            Self::Appoint(certificate) => certificate.endorse(signer),
            Self::Resize(certificate) => certificate.endorse(signer),
            Self::Rotate(certificate) => certificate.endorse(signer),
        }
    }

    /// Takes over the signatures of another that says the same; false if it does not.
    #[must_use]
    pub fn join(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Add(mine), Self::Add(theirs)) => mine.join(theirs),
            (Self::Remove(mine), Self::Remove(theirs)) => mine.join(theirs),
            (Self::Appoint(mine), Self::Appoint(theirs)) => mine.join(theirs),
            (Self::Resize(mine), Self::Resize(theirs)) => mine.join(theirs),
            (Self::Rotate(mine), Self::Rotate(theirs)) => mine.join(theirs),
            (
                Self::Add(_)
                | Self::Remove(_)
                | Self::Appoint(_)
                | Self::Resize(_)
                | Self::Rotate(_),
                _,
            ) => false,
        }
    }

    /// The keys that have signed it.
    #[must_use]
    pub fn signed_by(&self) -> Vec<PublicKey> {
        match self {
            Self::Add(certificate) => signers(certificate),
            Self::Remove(certificate) => signers(certificate),
            Self::Appoint(certificate) => signers(certificate),
            Self::Resize(certificate) => signers(certificate),
            Self::Rotate(certificate) => signers(certificate),
        }
    }

    /// How many signatures of this council it lacks.
    #[must_use]
    pub fn lacks(&self, council: &Council) -> usize {
        let signed = self.signed_by().into_iter().filter(|key| council.keys.contains(key));
        usize::from(council.threshold).saturating_sub(signed.count())
    }

    fn operation(&self) -> MembershipOperation {
        match self {
            Self::Add(certificate) => MembershipOperation::Add(certificate.clone()),
            Self::Remove(certificate) => MembershipOperation::Remove(certificate.clone()),
            Self::Appoint(certificate) => MembershipOperation::Appoint(certificate.clone()),
            Self::Resize(certificate) => MembershipOperation::Resize(certificate.clone()),
            Self::Rotate(certificate) => MembershipOperation::Rotate(certificate.clone()),
        }
    }

    /// Has it this outcome in the log, as it was recorded there?
    fn is_recorded_as(&self, recorded: &PendingChange) -> bool {
        let statement = &recorded.statement;
        Some(statement.identity_key()) == self.server() && statement.validity() == self.validity()
    }
}

fn signers<G: Grant>(certificate: &Certificate<G>) -> Vec<PublicKey> {
    certificate.endorsement.keys().collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(AddCertificate { grant, .. }) => {
                let (name, server) = (grant.identity_key.name(), &grant.server);
                let domain = &server.failure_domain.0;
                write!(f, "add server {name} at {} ({domain})", server.address)
            }
            Self::Remove(RemoveCertificate { grant, .. }) => {
                write!(f, "remove server {} for good", grant.identity_key.name())
            }
            Self::Appoint(CouncilCertificate { grant, .. }) => {
                let (threshold, keys) = (grant.council.threshold, &grant.council.keys);
                write!(f, "let {threshold} of these keys sign for the authority:")?;
                keys.iter().try_for_each(|key| write!(f, "\n  {key}"))
            }
            Self::Resize(ResizeCertificate { grant, .. }) => {
                let (f_ms, count) = (grant.membership.f(), grant.membership.replicas());
                write!(f, "give the membership group {count} members (f = {f_ms})")
            }
            Self::Rotate(RotationCertificate { grant, .. }) => {
                f.write_str("draw the membership group ")?;
                f.write_str(&rule(&grant.rotation))
            }
        }
    }
}

/// By which rule a group is drawn, in words.
#[must_use]
pub fn rule(rotation: &Rotation) -> String {
    let from = match &rotation.pool {
        None => String::from("from all servers"),
        Some(pool) => format!("from a pool of {}", pool.len()),
    };
    let seats = match rotation.seats_max {
        None => String::from("all seats anew with each epoch"),
        Some(seats) => format!("at most {seats} seats anew with each epoch"),
    };
    format!("{from}, {seats}")
}

/// Of what size the membership group will be, how it is drawn, and what a certificate about that
/// has to be like: of the group behind the present epoch, or the one after that.
///
/// # Errors
/// What [`Cluster::membership`] says.
pub async fn group_terms(cluster: &Cluster, behind: Epoch) -> Result<GroupTerms, ClientError> {
    let answered = cluster.membership(&MembershipOperation::GetGroup(behind)).await?;
    let MembershipReply::Group(terms) = answered.reply else {
        return Err(ClientError::UnknownReply);
    };
    Ok(terms)
}

/// What a certificate about a server has to be like.
///
/// # Errors
/// What [`Cluster::membership`] says.
pub async fn terms(cluster: &Cluster, server: IdentityKey) -> Result<Terms, ClientError> {
    let answered = cluster.membership(&MembershipOperation::GetTerms(server)).await?;
    let MembershipReply::Terms(terms) = answered.reply else {
        return Err(ClientError::UnknownReply);
    };
    Ok(terms)
}

/// Has the log record a change.
///
/// # Errors
/// [`ChangeError`]; after [`ClientError::NoReply`] it may be recorded all the same, and submitting
/// it again says so.
pub async fn submit(cluster: &Cluster, change: &Change) -> Result<Effect, ChangeError> {
    let answered = cluster.membership(&change.operation()).await?;
    if let MembershipReply::Recorded(epoch) = answered.reply {
        return Ok(Effect::From(epoch.next()));
    }
    if let MembershipReply::Appointed(epoch) = answered.reply {
        return Ok(Effect::AtOnce(epoch));
    }
    let MembershipReply::Refused(refusal) = answered.reply else {
        return Err(ClientError::UnknownReply.into());
    };
    let own = Refusal::Replayed { highest: change.validity().sequence };
    if answered.is_repeated && refusal == own {
        return Ok(effect_of_repeated(cluster, change).await?);
    }
    Err(ChangeError::Refused(refusal))
}

/// The group of the epoch before had recorded it, and its answer was lost.
async fn effect_of_repeated(cluster: &Cluster, change: &Change) -> Result<Effect, ClientError> {
    let present = cluster.configuration().epoch();
    let waiting = pending(cluster).await?.changes;
    let recorded = waiting.into_iter().find(|recorded| change.is_recorded_as(recorded));
    Ok(recorded.map_or(Effect::AtOnce(present), |it| Effect::From(it.epoch.next())))
}

/// What waits for the end of an epoch.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Pending {
    /// Changes of servers, those of the present epoch first.
    pub changes: Vec<PendingChange>,
    /// Other sizes of the membership group, each with the epoch from which on it counts.
    pub sizes: Vec<(Epoch, Resilience)>,
}

/// All that waits for the end of the present epoch, and of the next one.
///
/// # Errors
/// What [`Cluster::membership`] says.
pub async fn pending(cluster: &Cluster) -> Result<Pending, ClientError> {
    let present = cluster.configuration().epoch();
    let mut pending = Pending::default();
    for epoch in [present, present.next()] {
        let first = PendingPlace { epoch, key: IdentityKey::new([0; 32]) };
        let mut page = pending_page(cluster, first).await?;
        pending.sizes.extend(page.membership.map(|size| (epoch.next(), size)));
        while let Some(place) = following(&page) {
            pending.changes.append(&mut page.changes);
            page = pending_page(cluster, place).await?;
        }
        pending.changes.append(&mut page.changes);
    }
    Ok(pending)
}

async fn pending_page(cluster: &Cluster, from: PendingPlace) -> Result<PendingPage, ClientError> {
    let answered = cluster.membership(&MembershipOperation::GetPending(from)).await?;
    let MembershipReply::Pending(page) = answered.reply else {
        return Err(ClientError::UnknownReply);
    };
    Ok(page)
}

/// Where the page behind this one begins, unless it is the last.
fn following(page: &PendingPage) -> Option<PendingPlace> {
    let is_full = page.changes.len() == quorate_membership::limits::PENDING_PAGE_MAX;
    let last = page.changes.last().filter(|_| is_full)?;
    let mut key = *last.statement.identity_key().as_bytes();
    for byte in key.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(PendingPlace { epoch: page.from.epoch, key: IdentityKey::new(key) });
        }
    }
    None
}
