//! What all commands share that change the set of servers: who signs, and what becomes of it.
//!
//! ```text
//! --authority KEY ...  the change is signed here, and submitted
//! --out FILE           it is written down with the signatures so far, and not submitted: for
//!                      `quorate authority sign` on another machine, then `quorate node submit`
//! ```
//! Keys are read, and their modes checked, before anything is asked of anybody.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_client::carried::{CHANGE, to_line};
use quorate_client::changes::{self, Change, ChangeError, Effect, RealSigner, Signer};
use quorate_client::cluster::Cluster;
use quorate_client::cluster_file::read_seed;
use quorate_client::explanation::{Explanation, Kind};
use quorate_membership::{Council, Terms, Validity};
use quorate_types::Epoch;
use serde_json::{Value, json};

use super::session::{ClusterArguments, session};
use crate::answer::Answer;
use crate::failure::Failure;

/// In how many epochs a certificate may be executed, where nothing else is asked for.
const EPOCHS_DEFAULT: u64 = 100;

/// Of which cluster, in whose name, and what becomes of the certificate.
#[derive(Args, Debug)]
pub(crate) struct ChangeArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    /// A secret key that signs for the authority; once for each that signs here.
    #[arg(long, value_name = "KEY", required_unless_present = "out")]
    authority: Vec<PathBuf>,
    /// Write the certificate to this file, with the signatures of the keys that are given, if any,
    /// and submit nothing.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// In how many epochs from the present one on it may be executed; a removal may be in all.
    #[arg(long, value_name = "EPOCHS", default_value_t = EPOCHS_DEFAULT,
          value_parser = clap::value_parser!(u64).range(1..))]
    for_epochs: u64,
}

/// Changes that nobody has signed yet.
pub(crate) struct Drafts {
    /// In the order in which they are to be executed.
    pub(crate) changes: Vec<Change>,
    /// Who has to sign.
    pub(crate) council: Council,
    /// What the operator should know besides.
    pub(crate) note: Option<String>,
}

impl Drafts {
    /// One change.
    pub(crate) fn of(change: Change, council: Council) -> Self {
        Self { changes: vec![change], council, note: None }
    }
}

/// A key that signs for the authority, and the file that it is from.
pub(crate) struct Holder {
    path: PathBuf,
    signer: RealSigner,
}

impl Holder {
    /// Reads the keys in these files.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        let read = |path: &PathBuf| {
            let signer = RealSigner::from_seed(&*read_seed(path)?);
            Ok(Self { path: path.clone(), signer })
        };
        paths.iter().map(read).collect()
    }

    /// Signs each of these changes.
    pub(crate) fn sign(&self, changes: &mut [Change]) {
        changes.iter_mut().for_each(|change| change.endorse(&self.signer));
    }

    fn check(&self, council: &Council) -> Result<(), Failure> {
        if council.keys.contains(&self.signer.public_key()) {
            return Ok(());
        }
        let sort = (Kind::Unauthorised, "other-authority");
        let what = "this key does not sign for the authority of the system";
        let remedy = "use a key that does: `quorate authority show` lists them";
        Err(Failure::about(&self.path, sort, what, remedy))
    }
}

impl ChangeArguments {
    /// In which epochs a certificate counts that is made in this one, with this number.
    pub(crate) fn validity(&self, sequence: u64, present: Epoch) -> Validity {
        let last_epoch = Epoch::new(present.get().saturating_add(self.for_epochs - 1));
        Validity { sequence, first_epoch: present, last_epoch }
    }

    /// Has changes made with what the cluster says, signs them, and submits or writes them.
    pub(crate) fn perform(
        &self,
        json: bool,
        make: impl AsyncFnOnce(&Cluster) -> Result<Drafts, Failure>,
    ) -> Result<Answer, Failure> {
        let holders = Holder::read(&self.authority)?;
        let (answer, failure) = session(&self.cluster, json, async |cluster| {
            let Drafts { mut changes, council, note } = make(&cluster).await?;
            holders.iter().try_for_each(|holder| holder.check(&council))?;
            holders.iter().for_each(|holder| holder.sign(&mut changes));
            if let Some(file) = &self.out {
                return Ok((write(file, &changes, Some(&council))?, None));
            }
            changes.iter().try_for_each(|change| reject_unsigned(change, &council))?;
            let (mut answer, failure) = submit_all(&cluster, &changes, "cluster").await;
            if let Some(note) = note.filter(|_| failure.is_none()) {
                answer.text = format!("{}\n{note}", answer.text);
                answer.json["note"] = Value::from(note);
            }
            Ok((answer, failure))
        })?;
        settle(answer, failure, json)
    }
}

/// An answer that a failure cut short is worth as much as the failure.
pub(crate) fn settle(
    answer: Answer,
    failure: Option<Failure>,
    json: bool,
) -> Result<Answer, Failure> {
    let Some(failure) = failure else { return Ok(answer) };
    if !answer.text.is_empty() {
        answer.print(json);
    }
    Err(failure)
}

/// What a certificate about a server has to be like.
pub(crate) async fn terms(
    cluster: &Cluster,
    server: quorate_types::IdentityKey,
) -> Result<Terms, Failure> {
    Ok(changes::terms(cluster, server).await?)
}

fn reject_unsigned(change: &Change, council: &Council) -> Result<(), Failure> {
    let lacks = change.lacks(council);
    if lacks == 0 {
        return Ok(());
    }
    Err(Failure::from(Explanation {
        kind: Kind::Unauthorised,
        code: "signatures-missing",
        what: format!("{lacks} of the {} signatures that it takes are missing", council.threshold),
        place: String::from("--authority"),
        remedy: String::from(
            "give more keys, or write it with --out and have others sign it: `quorate authority \
             sign`",
        ),
    }))
}

/// Submits changes one after the other, up to the first that is refused; `place` is where they are
/// from.
pub(crate) async fn submit_all(
    cluster: &Cluster,
    all: &[Change],
    place: &str,
) -> (Answer, Option<Failure>) {
    let (mut lines, mut done, mut failure) = (Vec::new(), Vec::new(), None);
    for change in all {
        match changes::submit(cluster, change).await {
            Ok(effect) => {
                lines.push(sentence(change, effect));
                done.push(facts(change, Some(effect)));
            }
            Err(error) => {
                failure = Some(explain(error, change, place));
                break;
            }
        }
    }
    (Answer { text: lines.join("\n"), json: json!({ "changes": done }) }, failure)
}

fn explain(error: ChangeError, change: &Change, place: &str) -> Failure {
    match error {
        ChangeError::Client(error) => Failure::from(error),
        ChangeError::Refused(refusal) => {
            let server = change.server().map(|key| format!("server {}", key.name()));
            let place = if place == "cluster" { server } else { Some(String::from(place)) };
            Failure::from(changes::explain(
                refusal,
                place.unwrap_or_else(|| String::from("council")),
            ))
        }
    }
}

/// Writes changes to a file that must not exist, for others to sign or to submit.
pub(crate) fn write(
    file: &Path,
    all: &[Change],
    council: Option<&Council>,
) -> Result<Answer, Failure> {
    let lines: String = all.iter().map(|change| to_line(CHANGE, change) + "\n").collect();
    let written = std::fs::File::create_new(file)
        .and_then(|mut new| std::io::Write::write_all(&mut new, lines.as_bytes()));
    written.map_err(|error| Failure::io("create", file, &error))?;
    let lacks = council.and_then(|council| all.iter().map(|change| change.lacks(council)).max());
    let path = file.display();
    let next = match lacks {
        Some(0) => format!("submit it with `quorate node submit {path}`"),
        Some(lacks) => format!(
            "it lacks {lacks} of the signatures that it takes: `quorate authority sign {path}`"
        ),
        None => {
            format!("carry it on to who signs next, or submit it: `quorate node submit {path}`")
        }
    };
    let said: Vec<String> = all.iter().map(Change::to_string).collect();
    let text = format!("{}\nwritten to {path}; {next}", said.join("\n"));
    let changes: Vec<Value> = all.iter().map(|change| facts(change, None)).collect();
    Ok(Answer { text, json: json!({ "changes": changes, "file": file, "lacks": lacks }) })
}

fn sentence(change: &Change, effect: Effect) -> String {
    let epoch = effect.epoch().get();
    match (change, effect) {
        (Change::Add(certificate), _) => {
            let grant = &certificate.grant;
            let (name, address) = (grant.identity_key.name(), &grant.server.address);
            format!("server {name} at {address} is a member from epoch {epoch} on")
        }
        (Change::Remove(certificate), _) => {
            let name = certificate.grant.identity_key.name();
            format!("server {name} is removed from epoch {epoch} on, for good")
        }
        (Change::Appoint(certificate), _) => {
            let council = &certificate.grant.council;
            let (threshold, count) = (council.threshold, council.keys.len());
            format!("{threshold} of {count} keys sign for the authority from now on")
        }
        (Change::Resize(certificate), _) => {
            let (f, count) =
                (certificate.grant.membership.f(), certificate.grant.membership.replicas());
            format!("the membership group has {count} members (f = {f}) from epoch {epoch} on")
        }
        (Change::Rotate(certificate), _) => {
            let rule = changes::rule(&certificate.grant.rotation);
            format!("the membership group is drawn {rule}, from epoch {epoch} on")
        }
    }
}

fn facts(change: &Change, effect: Option<Effect>) -> Value {
    let (what, address) = match change {
        Change::Add(certificate) => ("add", Some(certificate.grant.server.address.clone())),
        Change::Remove(_) => ("remove", None),
        Change::Appoint(_) => ("appoint", None),
        Change::Resize(_) => ("resize", None),
        Change::Rotate(_) => ("rotate", None),
    };
    let validity = change.validity();
    let signed_by: Vec<String> = change.signed_by().iter().map(|key| key.to_hex()).collect();
    json!({
        "change": what,
        "system": change.system().to_hex(),
        "server": change.server().map(|key| key.name()),
        "identity_key": change.server().map(|key| key.to_hex()),
        "address": address,
        "sequence": validity.sequence,
        "first_epoch": validity.first_epoch.get(),
        "last_epoch": validity.last_epoch.get(),
        "signed_by": signed_by,
        "epoch": effect.map(|effect| effect.epoch().get()),
    })
}
