//! A page of the documentation as something that can be followed: machines, commands, and what is
//! carried from one machine to another, in the order of the page.
//!
//! ````text
//! | machine | address | ...            a table of machines
//! | carry | from | to | as |           a table of files
//! ```sh berlin                         commands on one machine
//! ```sh each server                    commands on every server, written for the first
//! ````
//! What else stands there is for people.

use std::net::Ipv4Addr;

use crate::network::Machine;

/// Where something happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On every server.
    EachServer,
    /// On one machine.
    Machine(String),
}

/// Something to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Run a script of the shell.
    Run {
        /// Where.
        place: Place,
        /// As it stands on the page.
        script: String,
    },
    /// Copy a file from machine to machine.
    Carry {
        /// The file.
        file: String,
        /// Where it is.
        from: Place,
        /// Where it goes.
        to: Place,
        /// What it is called there.
        name: String,
    },
}

/// A page that can be followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The machines; the servers first.
    pub machines: Vec<Machine>,
    /// How many of them are servers.
    pub servers: usize,
    /// What to do, in order.
    pub steps: Vec<Step>,
}

/// What the table being read is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Machines,
    Carried,
    Other,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// The line that cannot be followed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut page = Self { machines: Vec::new(), servers: 0, steps: Vec::new() };
        let mut table = Table::Other;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(kind) = line.strip_prefix("```") {
                let script: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                if let Some(place) = kind.strip_prefix("sh ") {
                    let place = place_of(place);
                    page.steps.push(Step::Run { place, script: script.join("\n") });
                } else if kind == "sh" {
                    return Err(format!("it does not say where: {}", script.join("\n")));
                }
            } else if line.starts_with('|') {
                let cells: Vec<&str> = line
                    .trim_matches('|')
                    .split('|')
                    .map(|cell| cell.trim().trim_matches('`'))
                    .collect();
                table = page.read_row(table, &cells).ok_or_else(|| format!("unclear: {line}"))?;
            } else {
                table = Table::Other;
            }
        }
        Ok(page)
    }

    fn read_row(&mut self, table: Table, cells: &[&str]) -> Option<Table> {
        match (table, cells) {
            (Table::Other, ["machine", "address", _]) => return Some(Table::Machines),
            (Table::Other, ["carry", "from", "to", "as"]) => return Some(Table::Carried),
            (_, [first, ..]) if first.starts_with("---") => {}
            (Table::Machines, [name, address, role]) => {
                let address: Ipv4Addr = address.parse().ok()?;
                self.machines.push(Machine { name: (*name).to_owned(), address });
                self.servers += usize::from(*role == "server");
            }
            (Table::Carried, [file, from, to, name]) => self.steps.push(Step::Carry {
                file: (*file).to_owned(),
                from: place_of(from),
                to: place_of(to),
                name: (*name).to_owned(),
            }),
            (Table::Other, _) => {}
            (Table::Machines | Table::Carried, _) => return None,
        }
        Some(table)
    }

    /// The machines of a place.
    #[must_use]
    pub fn machines_of(&self, place: &Place) -> Vec<Machine> {
        match place {
            Place::EachServer => self.machines[..self.servers].to_vec(),
            Place::Machine(name) => {
                self.machines.iter().filter(|machine| machine.name == *name).cloned().collect()
            }
        }
    }

    /// A text that was written for the first server, for another machine.
    #[must_use]
    pub fn written_for(&self, machine: &Machine, text: &str) -> String {
        let first = &self.machines[0];
        let text = text.replace(&first.address.to_string(), &machine.address.to_string());
        text.replace(&first.name, &machine.name)
    }
}

fn place_of(text: &str) -> Place {
    match text {
        "each server" => Place::EachServer,
        name => Place::Machine(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    //! A page is read in its order, and nothing that must be followed is passed over.
    use super::{Page, Place, Step};

    const PAGE: &str = "# Title\n\n| machine | address | what it is |\n|---|---|---|\n\
        | `berlin` | `192.0.2.1` | server |\n| `office` | `192.0.2.9` | office |\n\nDo:\n\n\
        ```sh each server\ncall --listen 192.0.2.1:1 berlin\n```\n\n\
        | carry | from | to | as |\n|---|---|---|---|\n| `a/b` | each server | office | `c` |\n\n\
        ```toml\nx = 1\n```\n";

    #[test]
    fn machines_commands_and_what_is_carried_are_read_in_order() {
        let page = Page::parse(PAGE).unwrap();
        assert_eq!((page.machines.len(), page.servers), (2, 1));
        let [Step::Run { place: Place::EachServer, script }, Step::Carry { file, to, name, .. }] =
            &page.steps[..]
        else {
            panic!("{page:?}");
        };
        assert_eq!(page.written_for(&page.machines[1], script), "call --listen 192.0.2.9:1 office");
        assert_eq!((file.as_str(), name.as_str()), ("a/b", "c"));
        assert_eq!(page.machines_of(to), page.machines[1..]);
    }

    #[test]
    fn commands_without_a_place_are_refused() {
        assert!(Page::parse("```sh\nls\n```\n").is_err());
    }
}
