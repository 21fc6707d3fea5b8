//! The table of limits says what the sources say: one row for each limit, and the same value.
//!
//! A section of docs/limits.md is headed by the folder of its crate. Its rows and the `pub const`
//! of that crate's `limits.rs` must be the same, one to one; and a row of the last section, which
//! names a file, must have its constant there. Values are compared as numbers: what the table says
//! in KiB or in seconds is what the constant comes to.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::rust_text::{Kind, RustText};
use super::tree::Tree;

const RULE: &str = "limits";
const PAGE: &str = "docs/limits.md";
/// The limits that those of other crates may name.
const SHARED: &str = "protocol/types/src/limits.rs";

/// The constants of one file, by name.
type Constants = BTreeMap<String, String>;

/// A row of the table.
struct Row {
    line: usize,
    name: String,
    value: String,
    /// The file that holds the constant.
    source: String,
}

/// Compares every row with its constant.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    let shared = tree.text(SHARED).map(constants).unwrap_or_default();
    for row in rows(tree.text(PAGE).unwrap_or_default()) {
        let Row { line, name, value, source } = row;
        let place = (source.clone(), name.clone());
        let mut report = |message: String, remedy: &str| {
            findings.push(Finding::new(PAGE, RULE, message).at(line).remedy(remedy));
        };
        if let Some(first) = seen.insert(place, line) {
            report(format!("`{name}` has a row already, at line {first}"), "take one of them out");
            continue;
        }
        let constants = tree.text(&source).map(constants).unwrap_or_default();
        let Some(expression) = constants.get(&name) else {
            report(format!("`{name}` is not in {source}"), "mend the row, or take it out");
            continue;
        };
        let known: Constants = shared.clone().into_iter().chain(constants.clone()).collect();
        let (is, said) = (number(expression, &known), number(&said_plainly(&value), &known));
        if is.is_none() || is != said {
            let remedy = "say the same in both, in numbers, units, names, + - * ^ and brackets";
            report(format!("`{name}` is `{value}` here and `{expression}` in {source}"), remedy);
        }
    }
    findings
}

/// The rows of all tables of the page, each with the file that its section or its cell names.
fn rows(page: &str) -> Vec<Row> {
    let mut found = Vec::new();
    let mut folder = None;
    for (index, line) in page.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            folder = heading.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, value, third, ..] = cells.as_slice() else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else {
            continue;
        };
        let source = match (folder, third.split_once(" `")) {
            (Some(folder), _) => format!("{folder}/src/limits.rs"),
            (None, Some((folder, file))) => format!("{folder}/src/{}", file.trim_end_matches('`')),
            (None, None) => PAGE.to_owned(),
        };
        let (name, value) = (name.to_owned(), (*value).to_owned());
        found.push(Row { line: index + 1, name, value, source });
    }
    found
}

fn constants(text: &str) -> Constants {
    let code = RustText::new(text).only(&[Kind::Code]);
    let mut found = Constants::new();
    for (start, marker) in code.match_indices("const ") {
        let rest = &code[start + marker.len()..];
        let Some((head, value)) = rest.split_once('=') else { continue };
        let (Some((name, _)), Some((value, _))) = (head.split_once(':'), value.split_once(';'))
        else {
            continue;
        };
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        found.insert(name.trim().to_owned(), value);
    }
    found
}

/// What a cell says, in the words of the sources: blanks between digits are underscores, and units
/// are factors; times are in microseconds.
fn said_plainly(cell: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in cell.trim_matches('`').split_whitespace() {
        let factor = match word {
            "KiB" => "* 1024",
            "MiB" => "* 1048576",
            "s" => "* 1000000",
            "ms" => "* 1000",
            "us" => "* 1",
            other => other,
        };
        let is_digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        match words.last_mut() {
            Some(last) if is_digits(factor) && is_digits(last) => last.push_str(factor),
            Some(_) | None => words.push(factor.to_owned()),
        }
    }
    words.join(" ")
}

/// The number that an expression comes to, if it is one of those that limits are written in.
fn number(expression: &str, constants: &Constants) -> Option<u128> {
    let plain = expression
        .replace(" as usize", "")
        .replace(" as u64", "")
        .replace("Duration::from_secs(", "1000000 * (")
        .replace("Duration::from_millis(", "1000 * (")
        .replace("Duration::from_micros(", "(");
    let mut reader = Reader { rest: &plain, constants, depth: 0 };
    let value = reader.sum()?;
    reader.rest.trim().is_empty().then_some(value)
}

/// How deep names may stand for names.
const DEPTH_MAX: usize = 16;

/// Reads sums of products of powers.
struct Reader<'a> {
    rest: &'a str,
    constants: &'a Constants,
    depth: usize,
}

impl Reader<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let is_next = rest.strip_prefix(sign);
        self.rest = is_next.unwrap_or(rest);
        is_next.is_some()
    }

    fn sum(&mut self) -> Option<u128> {
        let mut value = self.product()?;
        loop {
            if self.takes("+") {
                value = value.checked_add(self.product()?)?;
            } else if self.takes("-") {
                value = value.checked_sub(self.product()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<u128> {
        let mut value = self.power()?;
        while self.takes("*") {
            value = value.checked_mul(self.power()?)?;
        }
        Some(value)
    }

    /// `2^32` in the table, `1 << 32` in the sources.
    fn power(&mut self) -> Option<u128> {
        let value = self.atom()?;
        if self.takes("^") {
            return value.checked_pow(u32::try_from(self.atom()?).ok()?);
        }
        if self.takes("<<") {
            return value.checked_mul(2_u128.checked_pow(u32::try_from(self.atom()?).ok()?)?);
        }
        Some(value)
    }

    fn atom(&mut self) -> Option<u128> {
        if self.takes("(") {
            let value = self.sum()?;
            return self.takes(")").then_some(value);
        }
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.starts_with(|letter: char| letter.is_ascii_digit()) {
            return word.replace('_', "").parse().ok();
        }
        let named = self.constants.get(word).filter(|_| self.depth < DEPTH_MAX)?;
        let mut reader = Reader { rest: named, constants: self.constants, depth: self.depth + 1 };
        let value = reader.sum()?;
        reader.rest.trim().is_empty().then_some(value)
    }
}

#[cfg(test)]
mod tests;
