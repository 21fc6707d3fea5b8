//! The way from a promise to its proof: every invariant is declared once, enforced and tested.
//!
//! A declaration is a line `//! - ABC-1: text` in the `# Invariants` section of a file's opening.
//! A file above may list it again if its text names the module, in backticks or with `.rs`.
//! The id must stand in an assert's message or a comment of production code, or in a checker of the
//! lab; and in a test: its text, a comment, or the name (`abc_1_..`). The lab counts as either, but
//! one line cannot be both. An id that is cited and nowhere declared is a mistake in writing.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::rust_text::{Kind, RustText, line_of};
use super::shape::is_test_file;
use super::tree::Tree;

const RULE: &str = "invariants";

/// The zones that have invariants; here they would only be examples.
const ZONES: [&str; 3] = ["protocol/", "node/", "lab/"];

/// Prefixes of names that look like ids and are standards.
const STANDARDS: [&str; 10] =
    ["AES", "BIP", "BLS", "CVE", "EIP", "ISO", "RFC", "SHA", "UTF", "ZIP"];

/// A place: path and line.
type Site = (String, usize);

/// A line that declares an id.
#[derive(Clone, Debug)]
struct Declaration {
    site: Site,
    /// What it promises, on one line.
    text: String,
}

/// What is known of all ids.
#[derive(Debug, Default)]
struct Ledger {
    declared: BTreeMap<String, Vec<Declaration>>,
    misplaced: Vec<(String, Site)>,
    enforced: BTreeMap<String, BTreeSet<Site>>,
    tested: BTreeMap<String, BTreeSet<Site>>,
    /// Every place where an id is written, and whether a colon follows it.
    cited: Vec<(String, bool, Site)>,
    /// Ids spelled in the names of tests.
    named: Vec<(String, Site)>,
}

/// Follows every id through the sources and the pages of the documentation.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut ledger = Ledger::default();
    for (path, text) in tree.with_suffix(".rs") {
        if ZONES.iter().any(|zone| path.starts_with(zone)) {
            ledger.read_source(path, text);
        }
    }
    for (path, text) in tree.with_suffix(".md") {
        ledger.cite(path, text);
    }
    ledger.settle_names();
    let mut findings = ledger.declaration_findings();
    findings.extend(ledger.link_findings());
    findings.extend(ledger.unknown_findings());
    findings
}

impl Ledger {
    fn read_source(&mut self, path: &str, text: &str) {
        let declaration_lines = self.read_declarations(path, text);
        let scanned = RustText::new(text);
        let test_lines = scanned.test_lines();
        let is_test = |line: usize| is_test_file(path) || test_lines[line - 1];
        let is_lab = path.starts_with("lab/");
        let prose = scanned.only(&[Kind::Comment, Kind::Doc, Kind::Text]);
        let proof = scanned.only(&[Kind::Comment, Kind::Text]);
        for (id, _, line) in ids(&proof) {
            let site = (path.to_owned(), line);
            if is_test(line) || is_lab {
                self.tested.entry(id.to_owned()).or_default().insert(site.clone());
            }
            if !is_test(line) {
                self.enforced.entry(id.to_owned()).or_default().insert(site);
            }
        }
        for (id, _, line) in ids(&prose).filter(|(_, _, line)| is_test(*line)) {
            self.tested.entry(id.to_owned()).or_default().insert((path.to_owned(), line));
        }
        for (id, has_colon, line) in ids(&prose) {
            if !declaration_lines.contains(&line) {
                self.cited.push((id.to_owned(), has_colon, (path.to_owned(), line)));
            }
        }
        let code = scanned.only(&[Kind::Code]);
        let names = function_names(&code).filter(|(_, line)| is_test(*line) || is_lab);
        for (name, line) in names {
            let spelled = ids_in_name(name).into_iter();
            self.named.extend(spelled.map(|id| (id, (path.to_owned(), line))));
        }
    }

    /// Collects the declarations of a file's opening and returns their lines.
    fn read_declarations(&mut self, path: &str, text: &str) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        let mut section = "";
        let docs: Vec<Option<&str>> =
            text.lines().map(|line| line.strip_prefix("//!").map(str::trim)).collect();
        for (index, doc) in docs.iter().enumerate() {
            let Some(doc) = doc else {
                section = "";
                continue;
            };
            if let Some(title) = doc.strip_prefix("# ") {
                section = title;
            }
            let Some((id, true)) = doc.strip_prefix("- ").and_then(leading_id) else { continue };
            let site = (path.to_owned(), index + 1);
            lines.insert(index + 1);
            if section == "Invariants" {
                let text = joined(&docs[index..]);
                self.declared.entry(id.to_owned()).or_default().push(Declaration { site, text });
            } else {
                self.misplaced.push((id.to_owned(), site));
            }
        }
        lines
    }

    /// Notes the ids of a page of the documentation.
    fn cite(&mut self, path: &str, text: &str) {
        for (id, has_colon, line) in ids(text) {
            self.cited.push((id.to_owned(), has_colon, (path.to_owned(), line)));
        }
    }

    /// A name counts only if it spells a declared id: `put_3_times` is no citation.
    fn settle_names(&mut self) {
        for (id, site) in std::mem::take(&mut self.named) {
            if self.declared.contains_key(&id) {
                self.tested.entry(id).or_default().insert(site);
            }
        }
    }

    fn declaration_findings(&self) -> Vec<Finding> {
        let misplaced = self.misplaced.iter().map(|(id, site)| {
            finding(site, format!("{id} is declared outside `//! # Invariants`"))
                .remedy("move the line into that section of the file's opening")
        });
        let repeated = self.declared.iter().flat_map(|(id, all)| {
            originals(all).into_iter().skip(1).map(move |again| {
                let (path, line) = &main_site(all);
                let remedy =
                    "take the next free number; a line that only lists it names its module";
                finding(&again.site, format!("{id} is declared at {path}:{line} already"))
                    .remedy(remedy)
            })
        });
        misplaced.chain(repeated).collect()
    }

    fn link_findings(&self) -> Vec<Finding> {
        let none = BTreeSet::new();
        let mut findings = Vec::new();
        for (id, all) in &self.declared {
            let enforced = self.enforced.get(id).unwrap_or(&none);
            let tested = self.tested.get(id).unwrap_or(&none);
            let message = if enforced.is_empty() {
                format!("{id} is not enforced: no assert, comment or checker cites it")
            } else if tested.is_empty() {
                format!("{id} is not tested: no test cites it")
            } else if enforced.union(tested).count() < 2 {
                format!("{id} is cited once: one line cannot be its checker and its test")
            } else {
                continue;
            };
            let remedy = format!(
                "cite it in assert!(.., \"{id}: ..\") or a `//` comment (documentation does not \
                 count), and in a test's name, text or comment"
            );
            findings.push(finding(&main_site(all), message).remedy(remedy));
        }
        findings
    }

    fn unknown_findings(&self) -> Vec<Finding> {
        let declared_prefixes: BTreeSet<&str> = self.declared.keys().map(|id| &id[..3]).collect();
        let is_unknown = |id: &str, has_colon: bool| {
            let prefix = &id[..3];
            !self.declared.contains_key(id)
                && !STANDARDS.contains(&prefix)
                && (has_colon || declared_prefixes.contains(prefix))
        };
        let misplaced: BTreeSet<&str> = self.misplaced.iter().map(|(id, _)| id.as_str()).collect();
        self.cited
            .iter()
            .filter(|(id, colon, _)| is_unknown(id, *colon) && !misplaced.contains(id.as_str()))
            .map(|(id, _, site)| {
                finding(site, format!("{id} is cited and nowhere declared"))
                    .remedy("mend the number, or declare it under `//! # Invariants`")
            })
            .collect()
    }
}

/// The text of a list item, to its end.
fn joined(docs: &[Option<&str>]) -> String {
    let ends = |doc: &str| doc.is_empty() || doc.starts_with("- ") || doc.starts_with('#');
    let more = docs.iter().skip(1).map_while(|doc| doc.filter(|doc| !ends(doc)));
    docs.iter().take(1).flatten().copied().chain(more).collect::<Vec<_>>().join(" ")
}

/// The declarations that do not merely point to another one.
fn originals(all: &[Declaration]) -> Vec<&Declaration> {
    let points_to = |one: &Declaration, other: &Declaration| {
        let stem = other.site.0.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let is_named =
            [format!("`{stem}`"), format!("{stem}.rs")].iter().any(|name| one.text.contains(name));
        one.site.0 != other.site.0 && crate_folder(one) == crate_folder(other) && is_named
    };
    all.iter().filter(|one| !all.iter().any(|other| points_to(one, other))).collect()
}

fn crate_folder(declaration: &Declaration) -> &str {
    let path = declaration.site.0.as_str();
    path.split_once("/src/").map_or(path, |(folder, _)| folder)
}

/// Where the id is declared; two lines that point to each other count as the first of them.
fn main_site(all: &[Declaration]) -> Site {
    originals(all).first().copied().unwrap_or(&all[0]).site.clone()
}

fn finding((path, line): &Site, message: String) -> Finding {
    Finding::new(path, RULE, message).at(*line)
}

/// The ids of a text, each with whether a colon follows and with its line.
fn ids(text: &str) -> impl Iterator<Item = (&str, bool, usize)> {
    text.match_indices('-').filter_map(move |(dash, _)| {
        let start = dash.checked_sub(3)?;
        let before = text[..dash].get(start..).map(|_| text[..start].chars().next_back())?;
        if before.is_some_and(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter)) {
            return None;
        }
        let (id, has_colon) = leading_id(&text[start..])?;
        Some((id, has_colon, line_of(text, dash)))
    })
}

/// The id with which the text begins, and whether a colon follows it.
fn leading_id(text: &str) -> Option<(&str, bool)> {
    let bytes = text.as_bytes();
    let has_prefix = bytes.len() > 4 && bytes[..3].iter().all(u8::is_ascii_uppercase);
    if !has_prefix || bytes[3] != b'-' {
        return None;
    }
    let digits = bytes[4..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let next = text[4 + digits..].chars().next();
    let is_longer = next.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (digits > 0 && !is_longer).then(|| (&text[..4 + digits], next == Some(':')))
}

/// Names of the functions in blanked code, with their lines.
fn function_names(code: &str) -> impl Iterator<Item = (&str, usize)> {
    code.match_indices("fn ").map(|(offset, marker)| {
        let rest = &code[offset + marker.len()..];
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        (&rest[..end], line_of(code, offset))
    })
}

/// `abc_1_holds` spells `ABC-1`.
fn ids_in_name(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let pairs = words.windows(2).filter(|pair| pair[0].len() == 3 && is_number(pair[1]));
    pairs.map(|pair| format!("{}-{}", pair[0].to_ascii_uppercase(), pair[1])).collect()
}

#[cfg(test)]
mod tests;
