//! Reads the TOML files that people write, and says exactly what is wrong with them.
//!
//! A key that the program does not know is an error, never ignored: a misspelt limit that silently
//! does not hold is worse than a refusal. Every error names the key, the file, the line and what to
//! do. The table is walked by hand, since what serde reports does not name the key of a value.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::carried;
use crate::explanation::{Explanation, Kind};

mod nearest;

/// Longest settings file that is read, in bytes.
pub const SETTINGS_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A line of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why a settings file is not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The file cannot be read or written.
    File(Box<Explanation>),
    /// It is no TOML.
    Syntax {
        /// Where it stops to be TOML.
        place: Place,
        /// What the parser says.
        reason: String,
    },
    /// There is no such key.
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// The key, with its table.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
        /// All that could stand there.
        known: &'static [&'static str],
    },
    /// A key that must be there is not.
    MissingKey {
        /// The table in which it should stand.
        place: Place,
        /// The key, with its table.
        key: String,
        /// How it could look, or where it comes from.
        remedy: String,
    },
    /// The value is not what the key needs.
    WrongValue {
        /// Where it stands.
        place: Place,
        /// The key, with its table.
        key: String,
        /// What is wrong.
        reason: String,
        /// What to write instead.
        remedy: String,
    },
}

impl ConfigurationError {
    /// The failure in the form that all commands print.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        let (code, what, place, remedy) = match self {
            Self::File(explanation) => return (**explanation).clone(),
            Self::Syntax { place, reason } => {
                ("syntax", format!("not TOML: {reason}"), place, String::from("mend this line"))
            }
            Self::UnknownKey { place, key, nearest, known } => {
                let remedy = match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("remove it; known here: {}", known.join(", ")),
                };
                ("unknown-key", format!("unknown key `{key}`"), place, remedy)
            }
            Self::MissingKey { place, key, remedy } => {
                ("missing-key", format!("the key `{key}` is missing"), place, remedy.clone())
            }
            Self::WrongValue { place, key, reason, remedy } => {
                ("wrong-value", format!("wrong value of `{key}`: {reason}"), place, remedy.clone())
            }
        };
        Explanation { kind: Kind::Configuration, code, what, place: place.to_string(), remedy }
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain().fmt(f)
    }
}

impl std::error::Error for ConfigurationError {}

impl From<Explanation> for ConfigurationError {
    fn from(explanation: Explanation) -> Self {
        Self::File(Box::new(explanation))
    }
}

/// The text of a settings file.
///
/// # Errors
/// [`ConfigurationError::File`].
pub fn read_text(file: &Path) -> Result<String, ConfigurationError> {
    Ok(carried::read_text(file, SETTINGS_BYTES_MAX)?)
}

/// The directory to which the paths in a file are relative.
#[must_use]
pub fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or_else(|| Path::new(""))
}

/// A text and where it comes from, for the lines in errors.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file.
    pub file: &'a Path,
    /// What it holds.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        Place { file: self.file.to_path_buf(), line }
    }

    /// The outermost table; `known` are the keys that may stand in it.
    ///
    /// # Errors
    /// [`ConfigurationError::Syntax`], [`ConfigurationError::UnknownKey`].
    pub fn table(self, known: &'static [&'static str]) -> Result<Table<'a>, ConfigurationError> {
        let parsed = DeTable::parse(self.text).map_err(|error| ConfigurationError::Syntax {
            place: self.place(error.span().unwrap_or(0..0)),
            reason: String::from(error.message().lines().next().unwrap_or("unreadable")),
        })?;
        let table =
            Table { source: self, name: String::new(), start: 0, table: parsed.into_inner() };
        table.check_keys(known)?;
        Ok(table)
    }

    /// The path that a text in the file means: relative ones are relative to the file.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        directory_of(self.file).join(text)
    }
}

/// A table of a settings file; each of its keys is known.
#[derive(Debug)]
pub struct Table<'a> {
    source: Source<'a>,
    name: String,
    start: usize,
    table: DeTable<'a>,
}

/// A text in a settings file, with what errors about it need.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// What it says.
    pub text: String,
    source: Source<'a>,
    /// The line is counted only for an error: a file may list a thousand servers.
    start: usize,
    key: String,
}

impl Text<'_> {
    /// What a parser makes of it; `remedy` says what to write instead.
    ///
    /// # Errors
    /// [`ConfigurationError::WrongValue`].
    pub fn parse<T, E: fmt::Display>(
        &self,
        remedy: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigurationError> {
        parse(&self.text).map_err(|error| self.wrong(error.to_string(), remedy))
    }

    /// The error that this value is wrong.
    #[must_use]
    pub fn wrong(&self, reason: impl Into<String>, remedy: &str) -> ConfigurationError {
        ConfigurationError::WrongValue {
            place: self.source.place(self.start..self.start),
            key: self.key.clone(),
            reason: reason.into(),
            remedy: String::from(remedy),
        }
    }
}

impl<'a> Table<'a> {
    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { String::from(key) } else { format!("{}.{key}", self.name) }
    }

    fn check_keys(&self, known: &'static [&'static str]) -> Result<(), ConfigurationError> {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                return Err(ConfigurationError::UnknownKey {
                    place: self.source.place(key.span()),
                    key: self.full(name),
                    nearest: nearest::nearest(name, known),
                    known,
                });
            }
        }
        Ok(())
    }

    /// The error that a key is not there.
    #[must_use]
    pub fn missing(&self, key: &str, remedy: &str) -> ConfigurationError {
        ConfigurationError::MissingKey {
            place: self.source.place(self.start..self.start),
            key: self.full(key),
            remedy: String::from(remedy),
        }
    }

    fn wrong_type(
        &self,
        (key, span): (&str, Range<usize>),
        value: &DeValue<'_>,
        remedy: &str,
    ) -> ConfigurationError {
        ConfigurationError::WrongValue {
            place: self.source.place(span),
            key: self.full(key),
            reason: format!("of the type {}", value.type_str()),
            remedy: String::from(remedy),
        }
    }

    /// A text, if the key is there.
    ///
    /// # Errors
    /// [`ConfigurationError::WrongValue`] if it is something else.
    pub fn optional_text(
        &self,
        key: &str,
        remedy: &str,
    ) -> Result<Option<Text<'a>>, ConfigurationError> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let Some(text) = value.get_ref().as_str() else {
            return Err(self.wrong_type((key, value.span()), value.get_ref(), remedy));
        };
        let (source, start) = (self.source, value.span().start);
        Ok(Some(Text { text: String::from(text), source, start, key: self.full(key) }))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`ConfigurationError::MissingKey`], [`ConfigurationError::WrongValue`].
    pub fn text(&self, key: &str, remedy: &str) -> Result<Text<'a>, ConfigurationError> {
        self.optional_text(key, remedy)?.ok_or_else(|| self.missing(key, remedy))
    }

    /// A path that must be there; relative ones are relative to the file.
    ///
    /// # Errors
    /// [`ConfigurationError::MissingKey`], [`ConfigurationError::WrongValue`].
    pub fn path(&self, key: &str, remedy: &str) -> Result<PathBuf, ConfigurationError> {
        self.to_path(&self.text(key, remedy)?, remedy)
    }

    /// A path, if the key is there.
    ///
    /// # Errors
    /// [`ConfigurationError::WrongValue`].
    pub fn optional_path(
        &self,
        key: &str,
        remedy: &str,
    ) -> Result<Option<PathBuf>, ConfigurationError> {
        let text = self.optional_text(key, remedy)?;
        text.map(|text| self.to_path(&text, remedy)).transpose()
    }

    fn to_path(&self, text: &Text<'_>, remedy: &str) -> Result<PathBuf, ConfigurationError> {
        if text.text.is_empty() {
            return Err(text.wrong("it is empty", remedy));
        }
        Ok(self.source.path(&text.text))
    }

    /// A table that must be there; `known` are the keys that may stand in it.
    ///
    /// # Errors
    /// [`ConfigurationError::MissingKey`], [`ConfigurationError::WrongValue`],
    /// [`ConfigurationError::UnknownKey`].
    pub fn table(
        &self,
        key: &str,
        known: &'static [&'static str],
    ) -> Result<Self, ConfigurationError> {
        let remedy = format!("write a table: [{}]", self.full(key));
        let value = self.table.get(key).ok_or_else(|| self.missing(key, &remedy))?;
        self.inner((key, value.span()), value.get_ref(), known)
    }

    fn inner(
        &self,
        (key, span): (&str, Range<usize>),
        value: &DeValue<'a>,
        known: &'static [&'static str],
    ) -> Result<Self, ConfigurationError> {
        let Some(table) = value.as_table() else {
            return Err(self.wrong_type((key, span), value, "write a table"));
        };
        let (source, name, start) = (self.source, self.full(key), span.start);
        let table = Self { source, name, start, table: table.clone() };
        table.check_keys(known)?;
        Ok(table)
    }

    /// A list of tables that must be there; `known` are the keys that may stand in each.
    ///
    /// # Errors
    /// [`ConfigurationError::MissingKey`], [`ConfigurationError::WrongValue`],
    /// [`ConfigurationError::UnknownKey`].
    pub fn tables(
        &self,
        key: &str,
        known: &'static [&'static str],
    ) -> Result<Vec<Self>, ConfigurationError> {
        let remedy = format!("write one or more: [[{}]]", self.full(key));
        let value = self.table.get(key).ok_or_else(|| self.missing(key, &remedy))?;
        let Some(list) = value.get_ref().as_array() else {
            return Err(self.wrong_type((key, value.span()), value.get_ref(), &remedy));
        };
        if list.is_empty() {
            return Err(self.missing(key, &remedy));
        }
        list.iter().map(|one| self.inner((key, one.span()), one.get_ref(), known)).collect()
    }
}

/// A text as it stands in a settings file: quoted and escaped.
#[must_use]
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
