//! A command is shown so that it can be pasted into a shell.

use super::*;

#[test]
fn a_command_is_shown_with_its_variables_and_quotes() {
    let mut command = Command::new("/somewhere/bin/cargo");
    command.env("RUSTDOCFLAGS", "-D warnings").env_remove(BLESS);
    command.args(["nextest", "run", "-E", "not binary(processes)"]);
    assert_eq!(
        shown(&command),
        "RUSTDOCFLAGS='-D warnings' cargo nextest run -E 'not binary(processes)'"
    );
}

#[test]
fn a_failing_command_is_an_error_that_names_it() {
    let error = run(&mut Command::new("false")).expect_err("false fails");
    assert!(error.starts_with("`false` failed"), "{error}");
}

#[test]
fn a_missing_program_is_an_error_and_not_present() {
    assert!(run(&mut Command::new("no-such-program-here")).is_err());
    assert!(!is_present(&mut Command::new("no-such-program-here")));
}

#[test]
fn blessing_is_taken_out_of_the_environment_of_every_cargo_call() {
    let command = cargo(Path::new("."), &["test"]);
    assert!(command.get_envs().any(|(name, value)| name == BLESS && value.is_none()));
}
