//! The tables of the documentation are whole: every message, timer and limit has its row.
//!
//! An enum with the comment `// tidy: messages` (or `timers`) above it has a row for each variant
//! in docs/messages.md; each `pub const` of a file `limits.rs` has one in docs/limits.md. A name
//! that is used twice needs two rows. For a limit the finding holds the whole row, to be pasted.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::rust_text::{Kind, RustText, line_of};
use super::tree::Tree;

const RULE: &str = "tables";
const MESSAGES: &str = "docs/messages.md";
const LIMITS: &str = "docs/limits.md";

/// The marks, and what they mark.
const MARKS: [(&str, &str); 2] = [("// tidy: messages", "message"), ("// tidy: timers", "timer")];

/// A name that must have a row.
#[derive(Debug)]
struct Entry {
    name: String,
    kind: &'static str,
    path: String,
    line: usize,
    /// The row that would do.
    row: String,
}

/// Compares the sources with the tables.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut variants, mut limits) = (Vec::new(), Vec::new());
    for (path, text) in tree.with_suffix(".rs") {
        for (mark, kind) in MARKS {
            let (entries, broken) = marked_variants(path, text, (mark, kind));
            variants.extend(entries);
            findings.extend(broken);
        }
        if path.ends_with("/limits.rs") {
            limits.extend(public_constants(path, text));
        }
    }
    for (_, kind) in MARKS {
        if variants.iter().all(|entry| entry.kind != kind) {
            findings.push(nothing_marked(MESSAGES, kind));
        }
    }
    if limits.is_empty() {
        findings.push(nothing_marked(LIMITS, "limit"));
    }
    findings.extend(missing_rows(&variants, MESSAGES, tree));
    findings.extend(missing_rows(&limits, LIMITS, tree));
    findings
}

/// A check of nothing would pass for ever, so finding nothing to check is a finding.
fn nothing_marked(page: &str, kind: &str) -> Finding {
    Finding::new(page, RULE, format!("no {kind} in the sources is marked for its table"))
        .remedy("put `// tidy: messages` or `timers` above the enum; limits go into limits.rs")
}

fn missing_rows(entries: &[Entry], page: &str, tree: &Tree) -> Vec<Finding> {
    let text = tree.text(page).unwrap_or_default();
    // The first cell: a name in the text of another row is no row.
    let first_cell = |line: &'_ str| -> Option<String> {
        Some(line.trim().strip_prefix('|')?.split('|').next()?.trim().to_owned())
    };
    let rows: Vec<String> = text.lines().filter_map(first_cell).collect();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for Entry { name, kind, path, line, row } in entries {
        let needed = seen.entry(name).or_default();
        *needed += 1;
        let quoted = format!("`{name}`");
        let row_count = rows.iter().filter(|cell| **cell == quoted).count();
        if row_count < *needed {
            let message = format!("the {kind} `{name}` has no row of its own in {page}");
            let finding = Finding::new(path, RULE, message).at(*line);
            findings.push(finding.remedy(format!("add the row {row}")));
        }
    }
    findings
}

/// The variants of all enums below such a mark; a mark without an enum is a finding.
fn marked_variants(
    path: &str,
    text: &str,
    (mark, kind): (&str, &'static str),
) -> (Vec<Entry>, Vec<Finding>) {
    if !text.contains(mark) {
        return (Vec::new(), Vec::new());
    }
    let scanned = RustText::new(text);
    let comments = scanned.only(&[Kind::Comment]);
    let code = scanned.only(&[Kind::Code]);
    let (mut entries, mut findings) = (Vec::new(), Vec::new());
    for (offset, line) in lines_with_offsets(&comments) {
        if line.trim() != mark {
            continue;
        }
        let Some(body) = enum_body(&code, offset) else {
            findings.push(
                Finding::new(path, RULE, format!("`{mark}` stands above no `pub enum`"))
                    .at(line_of(text, offset))
                    .remedy("put it directly above the enum, before or after its attributes"),
            );
            continue;
        };
        let variants = variants(&code, body).into_iter();
        entries.extend(variants.map(|(name, start)| {
            let (path, line) = (path.to_owned(), line_of(text, start));
            let row = format!("| `{name}` | .. |");
            Entry { name, kind, path, line, row }
        }));
    }
    (entries, findings)
}

fn lines_with_offsets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        (start, line)
    })
}

/// The offset behind the opening brace of the enum that follows, attributes aside.
fn enum_body(code: &str, from: usize) -> Option<usize> {
    let mut rest = code[from..].trim_start();
    while rest.starts_with("#[") {
        rest = rest[matching_end(rest)?..].trim_start();
    }
    rest = rest.strip_prefix("pub")?.trim_start();
    if rest.starts_with('(') {
        rest = rest[matching_end(rest)?..].trim_start();
    }
    if !rest.starts_with("enum ") {
        return None;
    }
    let brace = rest.find('{')?;
    Some(code.len() - rest.len() + brace + 1)
}

/// The offset behind the bracket that closes the first one.
fn matching_end(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Names and offsets of the variants of the enum whose body begins here.
fn variants(code: &str, body: usize) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut at = body;
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        let rest = &code[at..];
        if rest.starts_with("#[") {
            let Some(length) = matching_end(rest) else { return found };
            at += length;
            continue;
        }
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        if length == 0 {
            return found;
        }
        found.push((rest[..length].to_owned(), at));
        match variant_end(&rest[length..]) {
            Some(end) => at += length + end,
            None => return found,
        }
    }
}

/// The offset behind the comma that ends the variant, or nothing for the last one.
fn variant_end(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn public_constants(path: &str, text: &str) -> Vec<Entry> {
    let code = RustText::new(text).only(&[Kind::Code]);
    let (mut entries, mut doc) = (Vec::new(), String::new());
    for (index, (line, code_line)) in text.lines().zip(code.lines()).enumerate() {
        if let Some(sentence) = line.trim_start().strip_prefix("///") {
            doc.push_str(sentence);
            continue;
        }
        let constant = code_line.trim_start().strip_prefix("pub const ");
        if let Some((name, rest)) = constant.and_then(|rest| rest.split_once(':')) {
            let value = rest.split_once('=').map_or("", |(_, value)| value);
            let row = limit_row((name.trim(), value), path, &doc);
            let (name, path) = (name.trim().to_owned(), path.to_owned());
            entries.push(Entry { name, kind: "limit", path, line: index + 1, row });
        }
        if !code_line.trim_start().starts_with('#') {
            doc.clear();
        }
    }
    entries
}

/// The row of a constant: its name, its value, its crate and the first sentence about it.
fn limit_row((name, value): (&str, &str), path: &str, doc: &str) -> String {
    let crate_folder = path.split_once("/src/").map_or(path, |(folder, _)| folder);
    let value = value.trim().trim_end_matches(';');
    let sentence = doc.split(". ").next().unwrap_or_default().trim().trim_end_matches('.');
    format!("| `{name}` | `{value}` | {crate_folder} | {sentence}. |")
}

#[cfg(test)]
mod tests;
