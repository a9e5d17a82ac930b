//! `offboard company …`

use std::io::BufWriter;

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::Operator;
use super::output::{Failure, Format, Listing};
use crate::model::company::{Company, Domain};

#[derive(Debug, Subcommand)]
pub(super) enum CompanyCommand {
    /// Make a company
    #[command(after_help = "Example:\n  offboard company create Acme --domain acme.example --domain acme.test")]
    Create {
        /// Its name; no other company has it, in whatever case
        name: String,
        /// An e-mail domain that it owns; may be given again
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<String>,
    },
    /// List all companies
    List,
}

/// How many companies are read at once.
const PAGE: u32 = 1000;

impl CompanyCommand {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        match self {
            Self::Create { name, domains } => {
                let domains = domains.iter().map(|domain| Domain::parse(domain)).collect::<Result<_, _>>()?;
                let company = operator.directory.create_company(&operator.caller, &name, domains).await?;
                format.print(&document(&company), || format!("Made the company {} ({})", company.name, company.id))
            }
            Self::List => list(operator, format).await,
        }
    }
}

fn document(company: &Company) -> Value {
    let domains: Vec<&str> = company.domains.iter().map(Domain::as_str).collect();
    json!({"uuid": company.id.to_string(), "name": company.name, "domains": domains})
}

async fn list(operator: &Operator, format: Format) -> Result<(), Failure> {
    let page = async |after| operator.directory.list_companies(after, PAGE).await;
    let mut companies = page(None).await?;
    let mut listing = Listing::begin(BufWriter::new(std::io::stdout()), format, "companies")?;
    loop {
        for company in &companies {
            let domains: Vec<&str> = company.domains.iter().map(Domain::as_str).collect();
            let text = format!("{}  {}  {}", company.id, company.name, domains.join(", "));
            listing.item(&document(company), text.trim_end())?;
        }
        let Some(last) = companies.last().filter(|_| companies.len() == PAGE as usize) else { break };
        companies = match page(Some(last.id)).await {
            Ok(companies) => companies,
            Err(error) => return listing.stop(&error),
        };
    }
    let none = listing.is_empty();
    Ok(listing.end(&[], if none { "There are no companies yet; offboard company create makes one" } else { "" })?)
}
