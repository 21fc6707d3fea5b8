//! What the trusted authority says about servers: which may join, which must go; and how many the
//! membership group has.
//!
//! TDSC'12 section V.A (ADD and REMOVE certificates); settled point 32: a certificate names its
//! system, a sequence number of its server and the epochs in which it holds, so that it can be
//! replayed neither in another system, nor after a later one, nor years later.

use quorate_crypto::{Domain, SignatureCheck, Signer, hash_of};
use quorate_types::{Epoch, IdentityKey, PublicKey, Resilience, Signature, SystemId};

use crate::admission::ServerDescription;

/// In which epochs a certificate may be executed, and its place among those of its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// Number among the certificates about this server, or about the size of the group: only
    /// higher ones count.
    pub sequence: u64,
    /// First epoch in which it may be executed.
    pub first_epoch: Epoch,
    /// Last epoch in which it may be executed.
    pub last_epoch: Epoch,
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

/// The authority's signature on a grant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCertificate {
    /// What is said.
    pub grant: AddGrant,
    /// The authority's signature.
    pub signature: Signature,
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

/// The authority's signature on a removal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoveCertificate {
    /// What is said.
    pub grant: RemoveGrant,
    /// The authority's signature.
    pub signature: Signature,
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

/// The authority's signature on another size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResizeCertificate {
    /// What is said.
    pub grant: ResizeGrant,
    /// The authority's signature.
    pub signature: Signature,
}

quorate_wire::fields!(Validity { sequence, first_epoch, last_epoch });
quorate_wire::fields!(AddGrant { system, identity_key, validity, server });
quorate_wire::fields!(AddCertificate { grant, signature });
quorate_wire::fields!(RemoveGrant { system, identity_key, validity, may_exceed_cap });
quorate_wire::fields!(RemoveCertificate { grant, signature });
quorate_wire::fields!(ResizeGrant { system, validity, membership });
quorate_wire::fields!(ResizeCertificate { grant, signature });

impl AddCertificate {
    /// Signs a grant with the authority's key.
    #[must_use]
    pub fn issue(grant: AddGrant, authority: &dyn Signer) -> Self {
        let signature = authority.sign(&hash_of(Domain::NodeCertificate, &grant));
        Self { grant, signature }
    }

    /// The check of the authority's signature.
    #[must_use]
    pub fn check(&self, authority_key: PublicKey) -> SignatureCheck {
        let digest = hash_of(Domain::NodeCertificate, &self.grant);
        SignatureCheck { key: authority_key, digest, signature: self.signature }
    }
}

impl RemoveCertificate {
    /// Signs a removal with the authority's key.
    #[must_use]
    pub fn issue(grant: RemoveGrant, authority: &dyn Signer) -> Self {
        let signature = authority.sign(&hash_of(Domain::RemovalCertificate, &grant));
        Self { grant, signature }
    }

    /// The check of the authority's signature.
    #[must_use]
    pub fn check(&self, authority_key: PublicKey) -> SignatureCheck {
        let digest = hash_of(Domain::RemovalCertificate, &self.grant);
        SignatureCheck { key: authority_key, digest, signature: self.signature }
    }
}

impl ResizeCertificate {
    /// Signs a grant with the authority's key.
    #[must_use]
    pub fn issue(grant: ResizeGrant, authority: &dyn Signer) -> Self {
        let signature = authority.sign(&hash_of(Domain::ResizeCertificate, &grant));
        Self { grant, signature }
    }

    /// The check of the authority's signature.
    #[must_use]
    pub fn check(&self, authority_key: PublicKey) -> SignatureCheck {
        let digest = hash_of(Domain::ResizeCertificate, &self.grant);
        SignatureCheck { key: authority_key, digest, signature: self.signature }
    }
}
