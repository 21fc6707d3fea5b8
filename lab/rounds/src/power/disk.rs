//! A disk whose power can be cut: ext4 in a file, mounted over a loop device.
//!
//! The cut is the file system's own (`EXT4_IOC_SHUTDOWN` without a flush): from that moment no
//! byte reaches the file any more, and what was only in memory is gone. Mounting it again replays
//! the journal, as after a real loss of power. Two files show that a cut was one: of one that was
//! synced everything must be there, of one that was not nothing may be.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cluster::call;

/// Size of the disk; only what is written takes room.
const DISK_BYTES: u64 = 1 << 29;
const SHUTDOWN_SOURCE: &str = include_str!("shutdown.c");
const CANARY: &[u8] = b"is it there?";

/// A mounted disk; it is unmounted when this is dropped.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    is_mounted: bool,
    is_place_shared: bool,
    cuts: u32,
}

/// What is missing here for cutting power; nothing if all is there.
#[must_use]
pub fn missing() -> Option<String> {
    if !crate::host::is_root() {
        return Some(String::from("it needs root, to mount a file system"));
    }
    let programs = ["cc", "mkfs.ext4", "mount", "umount", "sync"];
    let absent = programs.into_iter().find(|program| !crate::host::has(program));
    if let Some(program) = absent {
        return Some(format!("there is no program `{program}`"));
    }
    let has_loops = Path::new("/dev/loop-control").exists();
    (!has_loops).then(|| String::from("there are no loop devices"))
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    call(Path::new(program), Path::new("/"), words).map(|_| ())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary files have plain names")
}

impl Disk {
    /// Makes a disk below this directory and mounts it.
    ///
    /// # Errors
    /// What a program complained about.
    pub fn new(root: &Path) -> Result<Self, String> {
        let mut disk =
            Self { root: root.to_path_buf(), is_mounted: false, is_place_shared: false, cuts: 0 };
        let failed = |error: std::io::Error| format!("{}: {error}", root.display());
        let image = std::fs::File::create(disk.image()).map_err(failed)?;
        image.set_len(DISK_BYTES).map_err(failed)?;
        let source = root.join("shutdown.c");
        std::fs::write(&source, SHUTDOWN_SOURCE).map_err(failed)?;
        run("cc", &["-O1", "-o", text(&root.join("shutdown")), text(&source)])?;
        run("mkfs.ext4", &["-q", text(&disk.image())])?;
        std::fs::create_dir_all(disk.path()).map_err(failed)?;
        disk.share_place()?;
        disk.mount()?;
        Ok(disk)
    }

    /// Has an unmount here count everywhere. Every `ip netns exec` beside this begins with a copy
    /// of all mounts; a copy that stayed would keep the file system alive, shut down as it is, and
    /// the next mount would find that one instead of replaying the journal.
    fn share_place(&mut self) -> Result<(), String> {
        run("mount", &["--bind", text(&self.root), text(&self.root)])?;
        self.is_place_shared = true;
        run("mount", &["--make-shared", text(&self.root)])
    }

    /// The file that holds the disk.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.root.join("disk.image")
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root.join("disk")
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> Result<(), String> {
        run("sync", &["-f", text(&self.path())])
    }

    /// A file of this cut: new each time, as ext4 hurries to write what replaces another file.
    fn canary(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}-{}", self.cuts))
    }

    /// Writes what shows whether the next cut is one.
    ///
    /// # Errors
    /// What the system says.
    pub fn prepare(&mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.root.display());
        self.cuts += 1;
        let write = |name: &str| {
            let mut file = std::fs::File::create(self.canary(name))?;
            file.write_all(CANARY)?;
            Ok(file)
        };
        let synced = write("synced").and_then(|file| file.sync_all());
        synced.and_then(|()| write("unsynced")).map(drop).map_err(failed)
    }

    /// Cuts the power: whoever writes from now on gets an error.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut(&self) -> Result<(), String> {
        run(text(&self.root.join("shutdown")), &[text(&self.path())])
    }

    /// Takes the disk out; nobody may use it any more.
    ///
    /// # Errors
    /// What the system says.
    pub fn unmount(&mut self) -> Result<(), String> {
        run("umount", &[text(&self.path())])?;
        self.is_mounted = false;
        Ok(())
    }

    /// Mounts the disk, which replays its journal.
    ///
    /// # Errors
    /// What the system says.
    pub fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-o", "loop", text(&self.image()), text(&self.path())])?;
        self.is_mounted = true;
        Ok(())
    }

    /// Checks after a cut that it lost what was not synced, and nothing else.
    ///
    /// # Errors
    /// What should be there and is not, or the other way round.
    pub fn check_cut(&self) -> Result<(), String> {
        let read = |name: &str| std::fs::read(self.canary(name)).unwrap_or_default();
        if read("synced") != CANARY {
            return Err(String::from("the file system lost what was synced"));
        }
        if read("unsynced") == CANARY {
            return Err(String::from("meaningless: what was never synced survived the cut"));
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted && self.unmount().is_err() {
            // Somebody still has a file open: detached now, and gone when that one ends.
            drop(run("umount", &["-l", text(&self.path())]));
        }
        if self.is_place_shared {
            drop(run("umount", &["-l", text(&self.root)]));
        }
    }
}
