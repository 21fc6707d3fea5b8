//! The membership service: who the servers of an epoch are, and how anybody can be sure of it.
//!
//! Rodrigues, B. Liskov, Chen, M. Liskov, Schultz, "Automatic Reconfiguration for Large-Scale
//! Reliable Storage Systems", IEEE TDSC 9(2), 2012, sections V and VI.
//!
//! # Flow
//! ```text
//! NodeAdmissions --Genesis--> Configuration of epoch 0 --deal, sign--> CertifiedConfiguration
//! authority --AddCertificate, RemoveCertificate--> MembershipService (ordered) --> pending changes
//! client --GetConfiguration--> any server --ConfigurationPage--> verified under ONE pinned key
//! client --Challenge--> membership group --Vouch x (2f+1)--> Lease
//! Prober --Question--> Answerer --Answer--> Prober --SignedObservation--> log  (monitor)
//! ```
//!
//! # Invariants
//! - MEM-1: a configuration is used only if its header carries a threshold signature under the
//!   pinned key, and its members have the root that the header names.
//! - MEM-2: a lease counts from the moment at which its challenge was sent, less the drift bound.
//! - MEM-3: a participant never goes back to a configuration of an earlier epoch.
//! - MEM-4: a certificate of the authority whose sequence number is not above the highest
//!   executed one of its server changes nothing.
//! - MEM-5: a proof of freshness has `2f + 1` distinct members of the group of its epoch.
//! - MEM-6: a member that has ended an epoch never vouches for it again, also after a crash.
//! - MEM-7: a lease is granted only if it still holds when the last vouch is accepted.
//! - MEM-8: a certificate of the authority, or a step of an epoch's end, that is refused changes
//!   nothing.
//! - MEM-9: a header is a function of its configuration and lineage alone.
//! - MEM-10: ids and the membership group follow from the randomness of the epoch alone, in an
//!   order that no server can choose.
//! - MEM-11: on a link, a key is a server's only if its identity key certified it for the current
//!   epoch, as the configuration names it, or for the next (`recognition`).
//! - MEM-12: a signature by an identity counts in one epoch, the one whose leaf made it
//!   (`identity`).
//! - MEM-13: what `f + 1` founders call the system's key is its key (`pinning`).
//! - MEM-18: an identity gets another root only by the word of the one that it has (`later_root`).
//! - MEM-69: who brings keys to an epoch follows from its configuration alone (`shortlist`).
//! - MEM-72: servers that are asked for no keys name a bounded number of roots with an epoch
//!   (`later_root`).
//! - MEM-67, MEM-68: what a server gives from its chain, and who believes it (`archive`).
//! - MEM-20 to MEM-25: what the log decides about the end of an epoch (`service`).
//!
//! # Deviations from the paper
//! - Freshness takes `2f + 1` vouches, not `f + 1`: with `f + 1` a correct member that missed the
//!   end of the epoch and `f` liars would keep the epoch alive for ever (settled point 4).
//! - The statement about an epoch's key names the identity key, not the node id, which follows
//!   from it but is not known yet when a server's first key is certified; the keys of epoch 0 name
//!   no system, since the system's id is the hash of a genesis that contains them.
//!
//! # Not here
//! The ordering of operations.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod admission;
pub mod archive;
pub mod authority;
pub mod client;
mod codec;
pub mod configuration;
pub mod delta;
pub mod dissemination;
pub mod election;
pub mod epoch_configuration;
pub mod epoch_key;
pub mod freshness;
pub mod genesis;
pub mod handover;
pub mod header;
pub mod identity;
pub mod later_root;
pub mod limits;
pub mod member_proof;
pub mod message;
pub mod monitor;
pub mod page;
pub mod pinning;
pub mod recognition;
pub mod rejected;
pub mod responder;
pub mod rotation;
mod schemes;
pub mod service;
pub mod shortlist;

#[cfg(test)]
mod testing;

pub use admission::{AdmissionError, NodeAdmission, ServerDescription};
pub use authority::{
    AddCertificate, AddGrant, Certificate, Council, CouncilCertificate, CouncilError, CouncilGrant,
    Endorsement, Grant, RemoveCertificate, RemoveGrant, ResizeCertificate, ResizeGrant,
    RotationCertificate, RotationGrant, Validity,
};
pub use client::{
    ClientOutput, ClientParameters, ClientRequest, ClientTimer, ConfigurationClient, Loss,
};
pub use configuration::{CertifiedConfiguration, VerifiedConfiguration};
pub use delta::{Chain, Delta};
pub use dissemination::Disseminator;
pub use epoch_configuration::EpochConfiguration;
pub use epoch_key::{EpochKeyCertificate, EpochKeyStatement};
pub use freshness::{Challenge, FreshnessProof, Lease, LeaseRule, Nonce, Vouch};
pub use genesis::{CheckedGenesis, Founding, Genesis, GenesisError, UnsignedConfiguration};
pub use handover::Handover;
pub use header::{CertifiedHeader, ConfigurationHeader, Lineage, VerifiedHeader};
pub use identity::{IDENTITY_EPOCHS, Identity, IdentitySignature, IdentitySigner};
pub use later_root::{RootProof, RootRule};
pub use member_proof::MemberProof;
pub use message::Message;
pub use page::ConfigurationPage;
pub use pinning::Pinning;
pub use recognition::{Recognition, Unrecognised};
pub use rejected::Rejected;
pub use responder::{
    FreshnessResponder, Member, ResponderOutput, ResponderRecord, ResponderRequest,
};
pub use rotation::{Rotation, RotationError};
pub use schemes::Schemes;
pub use service::{
    ConvictedIn, CouncilRecord, Docket, DocketCounts, FindingsPage, GroupTerms, HandoverRefusal,
    KeyRecord, MembershipOperation, MembershipReply, MembershipService, MonitoringRefusal,
    PendingChange, PendingPage, PendingPlace, Refusal, Standing, Statement, Terms,
    read_founders_awaited, read_members,
};
pub use shortlist::{Shortlist, Turnout};
