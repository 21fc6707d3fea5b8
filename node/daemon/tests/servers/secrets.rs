//! What of servers is secret, taken while it stands on their disks: by one who reads all the time,
//! and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use quorate_kes::{Blake3Tree, Seed as NodeSeed, Tree};
use quorate_membership::{Identity, IdentitySigner};
use quorate_store::medium::RealMedium;
use quorate_store::secrets::Secrets;

use crate::files::{Content, if_there};
use crate::founders::FIRST;
use crate::search::{SECRET_BYTES, Secret};

/// Where the keys of a server are in its directory.
pub(crate) const KEYS: &str = "keys";

/// What a secret is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// Signs in an epoch.
    Signing,
    /// Opens what is sealed for the group of an epoch.
    Decryption,
    /// Share of the system's key in an epoch.
    Share,
    /// The dealings with which an epoch ends follow from it.
    Dealing,
    /// Leaves of the identity follow from it, the first of them for an epoch.
    Leaf,
    /// Dealt at the end of an epoch: a subshare, or a coefficient of the polynomial.
    Dealt,
}

/// Whose a secret is, what it is for, and in which epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Label {
    pub(crate) owner: usize,
    pub(crate) kind: Kind,
    pub(crate) epoch: u64,
}

/// Reads the keys of servers again and again, and keeps the files open that it has read.
pub(crate) struct Thief {
    keys: Vec<(PathBuf, Secrets<RealMedium>)>,
    taken: BTreeMap<(usize, String), BTreeSet<Vec<u8>>>,
    kept_open: Vec<(usize, PathBuf, File)>,
}

impl Thief {
    /// Of the servers with these directories.
    pub(crate) fn of(directories: &[PathBuf]) -> Self {
        let open = |directory: &PathBuf| {
            let keys = directory.join(KEYS);
            let medium = RealMedium::open(&keys).expect("a directory of keys");
            (keys, Secrets::open(medium).expect("a disk that works"))
        };
        let keys = directories.iter().map(open).collect();
        let mut thief = Self { keys, taken: BTreeMap::new(), kept_open: Vec::new() };
        thief.look();
        thief
    }

    /// Takes what has come since.
    pub(crate) fn look(&mut self) {
        for owner in 0..self.keys.len() {
            let names = self.keys[owner].1.names().expect("a disk that works");
            for name in names.into_iter().filter(|name| name.ends_with(".key")) {
                self.take(owner, name);
            }
        }
    }

    fn take(&mut self, owner: usize, name: String) {
        let (directory, keys) = &self.keys[owner];
        // Another attempt makes another share.
        let is_final = !name.starts_with("share");
        if is_final && self.taken.contains_key(&(owner, name.clone())) {
            return;
        }
        let Some(content) = keys.get(&name).expect("a disk that works").whole() else { return };
        let Some(file) = if_there(File::open(directory.join(&name))) else { return };
        let mut bytes = vec![0; content.len()];
        let is_same = file.read_exact_at(&mut bytes, 0).is_ok() && bytes == *content;
        let place = Path::new(KEYS).join(&name);
        if is_same && self.taken.entry((owner, name)).or_default().insert(bytes) {
            self.kept_open.push((owner, place, file));
        }
    }

    /// What has been read from the key files of this kind and epoch of a server.
    pub(crate) fn taken(&self, label: Label) -> impl Iterator<Item = &[u8]> {
        let name = (label.owner, file_name(label));
        self.taken.get(&name).into_iter().flatten().map(Vec::as_slice)
    }

    /// Where a secret stands as long as it is needed.
    pub(crate) fn place(label: Label) -> PathBuf {
        Path::new(KEYS).join(file_name(label))
    }

    /// All that was taken.
    pub(crate) fn secrets(&self) -> BTreeSet<(Label, Secret)> {
        let mut secrets = BTreeSet::new();
        for ((owner, name), contents) in &self.taken {
            let (kind, epoch) = parse(name);
            let label = Label { owner: *owner, kind, epoch };
            for content in contents {
                if kind != Kind::Leaf {
                    secrets.insert((label, *content.last_chunk().expect("a seed or a share")));
                } else if epoch == FIRST.get() {
                    // What is in the later ones follows from what was in this one.
                    let nodes = nodes(content).into_iter();
                    secrets.extend(nodes.map(|(epoch, node)| (Label { epoch, ..label }, node)));
                }
            }
        }
        secrets
    }

    /// What is in the files now that were read once, also of those that have no name any more.
    pub(crate) fn kept_open(&self) -> impl Iterator<Item = (usize, Content)> {
        self.kept_open.iter().map(|(owner, place, file)| {
            let length = file.metadata().expect("an open file").len();
            let mut bytes = vec![0; usize::try_from(length).expect("keys are short")];
            file.read_exact_at(&mut bytes, 0).expect("an open file");
            (*owner, Content::new(place.clone(), &bytes))
        })
    }
}

/// How the files of each kind begin.
const NAMES: [(Kind, &str); 5] = [
    (Kind::Signing, "epoch"),
    (Kind::Decryption, "decryption"),
    (Kind::Share, "share"),
    (Kind::Dealing, "dealing"),
    (Kind::Leaf, "identity"),
];

fn file_name(Label { kind, epoch, .. }: Label) -> String {
    let name = NAMES.iter().find(|(it, _)| *it == kind).map(|(_, name)| name);
    format!("{}-{epoch}.key", name.expect("it stands in a file"))
}

fn parse(name: &str) -> (Kind, u64) {
    let (begin, rest) = name.split_once('-').expect("the name of a key");
    let kind = NAMES.iter().find(|(_, it)| *it == begin).map(|(kind, _)| *kind);
    let epoch = rest.trim_end_matches(".key").parse().expect("an epoch");
    (kind.expect("the test knows all that these servers have"), epoch)
}

/// The seeds in the file of an identity from which the next leaves follow, and those leaves: each
/// with the first epoch for which it is good.
fn nodes(file: &[u8]) -> BTreeSet<(u64, Secret)> {
    /// Behind the identity key, the first epoch, the version, the period and the root.
    const LEAF: std::ops::Range<usize> = 77..77 + SECRET_BYTES;
    /// As high are the subtrees that are looked for: their leaves are more than a test needs.
    const HEIGHT: usize = 3;
    let mut identity = Identity::from_bytes(Blake3Tree, file).expect("an identity");
    let mut nodes = BTreeSet::new();
    for _ in 0..1 << HEIGHT {
        let leaf: Secret = identity.to_bytes()[LEAF].try_into().expect("its length");
        nodes.insert((identity.epoch().get(), leaf));
        identity.evolve().expect("thousands of epochs");
    }
    let leaves = nodes.clone();
    // The tree of a founder begins with epoch 0: a subtree, where it has a multiple of its length.
    for seed in file.windows(SECRET_BYTES) {
        let mut leftmost: Secret = seed.try_into().expect("its length");
        for height in 1..=HEIGHT {
            leftmost = *Blake3Tree::split(&NodeSeed::new(leftmost)).0.as_bytes();
            let above = leaves.iter().filter(|(_, leaf)| *leaf == leftmost);
            for (first, _) in above {
                nodes.extend(below(seed.try_into().expect("its length"), (*first, height)));
            }
        }
    }
    nodes
}

/// A seed and all that follow from it, down to the leaves.
fn below(seed: Secret, (first, height): (u64, usize)) -> Vec<(u64, Secret)> {
    let mut found = vec![(first, seed)];
    if let Some(height) = height.checked_sub(1) {
        let (left, right) = Blake3Tree::split(&NodeSeed::new(seed));
        found.extend(below(*left.as_bytes(), (first, height)));
        found.extend(below(*right.as_bytes(), (first + (1 << height), height)));
    }
    found
}
