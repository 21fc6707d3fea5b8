//! Proof that servers lied, whole, as the log of the membership group keeps it, and the check of it
//! by whoever asks: with the configurations of the epochs that it is about and nothing else.
//!
//! What the group says of a server that lies, `f + 1` of its members say; the signatures in the
//! proof are the server's own, so that nobody has to believe the group.

use std::collections::{BTreeMap, BTreeSet};

use quorate_bft::message::CheckpointStatement;
use quorate_crypto::real::RealVerifier;
use quorate_membership::monitor::evidence::{SignedStatement, StatementKind};
use quorate_membership::monitor::{Conviction, Unfounded};
use quorate_membership::{MembershipOperation, MembershipReply};
use quorate_types::{Configuration, Digest, Epoch, NodeId, PublicKey, Slot, View};
use quorate_wire::decode;

use crate::cluster::{Cluster, read_configurations};
use crate::error::ClientError;

/// A proof, and what came of its check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedProof {
    /// What the log keeps.
    pub conviction: Conviction,
    /// The key of the server that made the signatures, if it is known.
    pub key: Option<PublicKey>,
    /// Whether it proves that the server lied.
    pub verdict: Result<(), Unproven>,
}

/// Why a proof proves nothing here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unproven {
    /// Nobody gave the configuration that names the server and its key.
    #[error("the servers gave no configuration of epoch {}", .0.get())]
    NoConfiguration(Epoch),
    /// It does not hold.
    #[error("{0}")]
    Unfounded(Unfounded),
}

/// The proof against a server, if the log has one.
///
/// # Errors
/// What [`Cluster::membership`] says; [`ClientError::OtherProof`] if what came is not about it.
pub async fn proof_against(
    cluster: &Cluster,
    server: NodeId,
) -> Result<Option<Conviction>, ClientError> {
    let answered = cluster.membership(&MembershipOperation::GetConviction(server)).await?;
    let MembershipReply::Conviction(proof) = answered.reply else {
        return Err(ClientError::UnknownReply);
    };
    proof.map(|proof| about(server, *proof)).transpose()
}

/// The proof, if it is one against this server: what a liar signed says nothing of anybody else.
fn about(server: NodeId, proof: Conviction) -> Result<Conviction, ClientError> {
    let got = proof.accusation.evidence.server;
    if got == server { Ok(proof) } else { Err(ClientError::OtherProof { asked: server, got }) }
}

/// Checks proofs, with configurations from the chain that the servers keep, each verified under
/// the key of the system; `genesis` is that of the system, which is in no chain, and is needed for
/// what was signed in epoch 0 alone.
///
/// # Errors
/// [`ClientError`] if no connection can be made from here.
pub async fn check_proofs(
    cluster: &Cluster,
    genesis: Option<&Configuration>,
    proofs: Vec<Conviction>,
) -> Result<Vec<CheckedProof>, ClientError> {
    let wanted: BTreeSet<Epoch> =
        proofs.iter().flat_map(|it| [Some(it.epoch), it.epoch.previous()]).flatten().collect();
    let read = match wanted.is_empty() {
        true => BTreeMap::new(),
        false => read_configurations(&cluster.configuration(), &wanted).await?,
    };
    let genesis = genesis.map(|genesis| (genesis.epoch, genesis));
    let read = read.iter().map(|(epoch, it)| (*epoch, it.configuration()));
    let known: BTreeMap<Epoch, &Configuration> = genesis.into_iter().chain(read).collect();
    Ok(proofs.into_iter().map(|proof| check(proof, &known)).collect())
}

fn check(conviction: Conviction, known: &BTreeMap<Epoch, &Configuration>) -> CheckedProof {
    let of = |epoch: Epoch| known.get(&epoch).copied();
    let signed_in = conviction.accusation.evidence.epoch().unwrap_or(conviction.epoch);
    let former = conviction.epoch.previous().and_then(of);
    let Some(present) = of(conviction.epoch) else {
        let verdict = Err(Unproven::NoConfiguration(conviction.epoch));
        return CheckedProof { conviction, key: None, verdict };
    };
    let seen = (present, former);
    let key = conviction.key(seen);
    let verdict = conviction.check(seen, &RealVerifier).map_err(|why| {
        let lacks = why == Unfounded::NoKey && of(signed_in).is_none();
        if lacks { Unproven::NoConfiguration(signed_in) } else { Unproven::Unfounded(why) }
    });
    CheckedProof { conviction, key, verdict }
}

/// What a statement says, behind the frame of its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// This cut is the one of a slot, in a view.
    Cut {
        /// The view.
        view: View,
        /// The slot.
        slot: Slot,
        /// Hash of the cut.
        cut: Digest,
    },
    /// This is the state after a slot.
    State(CheckpointStatement),
    /// This is dealt in an attempt.
    Dealing {
        /// The attempt.
        session: Digest,
        /// The dealer's number in its group.
        dealer: u16,
        /// Hash of the dealing.
        dealing: Digest,
    },
}

/// Reads a statement; nothing if it is not what its kind says.
#[must_use]
pub fn read_statement(statement: &SignedStatement) -> Option<Said> {
    let content = statement.content()?;
    match statement.kind {
        StatementKind::Proposal | StatementKind::Prepare | StatementKind::Commit => {
            let (view, (slot, cut)) = decode(content).ok()?;
            Some(Said::Cut { view, slot, cut })
        }
        StatementKind::Checkpoint => decode(content).ok().map(Said::State),
        StatementKind::Dealing => {
            let ((session, dealer), dealing) = decode(content).ok()?;
            Some(Said::Dealing { session, dealer, dealing })
        }
    }
}

#[cfg(test)]
mod tests;
