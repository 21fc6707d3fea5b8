//! What may be asked of the membership service.

use alloc::boxed::Box;

use quorate_types::{Epoch, IdentityKey, NodeId};

use crate::authority::{
    AddCertificate, CouncilCertificate, RemoveCertificate, ResizeCertificate, RotationCertificate,
};
use crate::handover::HandoverOperation;
use crate::monitor::{Accusation, Rebuttal, SignedObservation};

/// Where a page of recorded changes begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingPlace {
    /// Changes that take effect after this epoch.
    pub epoch: Epoch,
    /// The first identity key.
    pub key: IdentityKey,
}

quorate_wire::fields!(PendingPlace { epoch, key });

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembershipOperation {
    /// The authority lets a server join, or says that it has moved.
    Add(AddCertificate),
    /// The authority removes a server.
    Remove(RemoveCertificate),
    /// The page of the certified configuration that begins at this id.
    GetConfiguration(NodeId),
    /// Recorded changes from this place on.
    GetPending(PendingPlace),
    /// The record of a server.
    GetMember(NodeId),
    /// A step of the end of the epoch.
    Handover(Box<HandoverOperation>),
    /// The authority gives the membership group another size.
    Resize(ResizeCertificate),
    /// The authority says who signs for it from now on.
    Appoint(CouncilCertificate),
    /// What a certificate about this server has to be like.
    GetTerms(IdentityKey),
    /// The authority says from whom the membership group is drawn from now on.
    Rotate(RotationCertificate),
    /// Of what size the group is that begins behind this epoch, and how it is drawn.
    GetGroup(Epoch),
    /// A member says that a server is silent, or answers.
    Observe(SignedObservation),
    /// A server that is evicted says that it is there.
    Rebut(Box<Rebuttal>),
    /// Proof that a server lies.
    Accuse(Box<Accusation>),
    /// What was found of servers, from this one on.
    GetFindings(NodeId),
    /// The proof that this server lied, whole.
    GetConviction(NodeId),
}

quorate_wire::variants!(MembershipOperation {
    1 => Add,
    2 => Remove,
    3 => GetConfiguration,
    4 => GetPending,
    5 => GetMember,
    6 => Handover,
    7 => Resize,
    8 => Appoint,
    9 => GetTerms,
    10 => Rotate,
    11 => GetGroup,
    12 => Observe,
    13 => Rebut,
    14 => Accuse,
    15 => GetFindings,
    16 => GetConviction,
});
