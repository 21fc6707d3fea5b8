//! The table of a file is walked, its lines are found, its texts are escaped.
use std::path::{Path, PathBuf};

use super::{ConfigurationError, Source, quoted, read_text};

fn source(text: &str) -> Source<'_> {
    Source { file: Path::new("dir/file.toml"), text }
}

#[test]
fn paths_are_relative_to_the_file() {
    let table = source("data = \"store\"\nother = \"/abs\"\n").table(&["data", "other"]).unwrap();
    assert_eq!(table.path("data", "").unwrap(), PathBuf::from("dir/store"));
    assert_eq!(table.path("other", "").unwrap(), PathBuf::from("/abs"));
    assert_eq!(table.optional_path("none", "").unwrap(), None);
}

#[test]
fn an_unknown_key_without_a_likeness_lists_the_known_ones() {
    let error = source("zebra = 1\n").table(&["data", "listen"]).unwrap_err();
    let expected = "unknown key `zebra`: dir/file.toml:1: remove it; known here: data, listen";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.explain().code, "unknown-key");
}

#[test]
fn the_line_of_a_syntax_error_is_found() {
    let error = source("a = \"1\"\n\nb == 2\n").table(&["a", "b"]).unwrap_err();
    assert!(matches!(&error, ConfigurationError::Syntax { place, .. } if place.line == 3));
}

#[test]
fn texts_are_escaped_and_come_back() {
    for text in ["plain", "with \"quotes\" and \\", "two\nlines", "it's"] {
        let line = format!("key = {}\n", quoted(text));
        let table = source(&line).table(&["key"]).unwrap();
        assert_eq!(table.text("key", "").unwrap().text, text);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = read_text(Path::new("/nowhere/file.toml")).unwrap_err();
    assert_eq!(error.explain().code, "file-missing");
    assert!(error.to_string().contains("/nowhere/file.toml"));
}
