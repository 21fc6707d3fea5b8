//! One round over real processes: real sockets, real disks, `kill -9`, and a real liar.

use std::path::{Path, PathBuf};
use std::process::Command;

const LIAR: &str = env!("CARGO_BIN_EXE_quorate-liar");

/// The program of users, which is built beside the liar.
fn quorate() -> PathBuf {
    let program = Path::new(LIAR).with_file_name("quorate");
    assert!(program.exists(), "build `quorate` first: cargo build --release");
    program
}

#[test]
fn the_demo_holds_with_a_killed_server_and_a_liar() {
    let file = std::env::temp_dir().join(format!("quorate-round-{}", std::process::id()));
    let bytes: Vec<u8> = (0..9_000_000u32).flat_map(|word| (word % 251).to_be_bytes()).collect();
    std::fs::write(&file, &bytes[..9_000_001]).expect("the file is written");
    let mut demo = Command::new(quorate());
    let output = demo.args(["--json", "demo"]).arg(&file).output().expect("the demo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let answer = String::from_utf8_lossy(&output.stdout);
    for fact in ["\"held\":true", "\"liar\":true", "\"bytes\":9000001"] {
        assert!(answer.contains(fact), "{fact} is not in {answer}; {told}");
    }
    std::fs::remove_file(&file).expect("the file goes");
}

#[test]
fn the_program_of_users_contains_no_adversary() {
    let contains = |program: &Path, text: &str| {
        let bytes = std::fs::read(program).expect("the program is there");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    for villain in ["lane-forker", "view-spammer", "double-voter"] {
        assert!(contains(Path::new(LIAR), villain), "the search finds what is there");
        assert!(!contains(&quorate(), villain), "{villain} is in the program of users");
    }
}
