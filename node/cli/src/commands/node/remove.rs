//! `quorate node remove`: the authority has a server leave for good.

use std::sync::Arc;

use clap::Args;
use quorate_client::changes::Change;
use quorate_client::cluster::Cluster;
use quorate_client::explanation::{Explanation, Kind};
use quorate_membership::{RemoveCertificate, RemoveGrant, Validity};
use quorate_types::{Configuration, Epoch, IdentityKey, MemberRecord, MemberStatus};

use crate::answer::Answer;
use crate::commands::changes::{ChangeArguments, Drafts, terms};
use crate::failure::Failure;

/// Which server, and in whose name.
#[derive(Args, Debug)]
pub(crate) struct RemoveArguments {
    /// The server: its name, its whole identity key, or its address.
    server: String,
    /// Remove it also where as many of its neighbours on the ring have gone as a group can bear.
    #[arg(long = "override")]
    may_exceed_cap: bool,
    #[command(flatten)]
    change: ChangeArguments,
}

/// Which server is to leave, and whether it may be one too many of its neighbours.
#[derive(Clone, Copy)]
pub(super) struct Leaving<'a> {
    pub(super) server: &'a str,
    pub(super) may_exceed_cap: bool,
}

pub(super) fn run(arguments: &RemoveArguments, json: bool) -> Result<Answer, Failure> {
    let RemoveArguments { server, may_exceed_cap, change } = arguments;
    let leaving = Leaving { server, may_exceed_cap: *may_exceed_cap };
    change.perform(json, async |cluster| draft(cluster, leaving, change).await)
}

/// The certificate that nobody has signed yet, and who has to.
pub(super) async fn draft(
    cluster: &Cluster,
    Leaving { server, may_exceed_cap }: Leaving<'_>,
    arguments: &ChangeArguments,
) -> Result<Drafts, Failure> {
    let known = cluster.configuration();
    let servers = known.configuration();
    let identity_key = find(servers, server)?;
    let terms = terms(cluster, identity_key).await?;
    let validity = arguments.validity(terms.next_sequence(), servers.epoch);
    // A removal holds for good: nothing that was signed for the server brings it back.
    let validity = Validity { last_epoch: Epoch::new(u64::MAX), ..validity };
    let system = servers.system;
    let grant = RemoveGrant { system, identity_key, validity, may_exceed_cap };
    let change = Change::Remove(RemoveCertificate::draft(grant));
    let note = note_on(servers, identity_key);
    Ok(Drafts { note, ..Drafts::of(change, terms.signed_by.council) })
}

/// A founder that leaves is missed where its objects lie.
fn note_on(servers: &Configuration, key: IdentityKey) -> Option<String> {
    let is_meant = |member: &&Arc<MemberRecord>| member.identity_key == key && member.is_on_ring;
    let member = servers.members.iter().find(is_meant)?;
    Some(format!(
        "server {} holds objects: if it still has its data, keep it running until they can move; \
         if it is gone, its groups have one bad server each",
        member.name()
    ))
}

/// The key of the server that is called this. A whole key need not be that of a member: it may be
/// one that must never become one.
pub(super) fn find(servers: &Configuration, called: &str) -> Result<IdentityKey, Failure> {
    match IdentityKey::from_hex(called) {
        Ok(key) => Ok(key),
        Err(_) => Ok(find_member(servers, called)?.identity_key),
    }
}

/// The member that is called this: by its name, its address, or its whole identity key.
pub(crate) fn find_member<'a>(
    servers: &'a Configuration,
    called: &str,
) -> Result<&'a MemberRecord, Failure> {
    let key = IdentityKey::from_hex(called).ok();
    let is_meant = |member: &&Arc<MemberRecord>| {
        member.status != MemberStatus::Removed
            && (member.name() == called
                || member.address == called
                || Some(member.identity_key) == key)
    };
    let found: Vec<_> = servers.members.iter().filter(is_meant).collect();
    let (what, remedy) = match found.as_slice() {
        [one] => return Ok(one),
        [] => ("no server of the system is called this", "see `quorate node list`"),
        _ => ("several servers are called this", "give the whole identity key"),
    };
    Err(Failure::from(Explanation {
        kind: Kind::NotFound,
        code: "no-server",
        what: String::from(what),
        place: String::from(called),
        remedy: String::from(remedy),
    }))
}
