//! `offboard company …`

use std::io::BufWriter;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::{ArgAction, Args, Subcommand};
use serde_json::{Value, json};

use super::choice;
use super::operator::Operator;
use super::output::{Failure, Format, Listing};
use crate::domain::companies::Change;
use crate::domain::guard::GuardState;
use crate::model::clock::parse_duration;
use crate::model::company::{Company, Domain, Guard, GuardedDoors};

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
    /// Show a company, and how its guard against a runaway sync stands
    Show {
        /// Name or UUID
        company: String,
    },
    /// Set what a company's identity provider may do
    #[command(after_help = "The guard stops a sync that would take access from too many people: more than \
        --guard-count, or --guard-percent of the active ones, within --guard-window. Three may always go. People whom \
        the command line stops are never counted.\n\n\
        Examples:\n  offboard company set Acme --guard-doors all --guard-count 20\n  \
        offboard company set Acme --provider-is-authority true")]
    Set {
        /// Name or UUID
        company: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Let more people lose access than the guard lets, because it is meant
    #[command(
        after_help = "From now on the guard counts anew and lets N people go, for as long as its window is. Look \
        at the sync before you do: what it asks for next is done.\n\n\
        Example:\n  offboard company confirm-guard Acme --allow 250"
    )]
    ConfirmGuard {
        /// Name or UUID
        company: String,
        /// How many more may go
        #[arg(long, value_name = "N")]
        allow: u32,
    },
}

/// What is to be set: at least one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Settings {
    /// Whether the identity provider may let back in whom somebody else stopped
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    provider_is_authority: Option<bool>,
    /// Which doors are guarded: SCIM alone, all but the command line, or none
    #[arg(long, value_name = "DOORS", value_parser = doors())]
    guard_doors: Option<GuardedDoors>,
    /// The most people that may lose access within the window
    #[arg(long, value_name = "N")]
    guard_count: Option<u32>,
    /// The same, of a hundred who were active
    #[arg(long, value_name = "P")]
    guard_percent: Option<u32>,
    /// How far back is counted, such as 1h
    #[arg(long, value_name = "TIME")]
    guard_window: Option<String>,
}

fn doors() -> impl TypedValueParser<Value = GuardedDoors> {
    choice::one_of(GuardedDoors::ALL.map(GuardedDoors::as_str).to_vec(), GuardedDoors::parse)
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
            Self::Show { company } => {
                let company = operator.directory.find_company(&company).await?;
                show(operator, company, format).await
            }
            Self::Set { company, settings } => {
                let company = operator.directory.find_company(&company).await?;
                let id = company.id;
                for change in settings.read(&company)? {
                    operator.directory.change_company(&operator.caller, id, change).await?;
                }
                show(operator, operator.directory.company(id).await?, format).await
            }
            Self::ConfirmGuard { company, allow } => {
                let company = operator.directory.find_company(&company).await?;
                operator.directory.confirm_guard(&operator.caller, company.id, allow).await?;
                show(operator, operator.directory.company(company.id).await?, format).await
            }
        }
    }
}

impl Settings {
    fn read(self, company: &Company) -> Result<Vec<Change>, Failure> {
        let Guard { doors, count, percent, window, .. } = company.guard;
        let set = Guard {
            doors: self.guard_doors.unwrap_or(doors),
            count: self.guard_count.unwrap_or(count),
            percent: self.guard_percent.unwrap_or(percent),
            window: self.guard_window.as_deref().map(parse_duration).transpose()?.unwrap_or(window),
            ..company.guard
        };
        let mut changes: Vec<Change> = self.provider_is_authority.map(Change::Authority).into_iter().collect();
        if set != company.guard {
            changes.push(Change::guard(set.doors, set.count, set.percent, set.window)?);
        }
        Ok(changes)
    }
}

async fn show(operator: &Operator, company: Company, format: Format) -> Result<(), Failure> {
    let state = operator.directory.guard_state(company.id).await?;
    let mut shown = document(&company);
    shown["providerIsAuthority"] = company.provider_is_authority.into();
    shown["guard"] = guard_document(&company.guard, &state);
    format.print(&shown, || describe(&company, &state))
}

fn guard_document(guard: &Guard, state: &GuardState) -> Value {
    json!({
        "doors": guard.doors.as_str(),
        "count": guard.count,
        "percent": guard.percent,
        "windowSeconds": guard.window.as_secs(),
        "limit": state.limit,
        "departed": state.departed,
        "since": state.since,
        "tripped": state.tripped,
    })
}

fn describe(company: &Company, state: &GuardState) -> String {
    let Guard { count, percent, .. } = company.guard;
    let window = span(company.guard.window);
    let domains: Vec<&str> = company.domains.iter().map(Domain::as_str).collect();
    let doors = match company.guard.doors {
        GuardedDoors::Scim => "SCIM",
        GuardedDoors::All => "all doors but the command line",
        GuardedDoors::Off => "off",
    };
    let authority = if company.provider_is_authority { "yes" } else { "no" };
    let mut lines = vec![
        company.name.clone(),
        format!("UUID:    {}", company.id),
        format!("Domains: {}", domains.join(", ")),
        format!("The identity provider may let back in whom somebody else stopped: {authority}"),
        format!("Guard:   {doors}; at most {count} people, or {percent} %, within {window}"),
    ];
    if company.guard.doors != GuardedDoors::Off {
        let stopped = if state.tripped { ": the next one is stopped" } else { "" };
        let GuardState { departed, limit, since, .. } = state;
        lines.push(format!("         {departed} of {limit} lost access since {since}{stopped}"));
    }
    lines.join("\n")
}

/// A length of time in the largest unit that it is whole in.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        seconds if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
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
