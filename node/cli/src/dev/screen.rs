//! What `dev` shows: a live table on a terminal, lines elsewhere, JSON lines for programs.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use serde_json::json;

use super::children::Condition;
use super::cluster::{Cluster, DevNode};
use crate::answer::say;

/// How the state is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// A table that is drawn again in its place.
    Table,
    /// A line for each change.
    Lines,
    /// A line of JSON for each change.
    Json,
}

/// Shows the state of a cluster, and only what has changed.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    cluster: &'a Cluster,
    style: Style,
    shown: Vec<Condition>,
    /// Servers that came since.
    added: Vec<DevNode>,
}

impl<'a> Screen<'a> {
    /// The style that fits the output.
    pub(crate) fn new(cluster: &'a Cluster, json: bool) -> Self {
        let style = if json {
            Style::Json
        } else if io::stdout().is_terminal() {
            Style::Table
        } else {
            Style::Lines
        };
        Self { cluster, style, shown: Vec::new(), added: Vec::new() }
    }

    /// Shows one server more.
    pub(crate) fn add(&mut self, node: DevNode) {
        self.added.push(node);
    }

    fn nodes(&self) -> impl Iterator<Item = &DevNode> {
        self.cluster.nodes.iter().chain(&self.added)
    }

    /// Says which cluster it is.
    pub(crate) fn open(&self) {
        say(&self.headline());
    }

    fn headline(&self) -> String {
        let cluster = self.cluster;
        let (count, file) = (cluster.nodes.len(), cluster.layout.cluster_file());
        if self.style == Style::Json {
            let line = json!({
                "cluster_file": file, "nodes": count, "f": cluster.f, "f_ms": cluster.f_ms,
                "is_resumed": cluster.is_resumed, "pid": std::process::id(),
            });
            return line.to_string();
        }
        let verb = if cluster.is_resumed { "resumed" } else { "new" };
        format!(
            "{verb} cluster of {count} servers (f={}, f_ms={}) in {}\n\
             use it with --cluster {}\n\
             Ctrl-C stops all servers; their data stays; the log of I is in nodes/I/log\n\
             bring I back: quorate node run --config {}",
            cluster.f,
            cluster.f_ms,
            cluster.layout.root().display(),
            file.display(),
            cluster.layout.nodes().join("I/node.toml").display(),
        )
    }

    /// Shows the state if it is not what was shown before.
    pub(crate) fn show(&mut self, conditions: &[Condition]) {
        if self.shown == conditions {
            return;
        }
        let text = self.draw(conditions);
        self.shown = conditions.to_vec();
        say(&text);
    }

    fn draw(&self, conditions: &[Condition]) -> String {
        match self.style {
            Style::Table => self.table(conditions),
            Style::Lines => self.changed(conditions, row),
            Style::Json => self.changed(conditions, json_row),
        }
    }

    /// A line for each server that is not as it was shown before.
    fn changed(
        &self,
        conditions: &[Condition],
        line: impl Fn(&DevNode, &Condition) -> String,
    ) -> String {
        let all = self.nodes().zip(conditions).enumerate();
        let changed = all.filter(|(index, (_, now))| self.shown.get(*index) != Some(*now));
        changed.map(|(_, (node, now))| line(node, now)).collect::<Vec<_>>().join("\n")
    }

    fn table(&self, conditions: &[Condition]) -> String {
        let mut text = String::new();
        if !self.shown.is_empty() {
            // Up to the first line of the table drawn before, and clear from there.
            write!(text, "\u{1b}[{}A\u{1b}[J", self.shown.len() + 1).expect("a string takes all");
        }
        // Lines that are too long are cut: wrapped ones would not be found again.
        text.push_str("\u{1b}[?7l");
        for (node, condition) in self.nodes().zip(conditions) {
            text.push_str(&short_row(node, condition));
            text.push('\n');
        }
        let is_up = |condition: &&Condition| matches!(condition, Condition::Up { .. });
        let up_count = conditions.iter().filter(is_up).count();
        let count = conditions.len();
        write!(text, "{up_count} of {count} servers run\u{1b}[?7h").expect("a string takes all");
        text
    }
}

/// One line about a server.
fn short_row(node: &DevNode, condition: &Condition) -> String {
    let number = node.number;
    match condition {
        Condition::Up { pid } => {
            let (listen, metrics) = (node.listen, node.metrics);
            format!("node {number:>3}  up    pid {pid:<8} {listen}  metrics http://{metrics}")
        }
        Condition::Down { end } => format!("node {number:>3}  down  {end}"),
    }
}

/// One line about a server, with what to do if it died.
pub(super) fn row(node: &DevNode, condition: &Condition) -> String {
    let text = short_row(node, condition);
    match condition {
        Condition::Down { end } if !end.is_asked_for() => {
            let (log, file) = (node.log.display(), node.file.display());
            match end.is_for_good() {
                true => format!("{text}; see {log}"),
                false => format!("{text}; see {log}; back with: quorate node run --config {file}"),
            }
        }
        Condition::Down { .. } | Condition::Up { .. } => text,
    }
}

fn json_row(node: &DevNode, condition: &Condition) -> String {
    let (state, pid, why) = match condition {
        Condition::Up { pid } => ("up", Some(*pid), None),
        Condition::Down { end } => ("down", None, Some(end.to_string())),
    };
    let line = json!({
        "node": node.number, "state": state, "pid": pid, "why": why,
        "listen": node.listen.to_string(), "metrics": node.metrics.to_string(),
        "config": node.file, "log": node.log,
    });
    line.to_string()
}

#[cfg(test)]
mod tests;
