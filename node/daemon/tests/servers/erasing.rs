//! Servers live through the ends of epochs, and nothing of what those erased is anywhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_client::cluster_file::EPOCH_SECONDS_MIN;

use crate::dealt::{Ear, Notes, in_the_clear};
use crate::files::{Content, content};
use crate::founders::{FIRST, Founders, begin_with, scratch, with_servers};
use crate::search::{Search, Secret};
use crate::secrets::{Kind, Label, Thief};

/// One server more than have a seat in the group.
const SERVERS: usize = 5;
/// So many members have their shares, or no epoch ends.
const QUORUM: usize = 3;
/// The epoch in which the test looks: those of 1, 2 and 3 have ended, and that of the founding.
const LAST: u64 = 4;

/// The epoch that a server brings to its end now: what it erased came before it began with that.
fn epoch_of(directory: &Path) -> Option<u64> {
    let begun = std::fs::read_dir(directory.join("data/handover")).ok()?;
    let names = begun.map(|entry| entry.expect("an entry").file_name().into_string());
    names.map(|name| name.expect("a number").parse::<u64>().expect("an epoch")).max()
}

/// Is a server in the last epoch, with nothing to sign in the one before? Only the end certificate
/// tells it so, which comes when a quorum has signed.
fn has_come(directory: &Path, epoch: u64) -> bool {
    let key_of = |epoch| Thief::place(Label { owner: 0, kind: Kind::Signing, epoch });
    epoch >= LAST && !directory.join(key_of(epoch - 1)).exists()
}

/// Where a server is when the test looks.
#[derive(Clone, Copy, Debug)]
struct Now {
    epoch: u64,
    has_seat: bool,
}

impl Now {
    fn of(directory: &Path) -> Self {
        let epoch = epoch_of(directory).expect("it has begun with one");
        let deals = Label { owner: 0, kind: Kind::Dealing, epoch };
        Self { epoch, has_seat: directory.join(Thief::place(deals)).exists() }
    }
}

/// May a server have this secret?
fn is_needed(Label { kind, epoch, .. }: Label, Now { epoch: now, has_seat }: Now) -> bool {
    match kind {
        // DUT-6: every server has seen the end of the epoch before. The key of the next one is made
        // ahead, and storage stays on the ring of the founding with its keys.
        Kind::Signing => epoch >= now || epoch == FIRST.get(),
        // MEM-75: who has its share opens nothing more.
        Kind::Decryption => epoch > now,
        // DUT-5: without a seat nothing is left of the attempts at the key of the epoch.
        Kind::Share | Kind::Dealing => epoch > now || epoch == now && has_seat,
        // The leaf of the next epoch has certified its key already.
        Kind::Leaf => epoch > now + 1,
        Kind::Dealt => false,
    }
}

/// Where a secret was found: in a file of a server.
type Find = (Label, usize, PathBuf);

/// Where those secrets may be found that are needed.
fn right_places(secrets: &[(Label, Secret)], now: &[Now]) -> BTreeSet<Find> {
    let needed = secrets.iter().filter(|(label, _)| is_needed(*label, now[label.owner]));
    let place = |label: Label| {
        // All that the identity needs later is in the one file that there is of it.
        let identity = Label { epoch: now[label.owner].epoch + 2, ..label };
        Thief::place(if label.kind == Kind::Leaf { identity } else { label })
    };
    needed.map(|(label, _)| (*label, label.owner, place(*label))).collect()
}

/// Are the secrets found with which servers work in the epoch that each of them is in?
fn assert_alive(found: &BTreeSet<Find>, secrets: &[(Label, Secret)], now: &[Now]) {
    let is_used = |label: &Label| {
        let Now { epoch: now, has_seat } = now[label.owner];
        match label.kind {
            Kind::Signing => [FIRST.get(), now, now + 1].contains(&label.epoch),
            Kind::Decryption => label.epoch == now + 1,
            Kind::Share | Kind::Dealing => label.epoch == now && has_seat,
            Kind::Leaf => label.epoch == now + 2,
            Kind::Dealt => false,
        }
    };
    let used: BTreeSet<Label> = secrets.iter().map(|(label, _)| *label).filter(is_used).collect();
    let found = found.iter().map(|(label, ..)| *label).collect();
    let missing: Vec<_> = used.difference(&found).collect();
    assert!(missing.is_empty(), "servers are in {now:?}, not found: {missing:#?}");
}

/// Did the thief see what each server had in each epoch up to this one?
fn assert_all_taken(secrets: &[(Label, Secret)], now: u64) {
    let labels: BTreeSet<Label> = secrets.iter().map(|(label, _)| *label).collect();
    let owners = |kind, epoch| {
        (0..SERVERS).filter(|owner| labels.contains(&Label { owner: *owner, kind, epoch })).count()
    };
    for epoch in 0..=now {
        assert_eq!(owners(Kind::Signing, epoch), SERVERS, "of epoch {epoch}");
        assert_eq!(owners(Kind::Decryption, epoch), SERVERS, "of epoch {epoch}");
        assert!(owners(Kind::Dealing, epoch) >= QUORUM, "of epoch {epoch}");
        assert!(epoch == 0 || owners(Kind::Share, epoch) >= QUORUM, "of epoch {epoch}");
        assert!(epoch == now || owners(Kind::Dealt, epoch) >= 2, "at the end of epoch {epoch}");
        assert_eq!(owners(Kind::Leaf, epoch + 2), SERVERS, "of epoch {}", epoch + 2);
    }
}

/// What servers had in their files while they lived, and what those hold now.
struct Lives {
    directories: Arc<Vec<PathBuf>>,
    thief: Thief,
    notes: Arc<Mutex<Notes>>,
}

impl Lives {
    /// Has servers go through the ends of epochs, by themselves.
    fn live(founders: &Founders) -> Self {
        let directories = (0..SERVERS).map(|it| founders.directory.join(format!("node-{it}")));
        let directories: Arc<Vec<_>> = Arc::new(directories.collect());
        let notes: Arc<Mutex<Notes>> = Arc::default();
        let mut thief = Thief::of(&directories);
        let ear = |owner| {
            let (directories, notes) = (Arc::clone(&directories), Arc::clone(&notes));
            Box::new(Ear { owner, directories, notes })
        };
        let servers = founders.nodes.iter().enumerate();
        let servers = servers.map(|(owner, settings)| begin_with(settings, ear(owner))).collect();
        with_servers(servers, async {
            while !directories
                .iter()
                .all(|it| epoch_of(it).is_some_and(|epoch| has_come(it, epoch)))
            {
                thief.look();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        founders.rest();
        thief.look();
        Self { directories, thief, notes }
    }

    fn secrets(&self) -> Vec<(Label, Secret)> {
        let notes = self.notes.lock().expect("nobody panicked");
        let dealt = notes.heard.iter().flat_map(|heard| in_the_clear(heard, &self.thief));
        self.thief.secrets().into_iter().chain(dealt).collect()
    }

    /// All files of all servers.
    fn files(&self) -> impl Iterator<Item = (usize, Content)> {
        let directories = self.directories.iter().enumerate();
        directories.flat_map(|(owner, it)| content(it).into_iter().map(move |file| (owner, file)))
    }
}

#[test]
fn key_3_what_ends_of_epochs_erase_is_in_no_file_and_what_is_needed_where_it_belongs() {
    let mut founders = Founders::new(&scratch("erased"), SERVERS);
    let length = Duration::from_secs(EPOCH_SECONDS_MIN);
    founders.nodes.iter_mut().for_each(|node| node.epoch = Some(length));
    let lives = Lives::live(&founders);
    let now: Vec<Now> = lives.directories.iter().map(|it| Now::of(it)).collect();
    assert!(now.iter().any(|it| !it.has_seat), "one more than have seats: {now:?}");
    let secrets = lives.secrets();
    assert_all_taken(&secrets, LAST);
    let right = right_places(&secrets, &now);
    let search = Search::of(secrets.iter().map(|(_, secret)| secret));
    let named = |owner: usize, file: &Content| -> Vec<Find> {
        let found = search.found_in(file).into_iter();
        found.map(|number| (secrets[number].0, owner, file.path.clone())).collect()
    };

    // KEY-3: what is over is nowhere, and nothing is at another place or at another server.
    let found: BTreeSet<Find> =
        lives.files().flat_map(|(owner, file)| named(owner, &file)).collect();
    let wrong: Vec<_> = found.difference(&right).collect();
    assert!(wrong.is_empty(), "servers are in {now:?}, found: {wrong:#?}");
    assert_alive(&found, &secrets, &now);

    // Files that have no name any more were overwritten before they lost it.
    let found: BTreeSet<Find> =
        lives.thief.kept_open().flat_map(|(owner, file)| named(owner, &file)).collect();
    let wrong: Vec<_> = found.difference(&right).collect();
    assert!(wrong.is_empty(), "servers are in {now:?}, not overwritten: {wrong:#?}");
    assert_alive(&found, &secrets, &now);

    // A copy of what is not among the keys holds no secret of any epoch, also in the middle of an
    // attempt: it has what was sealed, and nothing of what is in that.
    let notes = lives.notes.lock().expect("nobody panicked");
    for epoch in 0..LAST {
        let picture = &notes.pictures[&epoch];
        let found: Vec<_> = picture.iter().flat_map(|(owner, file)| named(*owner, file)).collect();
        assert!(found.is_empty(), "at the end of epoch {epoch}: {found:#?}");
        let heard = notes.heard.iter().filter(|heard| heard.epoch == epoch);
        let sealed = heard.map(|it| it.dealing.sealed.last_chunk().expect("a subshare"));
        let sealed = Search::of(sealed);
        let is_there = picture.iter().any(|(_, file)| !sealed.found_in(file).is_empty());
        assert!(is_there, "the search finds what was sealed at the end of epoch {epoch}");
    }
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}
