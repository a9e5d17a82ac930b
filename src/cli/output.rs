//! What a command says: data on standard output, everything else on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::domain::{self, Refusal, Unknown};
use crate::model::Invalid;
use crate::model::user::Status;
use crate::store;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document, members in camelCase.
    Json,
}

impl Format {
    /// Writes an answer: the document, or the text that a person reads.
    pub(super) fn print(self, document: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match self {
            Self::Json => writeln!(out, "{document}")?,
            Self::Text => writeln!(out, "{}", text().trim_end())?,
        }
        Ok(out.flush()?)
    }
}

/// A list that may be longer than memory: written item by item.
pub(super) struct Listing<W: Write> {
    out: W,
    format: Format,
    empty: bool,
}

impl<W: Write> Listing<W> {
    /// Begins a list that stands under this name in the document.
    pub(super) fn begin(mut out: W, format: Format, name: &str) -> io::Result<Self> {
        if format == Format::Json {
            write!(out, "{{{}:[", Value::from(name))?;
        }
        Ok(Self { out, format, empty: true })
    }

    /// Writes one item.
    pub(super) fn item(&mut self, document: &Value, text: &str) -> io::Result<()> {
        match self.format {
            Format::Json if self.empty => write!(self.out, "{document}")?,
            Format::Json => write!(self.out, ",{document}")?,
            Format::Text => writeln!(self.out, "{text}")?,
        }
        self.empty = false;
        Ok(())
    }

    /// Whether there was no item.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// Ends a list that could not be read to its end, which makes the command fail.
    pub(super) fn stop(self, error: &domain::Error) -> Result<(), Failure> {
        self.end(&[("stopped", Value::from(error.to_string()))], &format!("stopped: {error}"))?;
        Err(Failure::reported())
    }

    /// Ends the list; the rest of the document follows it, or a last line for people.
    pub(super) fn end(mut self, rest: &[(&str, Value)], text: &str) -> io::Result<()> {
        if self.format == Format::Json {
            write!(self.out, "]")?;
            for (name, value) in rest {
                write!(self.out, ",{}:{value}", Value::from(*name))?;
            }
            writeln!(self.out, "}}")?;
        } else if !text.is_empty() {
            writeln!(self.out, "{text}")?;
        }
        self.out.flush()
    }
}

/// Why a command was not done, and what to do about it.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    hint: Option<String>,
    /// Whether the answer was written all the same, with the failures in it.
    reported: bool,
}

impl Failure {
    /// A failure that a person can do something about.
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()), reported: false }
    }

    /// A failure to use a file, which it names.
    pub(super) fn of_file(path: &std::path::Path, error: &io::Error) -> Self {
        Invalid::new(format!("{}: {error}", path.display())).into()
    }

    /// Some of many rows failed, and the answer says which.
    pub(super) fn reported() -> Self {
        Self { message: String::new(), hint: None, reported: true }
    }

    /// Tells the failure and gives the exit status 1.
    pub(super) fn report(&self, format: Format) -> ExitCode {
        if !self.reported {
            report(format, &self.message, self.hint.as_deref());
        }
        ExitCode::from(1)
    }
}

/// Tells an error: as the one document on standard output, or in words on standard error.
pub(super) fn report(format: Format, message: &str, hint: Option<&str>) {
    // Where nobody can hear it there is nothing left to do.
    let _ = match format {
        Format::Json => writeln!(io::stdout(), "{}", json!({"error": {"message": message, "hint": hint}})),
        Format::Text => {
            let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            writeln!(io::stderr(), "error: {message}{hint}")
        }
    };
}

impl From<domain::Error> for Failure {
    fn from(error: domain::Error) -> Self {
        let hint = match &error {
            domain::Error::Refused(refusal) => hint(refusal),
            domain::Error::NotFound(Unknown::Company(_)) => Some("offboard company list shows which there are"),
            domain::Error::NotFound(Unknown::User(_)) => Some("offboard user list shows who there is"),
            domain::Error::NotFound(Unknown::Token(_)) => {
                Some("offboard token list --user EMAIL shows a user's tokens")
            }
            domain::Error::NotFound(Unknown::Service(_)) => Some("offboard service list shows which there are"),
            domain::Error::NotFound(Unknown::Group(_)) => {
                Some("offboard group list --company COMPANY shows which there are")
            }
            domain::Error::Unavailable(_) => Some("is the database there? offboard config shows which one is meant"),
            domain::Error::NotFound(Unknown::Session(_) | Unknown::Page)
            | domain::Error::Invalid(_)
            | domain::Error::Fault(_)
            | domain::Error::Exists(_)
            | domain::Error::Internal(_) => None,
        };
        Self { message: error.to_string(), hint: hint.map(str::to_owned), reported: false }
    }
}

/// What an operator can do about a refusal.
fn hint(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::LastAdmin => {
            Some("make another Mendix Admin first: offboard user create EMAIL --company COMPANY --name NAME --admin")
        }
        Refusal::NoSuchUser => Some("offboard user list shows who there is"),
        Refusal::WrongStatus(Status::Deactivated) => {
            Some("offboard user reactivate EMAIL lets a deactivated user back in, without credentials")
        }
        Refusal::WrongStatus(Status::Suspended) => Some("offboard user resume EMAIL lets a suspended user back in"),
        Refusal::GuardTripped { .. } => {
            Some("if it is meant: offboard company confirm-guard COMPANY --allow N lets N more lose access")
        }
        Refusal::Outdated => Some("somebody else changed it at the same time; look again, then try again"),
        Refusal::WrongStatus(Status::Active)
        | Refusal::MissingScope { .. }
        | Refusal::NotAdmin
        | Refusal::NeedsRole(_)
        | Refusal::Oneself
        | Refusal::ScopeNotYours(_)
        | Refusal::SessionNeeded
        | Refusal::NotOwner
        | Refusal::NoCompany
        | Refusal::WrongCredentials
        | Refusal::TooManyAttempts
        | Refusal::DeadLink
        | Refusal::StoppedByHand(_)
        | Refusal::ManagedByProvider
        | Refusal::GroupLocked
        | Refusal::CallerEnded => None,
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        domain::Error::from(error).into()
    }
}

impl From<Invalid> for Failure {
    fn from(error: Invalid) -> Self {
        Self { message: error.0, hint: None, reported: false }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { message: error.to_string(), hint: None, reported: false }
    }
}
