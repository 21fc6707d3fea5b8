//! What the trusted authority says about servers: which may join, which must go; how many the
//! membership group has, and from whom it is drawn; and who speaks for the authority from now on.
//!
//! TDSC'12 section V.A (ADD and REMOVE certificates); settled point 32: a certificate names its
//! system, a sequence number of its server and the epochs in which it holds, so that it can be
//! replayed neither in another system, nor after a later one, nor years later.

use quorate_crypto::{Domain, Signer, Verifier, hash_of};
use quorate_types::{Digest, Epoch, IdentityKey, Resilience, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::admission::ServerDescription;
use crate::rotation::Rotation;

mod council;
pub use council::{Council, CouncilError, Endorsement};

/// In which epochs a certificate may be executed, and its place among those of its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// Number among the certificates about this server, or about the size of the group, or about
    /// how it is drawn, or about the council: only higher ones count.
    pub sequence: u64,
    /// First epoch in which it may be executed.
    pub first_epoch: Epoch,
    /// Last epoch in which it may be executed.
    pub last_epoch: Epoch,
}

/// What can be certified.
pub trait Grant: Encode + Decode {
    /// What its signatures are made under.
    const DOMAIN: Domain;

    /// The system in which it counts.
    fn system(&self) -> SystemId;

    /// When it counts.
    fn validity(&self) -> Validity;
}

/// That a server may join, or has moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddGrant {
    /// The system.
    pub system: SystemId,
    /// The server.
    pub identity_key: IdentityKey,
    /// When it counts.
    pub validity: Validity,
    /// Where the server is and what it runs.
    pub server: ServerDescription,
}

/// That a server must leave, and does not come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoveGrant {
    /// The system.
    pub system: SystemId,
    /// The server.
    pub identity_key: IdentityKey,
    /// When it counts.
    pub validity: Validity,
    /// Whether it counts even if more servers leave one neighbourhood of the ring than may
    /// (settled point 28).
    pub may_exceed_cap: bool,
}

/// That the membership group gets another size: it never changes by itself (settled point 27).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResizeGrant {
    /// The system.
    pub system: SystemId,
    /// When it counts.
    pub validity: Validity,
    /// Bad members that the group is to tolerate, of `3f + 1`.
    pub membership: Resilience,
}

/// By which rule the membership group is drawn from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RotationGrant {
    /// The system.
    pub system: SystemId,
    /// When it counts.
    pub validity: Validity,
    /// The rule.
    pub rotation: Rotation,
}

/// That these keys sign for the authority about servers from now on, and the ones before no more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CouncilGrant {
    /// The system.
    pub system: SystemId,
    /// When it counts.
    pub validity: Validity,
    /// Who signs, and how many of them have to.
    pub council: Council,
}

/// A grant with the signatures under it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate<G> {
    /// What is said.
    pub grant: G,
    /// Who has signed it.
    pub endorsement: Endorsement,
}

/// The authority lets a server join.
pub type AddCertificate = Certificate<AddGrant>;
/// The authority has a server leave.
pub type RemoveCertificate = Certificate<RemoveGrant>;
/// The authority gives the membership group another size.
pub type ResizeCertificate = Certificate<ResizeGrant>;
/// The authority says from whom the membership group is drawn.
pub type RotationCertificate = Certificate<RotationGrant>;
/// The authority says who signs for it.
pub type CouncilCertificate = Certificate<CouncilGrant>;

impl<G: Grant> Certificate<G> {
    /// A grant that nobody has signed yet.
    #[must_use]
    pub fn draft(grant: G) -> Self {
        Self { grant, endorsement: Endorsement::default() }
    }

    /// A grant that one key has signed.
    #[must_use]
    pub fn issue(grant: G, authority: &dyn Signer) -> Self {
        let mut certificate = Self::draft(grant);
        certificate.endorse(authority);
        certificate
    }

    /// Signs it with one key more.
    pub fn endorse(&mut self, authority: &dyn Signer) {
        self.endorsement.add(&self.digest(), authority);
    }

    /// Takes over the signatures of another that says the same; false if it does not.
    #[must_use]
    pub fn join(&mut self, other: &Self) -> bool
    where
        G: PartialEq,
    {
        let is_same = self.grant == other.grant;
        if is_same {
            self.endorsement.join(&other.endorsement);
        }
        is_same
    }

    /// Has this council signed it?
    #[must_use]
    pub fn is_endorsed(&self, council: &Council, verifier: &dyn Verifier) -> bool {
        council.has_endorsed(self.digest(), &self.endorsement, verifier)
    }

    fn digest(&self) -> Digest {
        hash_of(G::DOMAIN, &self.grant)
    }
}

macro_rules! grants {
    ($($name:ident under $domain:ident;)*) => {$(
        impl Grant for $name {
            const DOMAIN: Domain = Domain::$domain;

            fn system(&self) -> SystemId {
                self.system
            }

            fn validity(&self) -> Validity {
                self.validity
            }
        }
    )*};
}

grants! {
    AddGrant under NodeCertificate;
    RemoveGrant under RemovalCertificate;
    ResizeGrant under ResizeCertificate;
    RotationGrant under RotationCertificate;
    CouncilGrant under CouncilCertificate;
}

quorate_wire::fields!(Validity { sequence, first_epoch, last_epoch });
quorate_wire::fields!(AddGrant { system, identity_key, validity, server });
quorate_wire::fields!(RemoveGrant { system, identity_key, validity, may_exceed_cap });
quorate_wire::fields!(ResizeGrant { system, validity, membership });
quorate_wire::fields!(RotationGrant { system, validity, rotation });
quorate_wire::fields!(CouncilGrant { system, validity, council });

impl<G: Grant> Encode for Certificate<G> {
    fn encode(&self, writer: &mut Writer) {
        self.grant.encode(writer);
        self.endorsement.encode(writer);
    }
}

impl<G: Grant> Decode for Certificate<G> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { grant: Decode::decode(reader)?, endorsement: Decode::decode(reader)? })
    }
}
