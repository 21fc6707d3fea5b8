//! Calls the program in a directory of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory that is removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-calls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// The program, to be called in the directory.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.current_dir(&self.0).env_remove("QUORATE_CLUSTER");
        command
    }

    /// Starts a server of the cluster, as its operator would by hand.
    pub(crate) fn run_node(&self, node: u16) -> Child {
        let config = format!("cluster/nodes/{node}/node.toml");
        let mut command = self.program();
        command.args(["node", "run", "--config", &config]).stderr(Stdio::null());
        command.spawn().expect("the program can be called")
    }

    fn call(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        self.program().args(arguments).output().expect("the program can be called")
    }

    /// What a call prints that must succeed.
    pub(crate) fn succeed(&self, arguments: &[impl AsRef<OsStr>]) -> String {
        let output = self.call(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The exit code and complaint of a call that must fail.
    pub(crate) fn fail(&self, arguments: &[impl AsRef<OsStr>]) -> (i32, String) {
        let output = self.call(arguments);
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.stdout, b"", "a failure prints no answer");
        let code = output.status.code().expect("it ended by itself");
        (code, String::from_utf8(output.stderr).expect("text"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.0).is_err() {
            // Whoever still writes there is a server that outlived its test.
        }
    }
}
