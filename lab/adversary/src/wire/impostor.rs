//! Peer that says it is a server: with the server's own certificate, with one that it forged, and
//! with certificates that count elsewhere or at another time.

use quorate_crypto::IdentitySigner;
use quorate_membership::{EpochKeyCertificate, EpochKeyStatement};
use quorate_types::{Epoch, SystemId};

use super::{Act, Guise, KIND_HELLO, Nuisance, honest_frame};

/// What it shows for the key that its link proves, which is its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pretence {
    /// What the server shows of itself, as anybody reads it who connects to it.
    Foreign,
    /// The server's identity for its own key, signed by itself.
    Forged,
    /// A good certificate of an identity of its own, for an epoch that is far away.
    Untimely,
    /// A good certificate of an identity of its own, for another system.
    Elsewhere,
    /// Nothing.
    Bare,
}

impl Pretence {
    /// All of them; one connection each.
    pub const ALL: [Self; 5] =
        [Self::Foreign, Self::Forged, Self::Untimely, Self::Elsewhere, Self::Bare];

    fn shown(self, guise: &Guise<'_>) -> Vec<u8> {
        let own = guise.signer;
        let of_server = *guise.server;
        let of_own = EpochKeyStatement::founding(own.identity_key(), own.public_key());
        let certificate = match self {
            Self::Foreign => of_server,
            Self::Forged => {
                let statement =
                    EpochKeyStatement { epoch_key: own.public_key(), ..of_server.statement };
                EpochKeyCertificate::issue(statement, own)
            }
            Self::Untimely => {
                let (system, epoch) = (Some(guise.system), Epoch::new(7));
                EpochKeyCertificate::issue(EpochKeyStatement { system, epoch, ..of_own }, own)
            }
            Self::Elsewhere => {
                let (system, epoch) = (Some(SystemId::new([0x5a; 32])), Epoch::new(1));
                EpochKeyCertificate::issue(EpochKeyStatement { system, epoch, ..of_own }, own)
            }
            Self::Bare => return Vec::new(),
        };
        quorate_wire::encode(&certificate)
    }
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
