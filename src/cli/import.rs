//! `offboard user import`: many users from a CSV file, in bounded memory, and again without harm.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use csv::StringRecord;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::operator::Operator;
use super::output::{Failure, Format, Listing};
use crate::domain;
use crate::domain::users::{Made, NewUser};
use crate::model::Invalid;
use crate::model::id::CompanyId;
use crate::model::user::Role;

/// How many rows share a transaction.
const BATCH: usize = 500;
/// The most bytes of one row; a quotation mark that is never closed would swallow the file.
const ROW_BYTES: u64 = 1024 * 1024;

/// A row of the file: a user to be made, or why there is none.
struct Row {
    line: u64,
    email: String,
    new: Result<NewUser, String>,
}

pub(super) async fn run(operator: &Operator, file: &Path, company: CompanyId, format: Format) -> Result<(), Failure> {
    let mut rows = Rows::open(file)?;
    let progress = progress_bar(rows.bytes);
    let mut report = Report::begin(format)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let watch = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::SeqCst);
        }
    });
    let mut failure = None;
    while !interrupted.load(Ordering::SeqCst) {
        let batch = rows.take(BATCH);
        if batch.is_empty() {
            break;
        }
        if let Err(error) = make(operator, company, batch, &mut report).await {
            failure = Some(error);
            break;
        }
        progress.set_position(rows.position());
        progress.set_message(format!("{} made, {} there, {} failed", report.created, report.unchanged, report.failed));
    }
    watch.abort();
    progress.finish_and_clear();
    let stopped = interrupted.load(Ordering::SeqCst).then(|| "interrupted; run it again to go on".to_owned());
    let stopped = stopped.or_else(|| failure.map(|error| format!("{error}; run it again to go on"))).or(rows.broken);
    report.end(stopped)
}

async fn make(
    operator: &Operator,
    company: CompanyId,
    batch: Vec<Row>,
    report: &mut Report,
) -> Result<(), domain::Error> {
    let new: Vec<NewUser> = batch.iter().filter_map(|row| row.new.clone().ok()).collect();
    let mut attempt = 0;
    let made = loop {
        attempt += 1;
        match operator.directory.create_users(&operator.caller, company, new.clone()).await {
            // Somebody else makes users at the same time; looking again finds theirs.
            Err(domain::Error::Exists(_)) if attempt < 5 => {}
            answer => break answer?,
        }
    };
    let mut made = made.into_iter();
    for Row { line, email, new } in batch {
        if let Err(reason) = new {
            report.fail(line, &email, &reason);
        } else if let Some(made) = made.next() {
            report.row(line, &email, made);
        }
    }
    Ok(())
}

/// What became of the rows; failures are written as they come.
struct Report {
    listing: Listing<BufWriter<io::Stdout>>,
    written: io::Result<()>,
    created: u64,
    unchanged: u64,
    failed: u64,
}

impl Report {
    fn begin(format: Format) -> io::Result<Self> {
        let listing = Listing::begin(BufWriter::new(io::stdout()), format, "failed")?;
        Ok(Self { listing, written: Ok(()), created: 0, unchanged: 0, failed: 0 })
    }

    fn row(&mut self, line: u64, email: &str, made: Made) {
        match made {
            Made::Created(_) => self.created += 1,
            Made::Unchanged(_) => self.unchanged += 1,
            Made::Failed(error) => self.fail(line, email, &error),
        }
    }

    fn fail(&mut self, line: u64, email: &str, reason: &dyn std::fmt::Display) {
        self.failed += 1;
        let reason = reason.to_string();
        let document = json!({"line": line, "email": email, "reason": reason});
        if self.written.is_ok() {
            self.written = self.listing.item(&document, &format!("line {line}: {}: {reason}", email.escape_debug()));
        }
    }

    fn end(self, stopped: Option<String>) -> Result<(), Failure> {
        self.written?;
        let mut rest = vec![("created", Value::from(self.created)), ("unchanged", Value::from(self.unchanged))];
        let mut text = format!("{} made, {} there already, {} failed", self.created, self.unchanged, self.failed);
        let complete = stopped.is_none() && self.failed == 0;
        if let Some(stopped) = stopped {
            text = format!("{text}\nstopped: {stopped}");
            rest.push(("stopped", Value::from(stopped)));
        }
        self.listing.end(&rest, &text)?;
        if complete { Ok(()) } else { Err(Failure::reported()) }
    }
}

/// The rows of a file, read as they are needed.
struct Rows {
    reader: csv::Reader<Bounded>,
    columns: [usize; 3],
    budget: Rc<Cell<u64>>,
    bytes: u64,
    record: StringRecord,
    /// Why nothing more can be read.
    broken: Option<String>,
}

impl Rows {
    fn open(file: &Path) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::from(Invalid::new(format!("{}: {error}", file.display())));
        let (source, bytes): (Box<dyn Read>, u64) = if file == Path::new("-") {
            (Box::new(io::stdin()), 0)
        } else {
            let opened = File::open(file).map_err(|error| failed(&error))?;
            let bytes = opened.metadata().map_err(|error| failed(&error))?.len();
            (Box::new(opened), bytes)
        };
        let budget = Rc::new(Cell::new(ROW_BYTES));
        let bounded = Bounded { source, budget: Rc::clone(&budget) };
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bounded);
        let headers = reader.headers().map_err(|error| failed(&error))?;
        let column = |name: &str| {
            let is_named = |header: &str| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name);
            let mut places = (0..headers.len()).filter(|place| headers.get(*place).is_some_and(is_named));
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (found, _) => {
                    let count = if found.is_none() { "no" } else { "more than one" };
                    let message = format!("{}: there is {count} column '{name}'", file.display());
                    Err(Failure::new(message, "the first line of the file is: email,name,admin"))
                }
            }
        };
        let columns = [column("email")?, column("name")?, column("admin")?];
        Ok(Self { reader, columns, budget, bytes, record: StringRecord::new(), broken: None })
    }

    fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next rows, up to so many. Empty at the end of the file, and where nothing more can be read.
    fn take(&mut self, count: usize) -> Vec<Row> {
        let mut rows = Vec::with_capacity(count);
        while rows.len() < count && self.broken.is_none() {
            self.budget.set(ROW_BYTES);
            let line = self.reader.position().line();
            match self.reader.read_record(&mut self.record) {
                Ok(false) => break,
                Ok(true) => {
                    let line = self.record.position().map_or(line, csv::Position::line);
                    let email = self.record.get(self.columns[0]).unwrap_or_default().to_owned();
                    rows.push(Row { line, email, new: self.parse().map_err(|error| error.to_string()) });
                }
                Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                    rows.push(Row { line, email: String::new(), new: Err("the row is not UTF-8".to_owned()) });
                }
                Err(error) => self.broken = Some(format!("line {line}: {error}")),
            }
        }
        rows
    }

    fn parse(&self) -> Result<NewUser, domain::Error> {
        let [email, name, admin] = self.columns.map(|column| self.record.get(column).unwrap_or_default());
        let role = match admin.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Role::MendixAdmin,
            "false" | "no" | "0" | "" => Role::Member,
            _ => return Err(Invalid::new("admin is written as true or false").into()),
        };
        NewUser::parse(email, name, role)
    }
}

/// A reader that gives up on a row without end.
struct Bounded {
    source: Box<dyn Read>,
    budget: Rc<Cell<u64>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let left = self.budget.get().checked_sub(read as u64);
        self.budget
            .set(left.ok_or_else(|| io::Error::other("a row is longer than 1 MiB; is a quotation mark left open?"))?);
        Ok(read)
    }
}

/// Shows itself on a terminal only.
fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = if bytes == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(bytes) };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% {msg} ({eta} left)") {
        bar.set_style(style);
    }
    bar
}
