//! Pages of the documentation: one title each, and links that lead somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::tree::Tree;

const RULE: &str = "markdown";

/// Beginnings of links that lead out of the repository and are not followed.
const OUTSIDE: [&str; 3] = ["https://", "http://", "mailto:"];

/// Checks all pages.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let pages: BTreeMap<&str, Page<'_>> =
        tree.with_suffix(".md").map(|(path, text)| (path, Page::read(text))).collect();
    let mut findings = Vec::new();
    for (path, page) in &pages {
        if page.title_count != 1 {
            let message = format!("{} titles of the first level", page.title_count);
            findings.push(
                Finding::new(path, RULE, message).remedy("a page has exactly one line `# Title`"),
            );
        }
        for (link, line) in &page.links {
            if let Err((message, remedy)) = follow(path, link, tree, &pages) {
                let finding = Finding::new(path, RULE, format!("the link `{link}` {message}"));
                findings.push(finding.at(*line).remedy(remedy));
            }
        }
    }
    findings
}

/// What a page offers and where it leads.
#[derive(Debug, Default)]
struct Page<'a> {
    title_count: usize,
    anchors: BTreeSet<String>,
    links: Vec<(&'a str, usize)>,
}

impl<'a> Page<'a> {
    fn read(text: &'a str) -> Self {
        let mut page = Self::default();
        let mut fence = None;
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim_start();
            let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
            match (fence, mark) {
                (None, Some(_)) => fence = mark,
                (Some(open), Some(close)) if open == close => fence = None,
                (Some(_), _) => {}
                (None, None) => page.read_line(line, index + 1),
            }
        }
        page
    }

    fn read_line(&mut self, line: &'a str, number: usize) {
        let level = line.bytes().take_while(|&byte| byte == b'#').count();
        if (1..=6).contains(&level) && line[level..].starts_with(' ') {
            self.title_count += usize::from(level == 1);
            self.add_anchor(line[level..].trim());
        }
        for target in link_targets(line) {
            self.links.push((target, number));
        }
    }

    /// Repeated headings get `-1`, `-2`, as the web pages of repositories do it.
    fn add_anchor(&mut self, heading: &str) {
        let plain = anchor(heading);
        let mut candidate = plain.clone();
        let mut repetition = 0;
        while !self.anchors.insert(candidate) {
            repetition += 1;
            candidate = format!("{plain}-{repetition}");
        }
    }
}

/// The anchor of a heading: lower case, blanks as dashes, no other signs.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
}

/// Targets of `[text](target)`, `![text](target)` and `[name]: target`; code is left out.
fn link_targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (start, _) in line.match_indices("](") {
        let rest = &line[start + 2..];
        if is_in_code(line, start) {
            continue;
        }
        if let Some(end) = rest.find(')') {
            targets.extend(rest[..end].split_whitespace().next());
        }
    }
    if let Some((name, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "))
        && !name.contains(']')
    {
        targets.extend(target.split_whitespace().next());
    }
    targets
}

/// Whether an odd number of backticks stands before: the place is inside a code span.
fn is_in_code(line: &str, offset: usize) -> bool {
    let is_opened = line[..offset].matches('`').count() % 2 == 1;
    is_opened && line[offset..].contains('`')
}

type Broken = (&'static str, &'static str);

fn follow(
    from: &str,
    link: &str,
    tree: &Tree,
    pages: &BTreeMap<&str, Page<'_>>,
) -> Result<(), Broken> {
    if OUTSIDE.iter().any(|start| link.starts_with(start)) {
        return Ok(());
    }
    let (file, fragment) = match link.split_once('#') {
        Some((file, fragment)) => (file, Some(fragment)),
        None => (link, None),
    };
    let outside = ("leads out of the repository", "link to a file of the repository");
    let target = resolve(from, file).ok_or(outside)?;
    if !tree.has(&target) {
        return Err(("leads to no file", "mend the path; it starts at the folder of this page"));
    }
    let Some(fragment) = fragment else { return Ok(()) };
    match pages.get(target.as_str()) {
        Some(page) if page.anchors.contains(fragment) => Ok(()),
        Some(_) => Err(("names no heading of that page", "mend the part behind `#`")),
        None => Err(("points into a file that has no headings", "name the function in the text")),
    }
}

/// The path from the root of the repository, or nothing if it leaves it.
fn resolve(from: &str, file: &str) -> Option<String> {
    if file.is_empty() {
        return Some(from.to_owned());
    }
    if file.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
