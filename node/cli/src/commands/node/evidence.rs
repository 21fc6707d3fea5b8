//! `quorate node evidence`: what servers signed that no correct server signs, whole, and checked
//! here: with the configurations of its epochs, verified under the key of the system.

use std::path::PathBuf;

use clap::Args;
use quorate_client::carried::to_hex;
use quorate_client::cluster::Cluster;
use quorate_client::evidence::{
    CheckedProof, Said, Unproven, check_proofs, proof_against, read_statement,
};
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::findings::findings;
use quorate_membership::EpochKeyCertificate;
use quorate_membership::monitor::evidence::{Misdeed, SignedStatement};
use quorate_types::{Configuration, Epoch, IdentityRoot, NodeId, PublicKey, SystemId};
use serde_json::{Value, json};

use super::find_member;
use crate::answer::Answer;
use crate::commands::config::genesis_of;
use crate::commands::session::{ClusterArguments, session};
use crate::failure::Failure;

/// Against whom.
#[derive(Args, Debug)]
pub(crate) struct EvidenceArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The server: its name, its identity key or its address. All that were proved to lie, if none
    /// is named.
    server: Option<String>,
    /// The genesis of the system: only what was signed in epoch 0, in the founding, needs it.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
}

pub(super) fn run(arguments: &EvidenceArguments, json: bool) -> Result<Answer, Failure> {
    let (answer, failure) = session(&arguments.cluster, json, async |cluster: Cluster| {
        let configuration = cluster.configuration();
        let servers = configuration.configuration();
        let genesis = arguments.genesis.as_ref().map(|file| genesis_of(servers.system, file));
        let genesis = genesis.transpose()?;
        let accused = accused(&cluster, arguments.server.as_deref()).await?;
        let mut proofs = Vec::new();
        for server in accused {
            proofs.extend(proof_against(&cluster, server).await?);
        }
        let genesis = genesis.as_ref().map(|genesis| genesis.configuration());
        let proofs = check_proofs(&cluster, genesis, proofs).await?;
        if let (Some(called), []) = (&arguments.server, &proofs[..]) {
            return Err(no_evidence(called));
        }
        Ok((describe(servers, &proofs), unproven(servers, &proofs)))
    })?;
    match failure {
        None => Ok(answer),
        Some(failure) => {
            // What is claimed is worth as much as that it does not hold here.
            answer.print(json);
            Err(failure)
        }
    }
}

/// The server that is called this, or all that were proved to lie.
async fn accused(cluster: &Cluster, called: Option<&str>) -> Result<Vec<NodeId>, Failure> {
    if let Some(called) = called {
        let configuration = cluster.configuration();
        return Ok(vec![find_member(configuration.configuration(), called)?.id]);
    }
    let found = findings(cluster).await?;
    let convicted = found.standings.iter().filter(|standing| standing.convicted.is_some());
    Ok(convicted.map(|standing| standing.server).collect())
}

fn no_evidence(called: &str) -> Failure {
    Failure::from(Explanation {
        kind: Kind::NotFound,
        code: "no-evidence",
        what: String::from("nothing proves that this server lied"),
        place: String::from(called),
        remedy: String::from("see `quorate status` for what was found of servers"),
    })
}

/// That a proof does not hold here, if so.
fn unproven(servers: &Configuration, proofs: &[CheckedProof]) -> Option<Failure> {
    let (proof, why) = proofs.iter().find_map(|it| Some((it, it.verdict.err()?)))?;
    let (kind, remedy) = match why {
        Unproven::NoConfiguration(_) => (
            Kind::NoQuorum,
            "start servers that keep the chain from then on; for epoch 0 give --genesis",
        ),
        Unproven::Unfounded(_) => {
            (Kind::Damaged, "keep what --json says: a group that lies has shown it")
        }
    };
    Some(Failure::from(Explanation {
        kind,
        code: "evidence-unproven",
        what: format!("the proof could not be verified here: {why}"),
        place: name(servers, proof.conviction.accusation.evidence.server),
        remedy: String::from(remedy),
    }))
}

fn name(servers: &Configuration, server: NodeId) -> String {
    servers.member(server).map_or_else(|| server.to_hex(), |member| member.name())
}

fn describe(servers: &Configuration, proofs: &[CheckedProof]) -> Answer {
    let lines: Vec<String> = proofs.iter().flat_map(|proof| lines(servers, proof)).collect();
    let text = match lines.is_empty() {
        true => String::from("no server was proved to lie"),
        false => lines.join("\n"),
    };
    let proofs: Vec<Value> = proofs.iter().map(|proof| facts(servers, proof)).collect();
    Answer { text, json: json!({ "proofs": proofs }) }
}

fn lines(servers: &Configuration, proof: &CheckedProof) -> Vec<String> {
    let conviction = &proof.conviction;
    let evidence = &conviction.accusation.evidence;
    let (server, what) = (name(servers, evidence.server), evidence.misdeed.text());
    let (epoch, slot) = (conviction.epoch.get(), conviction.slot.get());
    let mut lines = vec![format!("{server} {what}; proved in epoch {epoch}, slot {slot}")];
    if let Some(signed_in) = evidence.epoch() {
        lines.push(format!("  signed in epoch {}{}", signed_in.get(), with_key(proof.key)));
    }
    lines.extend(shown(servers.system, &evidence.misdeed).iter().map(Shown::line));
    lines.push(match proof.verdict {
        Ok(()) => {
            String::from("  verified here: it signed all of this, and it cannot all be right")
        }
        Err(why) => format!("  NOT VERIFIED: {why}"),
    });
    lines
}

fn with_key(key: Option<PublicKey>) -> String {
    key.map_or_else(String::new, |key| format!(", with the key {}", key.to_hex()))
}

fn facts(servers: &Configuration, proof: &CheckedProof) -> Value {
    let conviction = &proof.conviction;
    let evidence = &conviction.accusation.evidence;
    let member = servers.member(evidence.server);
    let complaint = match &evidence.misdeed {
        Misdeed::WrongSubshare(wrong) => Some(to_hex(&wrong.complaint)),
        Misdeed::Contradiction(_) | Misdeed::TwoKeys(_) => None,
    };
    let statements = shown(servers.system, &evidence.misdeed);
    let statements: Vec<Value> = statements.iter().map(Shown::facts).collect();
    json!({
        "server": name(servers, evidence.server),
        "id": evidence.server.to_hex(),
        "identity_key": member.map(|member| member.identity_key.to_hex()),
        "what": evidence.misdeed.text(),
        "epoch": conviction.epoch.get(),
        "slot": conviction.slot.get(),
        "signed_in_epoch": evidence.epoch().map(Epoch::get),
        "key": proof.key.map(PublicKey::to_hex),
        "statements": statements,
        "complaint": complaint,
        "bytes": to_hex(&quorate_wire::encode(conviction)),
        "is_verified": proof.verdict.is_ok(),
        "why_not": proof.verdict.err().map(|why| why.to_string()),
    })
}

/// Something that a server signed.
struct Shown {
    kind: &'static str,
    /// What it says, by name.
    says: Vec<(&'static str, Value)>,
    bytes: String,
    /// What the key of the epoch signed, and the signature; of a certificate neither: the identity
    /// signed that.
    signed: Option<(String, String)>,
}

impl Shown {
    fn line(&self) -> String {
        let said = self.says.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => format!("{name} {value}"),
        });
        format!("    {:<10} {}", self.kind, said.collect::<Vec<_>>().join(", "))
    }

    fn facts(&self) -> Value {
        let says = self.says.iter().map(|(name, value)| (String::from(*name), value.clone()));
        let (digest, signature) = self.signed.clone().unzip();
        json!({
            "kind": self.kind,
            "says": says.collect::<serde_json::Map<_, _>>(),
            "bytes": self.bytes,
            "digest": digest,
            "signature": signature,
        })
    }
}

fn shown(system: SystemId, misdeed: &Misdeed) -> Vec<Shown> {
    match misdeed {
        Misdeed::Contradiction(both) => vec![statement(&both.first), statement(&both.second)],
        Misdeed::TwoKeys(both) => vec![certificate(&both.first), certificate(&both.second)],
        Misdeed::WrongSubshare(wrong) => {
            vec![statement(&wrong.dealing.statement((system, wrong.epoch)))]
        }
    }
}

fn statement(statement: &SignedStatement) -> Shown {
    let says = match read_statement(statement) {
        None => Vec::new(),
        Some(Said::Cut { view, slot, cut }) => vec![
            ("view", json!(view.get())),
            ("slot", json!(slot.get())),
            ("cut", json!(cut.to_hex())),
        ],
        Some(Said::State(state)) => vec![
            ("slot", json!(state.slot.get())),
            ("cut", json!(state.cut.to_hex())),
            ("unix_micros", json!(state.time.as_micros())),
            ("root", json!(state.root.to_hex())),
            ("is_last", json!(state.is_last)),
        ],
        Some(Said::Dealing { session, dealer, dealing }) => vec![
            ("attempt", json!(session.to_hex())),
            ("dealer", json!(dealer)),
            ("dealing", json!(dealing.to_hex())),
        ],
    };
    let signed = (statement.digest().to_hex(), to_hex(statement.signature.as_bytes()));
    let (kind, bytes) = (statement.kind.text(), to_hex(&statement.bytes));
    Shown { kind, says, bytes, signed: Some(signed) }
}

fn certificate(certificate: &EpochKeyCertificate) -> Shown {
    let said = &certificate.statement;
    let says = vec![
        ("epoch", json!(said.epoch.get())),
        ("epoch_key", json!(said.epoch_key.to_hex())),
        ("successor", json!(said.successor.map(IdentityRoot::to_hex))),
    ];
    let bytes = to_hex(&quorate_wire::encode(certificate));
    Shown { kind: "certificate", says, bytes, signed: None }
}
