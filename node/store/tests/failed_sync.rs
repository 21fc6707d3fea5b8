//! After a failed sync and a restart nothing is shown that a power cut would take back.
//!
//! The file system calls bytes clean that it could not write, and goes on showing them. Here that
//! happens for real: a file system in an image on a small disk in memory, which is filled up, so
//! that the system cannot write what it has cached. Mounting it anew does what a power cut does: it
//! leaves what has reached the image. Only root may mount; elsewhere the test says so and ends.
#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_store::critical::CriticalState;
use quorate_store::objects::{Change, Objects, Space};

const MEMORY_BYTES: u64 = 96 * 1024 * 1024;
const IMAGE_BYTES: u64 = 512 * 1024 * 1024;

fn run(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).output().is_ok_and(|output| output.status.success())
}

/// An image on a disk in memory, mounted.
struct Image {
    root: PathBuf,
}

impl Image {
    /// Nothing where that is not allowed.
    fn make() -> Option<Self> {
        let name = format!("quorate-failed-sync-{}", std::process::id());
        let image = Self { root: std::env::temp_dir().join(name) };
        let [memory, mounted] = [image.memory(), image.mounted()];
        std::fs::create_dir_all(&memory).ok()?;
        std::fs::create_dir_all(&mounted).ok()?;
        let size = format!("size={MEMORY_BYTES}");
        let is_ready = run("mount", &["-t", "tmpfs", "-o", &size, "none", text(&memory)]);
        let file = is_ready.then(|| File::create(memory.join("image")).ok()).flatten()?;
        file.set_len(IMAGE_BYTES).ok()?;
        // Without a journal: what cannot be written is lost, and the rest goes on.
        let made = run("mkfs.ext4", &["-q", "-O", "^has_journal", text(&memory.join("image"))]);
        (made && image.mount()).then_some(image)
    }

    fn memory(&self) -> PathBuf {
        self.root.join("memory")
    }

    fn mounted(&self) -> PathBuf {
        self.root.join("mounted")
    }

    fn mount(&self) -> bool {
        let (image, mounted) = (self.memory().join("image"), self.mounted());
        run("mount", &["-o", "loop", text(&image), text(&mounted)])
    }

    /// From now on nothing new can be written.
    fn fill(&self) {
        let mut file = File::create(self.memory().join("fill")).expect("a file");
        while file.write_all(&[1; 65_536]).is_ok() {}
    }

    /// There is space again.
    fn free(&self) {
        std::fs::remove_file(self.memory().join("fill")).expect("it was filled");
    }

    /// Leaves what has reached the image.
    fn lose_the_cache(&self) {
        assert!(run("umount", &[text(&self.mounted())]), "nobody uses it");
        assert!(self.mount(), "the image is whole");
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        for directory in [self.mounted(), self.memory()] {
            run("umount", &["-l", text(&directory)]);
        }
        drop(std::fs::remove_dir_all(&self.root));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the temporary directory has a plain name")
}

/// What the store of small objects shows after a start: which of two values is there.
fn shown(path: &Path) -> [bool; 2] {
    let objects = Objects::open(path).expect("it opens");
    [b"first", b"again"].map(|key| objects.contains(Space::Meta, key).expect("it is read"))
}

/// Bytes that no compression shortens.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn store(objects: &Objects, key: &[u8]) -> bool {
    let value = noise(3 * 1024 * 1024, u64::from(key[0]));
    let change = Change { space: Space::Meta, key, value: Some(&value) };
    objects.write(&[change]).and_then(|()| objects.persist()).is_ok()
}

#[test]
fn what_a_start_shows_after_a_failed_sync_survives_a_power_cut_sto_11() {
    let Some(image) = Image::make() else {
        eprintln!("SKIPPED: mounting a file system needs root, mount and mkfs.ext4");
        return;
    };
    let (tree, values) = (image.mounted().join("tree"), image.mounted().join("values"));
    let objects = Objects::open(&tree).expect("it opens");
    assert!(store(&objects, b"first"));
    let critical = CriticalState::open(&values).expect("it opens");
    critical.put_all(&[("first", b"value")]).expect("there is space");

    image.fill();
    assert!(!store(&objects, b"again"), "there was space after all");
    assert!(!store(&objects, b"again"), "STO-11: nothing is acknowledged any more");
    let large = noise(1024 * 1024, 5);
    critical.put_all(&[("again", &large)]).expect_err("there is no space");
    drop((objects, critical));
    image.free();

    let before = shown(&tree);
    let critical = CriticalState::open(&values).expect("it opens");
    let critical_before = ["first", "again"].map(|name| critical.get(name).expect("it is read"));
    drop(critical);
    image.lose_the_cache();
    assert_eq!(shown(&tree), before, "STO-11");
    let critical = CriticalState::open(&values).expect("it opens");
    let critical_after = ["first", "again"].map(|name| critical.get(name).expect("it is read"));
    drop(critical);
    assert_eq!(critical_after, critical_before, "STO-11");
    assert!(before[0] && critical_after[0].is_some(), "what was acknowledged is there");
}
