//! Nothing is left for later in the sources: no reminders, no tests that are switched off.

use super::finding::Finding;
use super::rust_text::{Kind, RustText, line_of};
use super::tree::Tree;

const RULE: &str = "banned";

/// The reminders, written so that this file does not hold them itself.
const REMINDERS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// The attribute that switches a test off, by itself and under a condition.
const SWITCHED_OFF: [&str; 4] = ["#[ignore]", "#[ignore =", ", ignore)]", ", ignore ="];

/// Checks everything that is read, except the pages of the documentation.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let sources = tree.all().filter(|(path, _)| !path.ends_with(".md"));
    sources.flat_map(|(path, text)| check_file(path, text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in REMINDERS {
        for offset in whole_words(text, word) {
            let finding = Finding::new(path, RULE, format!("the reminder {word}"));
            findings.push(
                finding
                    .at(line_of(text, offset))
                    .remedy("do it now, or write an issue or decision"),
            );
        }
    }
    if !path.ends_with(".rs") {
        return findings;
    }
    let code = RustText::new(text).only(&[Kind::Code]);
    for attribute in SWITCHED_OFF {
        for (offset, _) in code.match_indices(attribute) {
            let finding = Finding::new(path, RULE, "a test is switched off".to_owned());
            let remedy = "make it fast and steady, or delete it: nobody runs what is ignored";
            findings.push(finding.at(line_of(text, offset)).remedy(remedy));
        }
    }
    findings
}

/// Offsets at which the word stands by itself.
fn whole_words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).map(|(offset, _)| offset).filter(move |&offset| {
        !text[..offset].ends_with(is_letter) && !text[offset + word.len()..].starts_with(is_letter)
    })
}

#[cfg(test)]
mod tests;
