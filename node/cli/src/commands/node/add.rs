//! `quorate node add`: the authority lets a server join a running system, or says that it moved.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_client::carried::{self, ADMISSION};
use quorate_client::changes::{Change, RealVerifier};
use quorate_client::cluster::Cluster;
use quorate_client::explanation::Kind;
use quorate_membership::{
    AddCertificate, AddGrant, IDENTITY_EPOCHS, NodeAdmission, Refusal, Terms,
};
use quorate_types::{Configuration, Epoch};

use crate::answer::Answer;
use crate::commands::changes::{ChangeArguments, Drafts, terms};
use crate::failure::Failure;

/// Which server, and in whose name.
#[derive(Args, Debug)]
pub(crate) struct AddArguments {
    /// The admission that `quorate node new` wrote on the server.
    admission: PathBuf,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(super) fn run(arguments: &AddArguments, json: bool) -> Result<Answer, Failure> {
    let admission = read(&arguments.admission)?;
    arguments.change.perform(json, async |cluster| {
        let about = (arguments.admission.as_path(), &admission);
        draft(cluster, about, &arguments.change).await
    })
}

/// A server's own words, as it said them.
pub(super) fn read(path: &Path) -> Result<NodeAdmission, Failure> {
    let admission: NodeAdmission = carried::read(ADMISSION, path)?;
    admission.check(&RealVerifier).map_err(|reason| {
        let what = format!("the admission is not accepted: {reason}");
        let remedy = "carry it again from the server that made it, unchanged";
        Failure::about(path, (Kind::Configuration, "admission-refused"), what, remedy)
    })?;
    Ok(admission)
}

/// The certificate that nobody has signed yet, and who has to.
pub(super) async fn draft(
    cluster: &Cluster,
    (path, admission): (&Path, &NodeAdmission),
    arguments: &ChangeArguments,
) -> Result<Drafts, Failure> {
    let known = cluster.configuration();
    let servers = known.configuration();
    let identity_key = admission.identity_key();
    reject_system(path, admission, servers)?;
    reject_epoch(path, admission.certificate.statement.epoch, servers.epoch)?;
    reject_address(path, admission, servers)?;
    let terms = terms(cluster, identity_key).await?;
    reject_founder(path, admission, &terms)?;
    reject_removed(path, &terms, servers.epoch)?;
    let validity = arguments.validity(terms.next_sequence(), servers.epoch);
    let (system, server) = (servers.system, admission.server.clone());
    let grant = AddGrant { system, identity_key, validity, server };
    Ok(Drafts::of(Change::Add(AddCertificate::draft(grant)), terms.signed_by.council))
}

fn reject_system(
    path: &Path,
    admission: &NodeAdmission,
    servers: &Configuration,
) -> Result<(), Failure> {
    // Who can certify a key of epoch 0 was made before there was a system to name.
    let named = admission.certificate.statement.system;
    if named.is_none_or(|named| named == servers.system) {
        return Ok(());
    }
    let what = "the server was made for another system";
    let remedy = "make it with `quorate node new --cluster` and the cluster.toml of this system";
    Err(Failure::about(path, (Kind::Configuration, "other-system"), what, remedy))
}

/// Who was made to found a system looks for its genesis, and would never run as a member of this
/// one; unless it is its founder, and has moved.
fn reject_founder(path: &Path, admission: &NodeAdmission, terms: &Terms) -> Result<(), Failure> {
    if admission.certificate.statement.system.is_some() || terms.known.is_some() {
        return Ok(());
    }
    let what = "the server was made to found a system, and has no way into this one";
    let remedy = "make it with `quorate node new --cluster` and the cluster.toml of this system";
    Err(Failure::about(path, (Kind::Configuration, "admission-founder"), what, remedy))
}

/// The server certifies a key of each epoch from its first one on, so many epochs long.
fn reject_epoch(path: &Path, first: Epoch, present: Epoch) -> Result<(), Failure> {
    let (first, next) = (first.get(), present.get() + 1);
    let what = if first > next {
        format!("the server has no key before epoch {first}, and the next one is {next}")
    } else if next - first >= u64::from(IDENTITY_EPOCHS / 2) {
        format!("the identity of the server is from epoch {first}, and would soon end")
    } else {
        return Ok(());
    };
    let remedy = "make the server anew with `quorate node new --cluster`, which asks for the epoch";
    Err(Failure::about(path, (Kind::Configuration, "admission-epoch"), what, remedy))
}

fn reject_address(
    path: &Path,
    admission: &NodeAdmission,
    servers: &Configuration,
) -> Result<(), Failure> {
    let (key, address) = (admission.identity_key(), &admission.server.address);
    let mut others = servers.members.iter().filter(|member| member.identity_key != key);
    let Some(other) = others.find(|member| member.address == *address) else { return Ok(()) };
    // Who was removed does not listen there any more, even if its record stays for its objects.
    if other.status == quorate_types::MemberStatus::Removed {
        return Ok(());
    }
    let what = format!("server {} has the address {address}", other.name());
    let remedy = "give the new server an address of its own";
    Err(Failure::about(path, (Kind::Configuration, "admission-conflict"), what, remedy))
}

fn reject_removed(path: &Path, terms: &Terms, present: Epoch) -> Result<(), Failure> {
    let until = terms.known.and_then(|known| known.removed_until);
    let Some(last_epoch) = until.filter(|last| present <= *last) else { return Ok(()) };
    let refusal = Refusal::Removed { last_epoch };
    let place = path.display().to_string();
    Err(Failure::from(quorate_client::changes::explain(refusal, place)))
}
