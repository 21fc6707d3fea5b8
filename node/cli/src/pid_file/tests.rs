//! Whoever holds the file is known, and nobody else can hold it.
use crate::dev::testing::Scratch;
use crate::exit::Exit;

use super::PidFile;

#[test]
fn the_holder_is_known_until_it_lets_go() {
    let scratch = Scratch::new();
    let path = scratch.join("pid");
    assert_eq!(PidFile::holder(&path), None);
    let held = PidFile::hold(&path).unwrap();
    assert_eq!(PidFile::holder(&path), Some(std::process::id()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    let refused = PidFile::hold(&path).unwrap_err();
    assert_eq!(refused.exit(), Exit::InUse);
    assert!(refused.text().contains(&format!("as pid {}", std::process::id())));
    drop(held);
    assert_eq!(PidFile::holder(&path), None);
    assert!(PidFile::hold(&path).is_ok());
}

#[test]
fn a_pid_that_nobody_holds_says_nothing() {
    let scratch = Scratch::new();
    let path = scratch.join("pid");
    std::fs::write(&path, format!("{}\n", std::process::id())).unwrap();
    assert_eq!(PidFile::holder(&path), None);
}
