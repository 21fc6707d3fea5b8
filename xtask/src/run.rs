//! Running a program with its output left on the terminal: nothing is captured, nothing is hidden.

use std::path::Path;
use std::process::{Command, Stdio};

/// Jobs of every build and of every test run: the machine of the gate has two cores.
pub(crate) const JOBS: &str = "-j2";

/// The variable with which golden tests rewrite their files instead of comparing.
pub(crate) const BLESS: &str = "UPDATE_EXPECT";

/// A `cargo` call in the workspace, without input and without blessing: a golden file is compared
/// even if the caller has the variable set.
pub(crate) fn cargo(root: &Path, words: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(words).current_dir(root).stdin(Stdio::null()).env_remove(BLESS);
    command
}

/// Runs to the end; the error names the command as one would type it.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = shown(command);
    println!("$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed ({status})")),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Runs to the end; what it printed on its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let line = shown(command);
    println!("$ {line}");
    match command.stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)
            .map_err(|error| format!("`{line}` printed no text: {error}")),
        Ok(output) => Err(format!("`{line}` failed ({})", output.status)),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Whether the command exists and ends well; its output is not of interest.
pub(crate) fn is_present(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The command as one would type it, with the variables that it sets.
fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    words.push(name.to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| quoted(&word.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
