//! `offboard audit …`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use super::operator::Operator;
use super::output::{Failure, Format};
use crate::domain::trail::{Direction, Filter, document};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Write the audit trail as JSON Lines, the oldest entry first
    #[command(after_help = "Example:\n  offboard audit export --company Acme --out trail.jsonl")]
    Export {
        /// Only the trail of this company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: Option<String>,
        /// Where to; standard output when not given
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// How many entries are read at once.
const PAGE: u32 = 1000;

impl AuditCommand {
    /// JSON Lines in every format.
    pub(super) async fn run(self, operator: &Operator, _: Format) -> Result<(), Failure> {
        let Self::Export { company, out } = self;
        let company = match company {
            Some(reference) => Some(operator.directory.find_company(&reference).await?.id),
            None => None,
        };
        let mut out: Box<dyn Write> = match out {
            Some(path) => {
                let file = File::create(&path).map_err(|error| Failure::of_file(&path, &error))?;
                Box::new(BufWriter::new(file))
            }
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        let mut after = 0;
        loop {
            let filter = Filter { company, ..Filter::default() };
            let entries = operator.directory.list_trail(filter, Direction::Forward(after), PAGE).await?;
            for entry in &entries {
                writeln!(out, "{}", document(entry))?;
            }
            match entries.last() {
                Some(last) if entries.len() == PAGE as usize => after = last.seq,
                _ => break,
            }
        }
        Ok(out.flush()?)
    }
}
