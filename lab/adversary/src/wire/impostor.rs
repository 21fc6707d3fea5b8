//! Peer that says it is a server: with the server's own certificate, with one that it forged, and
//! with certificates that count elsewhere or at another time.

use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::{
    EpochKeyCertificate, EpochKeyStatement, Identity, IdentitySignature, IdentitySigner,
};
use quorate_types::{Epoch, SystemId};
use quorate_wire::{decode, encode};

use super::{Act, Guise, KIND_HELLO, Nuisance, honest_frame};

/// What it shows for the key that its link proves, which is its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pretence {
    /// What the server shows of itself, as anybody reads it who connects to it.
    Foreign,
    /// The server's identity for its own key, signed by itself.
    Forged,
    /// The same, with the way from the server's leaf to the server's identity.
    Grafted,
    /// A good certificate of an identity of its own, for an epoch that is far away.
    Untimely,
    /// A good certificate of an identity of its own, for another system.
    Elsewhere,
    /// Nothing.
    Bare,
}

impl Pretence {
    /// All of them; one connection each.
    pub const ALL: [Self; 6] =
        [Self::Foreign, Self::Forged, Self::Grafted, Self::Untimely, Self::Elsewhere, Self::Bare];

    fn shown(self, guise: &Guise<'_>) -> Vec<u8> {
        let of_server = guise.server;
        let epoch_key = guise.signer.public_key();
        let in_its_name = EpochKeyStatement { epoch_key, ..of_server.statement };
        let certificate = match self {
            Self::Foreign => of_server.clone(),
            Self::Forged => EpochKeyCertificate::issue(in_its_name, &own(in_its_name.epoch)),
            Self::Grafted => {
                let signature = in_its_name.sign(&own(in_its_name.epoch));
                let signature = grafted(&signature, &of_server.signature);
                EpochKeyCertificate { statement: in_its_name, signature }
            }
            Self::Untimely => of_own(guise.system, Epoch::new(7), guise),
            Self::Elsewhere => of_own(SystemId::new([0x5a; 32]), Epoch::new(1), guise),
            Self::Bare => return Vec::new(),
        };
        encode(&certificate)
    }
}

/// An identity of its own, whose first epoch is this.
pub(super) fn own(epoch: Epoch) -> Identity<Blake3Tree> {
    Identity::generate_short(Blake3Tree, Seed::new([0x1d; 32]), (epoch, 1))
}

/// A good certificate of an identity of its own.
fn of_own(system: SystemId, epoch: Epoch, guise: &Guise<'_>) -> EpochKeyCertificate {
    let identity = own(epoch);
    let (key, epoch_key) = (identity.identity_key(), guise.signer.public_key());
    EpochKeyCertificate::issue(
        EpochKeyStatement::of_system(system, key, epoch, epoch_key),
        &identity,
    )
}

/// What the leaf of one signed, with all else of the other.
fn grafted(by_leaf: &IdentitySignature, path: &IdentitySignature) -> IdentitySignature {
    /// Of the leaf's signature: behind the scheme and the first epoch.
    const BY_LEAF: std::ops::Range<usize> = 9..73;
    let (by_leaf, mut bytes) = (encode(by_leaf), encode(path));
    bytes[BY_LEAF].copy_from_slice(&by_leaf[BY_LEAF]);
    decode(&bytes).expect("it has the shape of a signature")
}

/// Greets as a server, once with each pretence.
#[derive(Clone, Copy, Debug)]
pub struct Impostor;

impl Nuisance for Impostor {
    fn name(&self) -> &'static str {
        "impostor"
    }

    fn connections(&self) -> usize {
        Pretence::ALL.len()
    }

    fn acts(&self, guise: &Guise<'_>, connection: usize) -> Vec<Act> {
        let shown = Pretence::ALL[connection % Pretence::ALL.len()].shown(guise);
        vec![Act::Tls, Act::Write(hello_of_server(guise, &shown)), Act::Hold]
    }
}

/// The greeting of a server's main connection.
fn hello_of_server(guise: &Guise<'_>, shown: &[u8]) -> Vec<u8> {
    let mut body = b"quorate\0".to_vec();
    body.extend([1, 0, 1, 0]);
    body.extend(guise.system.as_bytes());
    body.extend([0; 2 + 8]);
    let count = u16::try_from(shown.len()).expect("certificates are short");
    body.extend(count.to_le_bytes());
    body.extend(shown);
    honest_frame(KIND_HELLO, &body)
}
