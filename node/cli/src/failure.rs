//! What a command says when it did not do what it was asked for.

use std::path::Path;

use quorate_client::error::ClientError;
use quorate_client::explanation::{Explanation, Kind};
use quorate_client::settings::ConfigurationError;
use quorate_daemon::error::ServerError;
use quorate_daemon::founding::FoundingError;
use serde_json::json;

use crate::answer::complain;
use crate::exit::Exit;

/// A failure with its exit code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure(Box<Explanation>);

impl Failure {
    /// A failure about a file.
    pub(crate) fn about(
        path: &Path,
        sort: (Kind, &'static str),
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::from(Explanation::about(path, sort, what, remedy))
    }

    /// A call that cannot be meant like this.
    pub(crate) fn usage(option: &str, what: impl Into<String>, remedy: &str) -> Self {
        Self::from(Explanation {
            kind: Kind::Usage,
            code: "usage",
            what: what.into(),
            place: String::from(option),
            remedy: String::from(remedy),
        })
    }

    /// What the file system reported.
    pub(crate) fn io(operation: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::from(Explanation::of_io(operation, path, error))
    }

    /// A signal asked to stop before it was done.
    pub(crate) fn interrupted() -> Self {
        Self::from(Explanation {
            kind: Kind::Interrupted,
            code: "interrupted",
            what: String::from("a signal asked to stop before it was done"),
            place: String::from("command line"),
            remedy: String::from("run it again: nothing half done is left"),
        })
    }

    /// The same with another place, if its place is this one.
    pub(crate) fn in_place_of(mut self, place: &str, path: &Path) -> Self {
        if self.0.place == place {
            self.0.place = path.display().to_string();
        }
        self
    }

    /// For a question whether a cluster serves: one of which nobody answers does not.
    pub(crate) fn into_not_serving(mut self) -> Self {
        if self.0.kind == Kind::NoQuorum {
            self.0.kind = Kind::NotServing;
        }
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        Exit::from(self.0.kind)
    }

    /// The text for people.
    pub(crate) fn text(&self) -> String {
        format!("error[{}]: {}", self.0.code, self.0)
    }

    /// Prints the failure to standard error.
    pub(crate) fn print(&self, json: bool) {
        if !json {
            return complain(&self.text());
        }
        let explanation = &self.0;
        let error = json!({ "error": {
            "code": explanation.code,
            "exit": self.exit().code(),
            "what": explanation.what,
            "where": explanation.place,
            "remedy": explanation.remedy,
        }});
        complain(&error.to_string());
    }
}

impl From<Explanation> for Failure {
    fn from(explanation: Explanation) -> Self {
        Self(Box::new(explanation))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::from(error.explain())
    }
}

impl From<FoundingError> for Failure {
    fn from(error: FoundingError) -> Self {
        Self::from(error.explain())
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Self::from(error.explain())
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        Self::from(error.explain())
    }
}
