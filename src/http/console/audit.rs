//! The audit trail of a company: filtered, in detail, and taken out as a file.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;

use super::super::app::App;
use super::super::failure::Failure;
use super::export::{self, Format};
use super::page::{Choice, Layout, Moment, Page, Visitor, render, render_form};
use super::words;
use crate::domain::Unknown;
use crate::domain::trail::{Direction, Filter, TrailEntry};
use crate::http::form::{Fields, address};
use crate::model::audit::{Action, ActorRecord, Proof};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, UserId};

const PATH: &str = "/control-center/audit";
/// How many entries a page shows.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Audit {
    layout: Layout,
    from: String,
    to: String,
    actor: String,
    person: String,
    actions: Vec<Choice>,
    outcomes: Vec<Choice>,
    rows: Vec<AuditRow>,
    first: Option<String>,
    next: Option<String>,
    export_xlsx: String,
    export_csv: String,
    export_jsonl: String,
    error: Option<String>,
}

struct AuditRow {
    href: String,
    at: Moment,
    who: String,
    action: String,
    what: String,
    door: String,
    refused: Option<String>,
    reason: String,
    ticket: String,
}

#[derive(Template)]
#[template(path = "console/audit_entry.html")]
struct AuditEntry {
    layout: Layout,
    seq: i64,
    at: Moment,
    facts: Vec<Fact>,
    detail: String,
    back: String,
}

struct Fact {
    label: &'static str,
    value: String,
}

/// `GET /control-center/audit`
pub(super) async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    let company = visitor.company()?;
    let before = query.get("before").parse::<i64>().ok();
    let (mut found, error) = match filter(&app, company, &query).await {
        Ok(Some(filter)) => {
            let direction = Direction::Backward(before.unwrap_or(i64::MAX));
            (app.directory.list_trail(filter, direction, PAGE + 1).await?, None)
        }
        Ok(None) => (Vec::new(), None),
        Err(Failure::Invalid(text)) => (Vec::new(), Some(text)),
        Err(failure) => return Err(failure),
    };
    let next = (found.len() > PAGE as usize).then(|| {
        found.truncate(PAGE as usize);
        found.last().map(|last| href(PATH, &query, &[("before", &last.seq.to_string())]))
    });
    let export = |format| href(&format!("{PATH}/export"), &query, &[("format", format)]);
    let template = Audit {
        layout: visitor.layout("Audit", "audit"),
        // A field for days takes nothing else.
        from: if error.is_none() { query.get("from").to_owned() } else { String::new() },
        to: if error.is_none() { query.get("to").to_owned() } else { String::new() },
        actor: query.get("actor").to_owned(),
        person: query.get("person").to_owned(),
        actions: actions(query.get("action")),
        outcomes: outcomes(query.get("outcome")),
        rows: found.iter().map(row).collect(),
        first: before.map(|_| href(PATH, &query, &[])),
        next: next.flatten(),
        export_xlsx: export("xlsx"),
        export_csv: export("csv"),
        export_jsonl: export("jsonl"),
        error,
    };
    render_form(template.error.is_some(), &template)
}

/// `GET /control-center/audit/export`
pub(super) async fn export(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    let format = Format::read(query.get("format"))?;
    let company = visitor.company()?;
    let filter = filter(&app, company, &query).await?;
    let detail = serde_json::json!({"format": query.get("format"), "filter": filter_text(&query)});
    app.directory.record_export(&visitor.caller, Action::ExportTrail, detail).await?;
    export::trail(app, visitor.caller, filter, format).await
}

/// `GET /control-center/audit/{seq}`
pub(super) async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(seq): Path<String>,
) -> Page {
    let nothing = || Failure::NotFound(Unknown::Page);
    let seq = seq.parse().map_err(|_| nothing())?;
    let entry = app.directory.trail_entry(visitor.company()?, seq).await?.ok_or_else(nothing)?;
    let detail = entry.detail.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    render(&AuditEntry {
        layout: visitor.layout("Audit entry", "audit"),
        seq: entry.seq,
        at: Moment(entry.at),
        facts: facts(&entry),
        detail: detail.and_then(|detail| serde_json::to_string_pretty(&detail).ok()).unwrap_or_default(),
        back: PATH.to_owned(),
    })
}

/// What of the trail a query asks for; `None` when it names somebody whom the company does not have, so that nothing can
/// fit.
async fn filter(app: &App, company: CompanyId, query: &Fields) -> Result<Option<Filter>, Failure> {
    let (actor, person) = (named(app, company, query, "actor").await?, named(app, company, query, "person").await?);
    if actor == Some(None) || person == Some(None) {
        return Ok(None);
    }
    let until = day(query, "to")?.map(|day| day.after(std::time::Duration::from_hours(24)));
    Ok(Some(Filter {
        company: Some(company),
        from: day(query, "from")?,
        until,
        actor: actor.flatten(),
        person: person.flatten(),
        action: Action::parse(query.get("action")),
        done: match query.get("outcome") {
            "done" => Some(true),
            "refused" => Some(false),
            _ => None,
        },
    }))
}

async fn named(app: &App, company: CompanyId, query: &Fields, field: &str) -> Result<Option<Option<UserId>>, Failure> {
    let Some(reference) = query.filled(field) else { return Ok(None) };
    match app.directory.find_user(reference).await.map_err(Failure::from) {
        Ok(user) => Ok(Some(Some(user.id).filter(|_| user.company == company))),
        Err(Failure::NotFound(_)) => Ok(Some(None)),
        Err(failure) => Err(failure),
    }
}

/// The beginning of a day, in UTC.
fn day(query: &Fields, field: &str) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = query.filled(field) else { return Ok(None) };
    let wrong = |_| Failure::Invalid("Write a day as 2026-11-23.".to_owned());
    format!("{text}T00:00:00Z").parse().map(Some).map_err(wrong)
}

fn filter_text(query: &Fields) -> String {
    href("", query, &[])
}

/// The same question, elsewhere.
fn href(path: &str, query: &Fields, more: &[(&str, &str)]) -> String {
    let names = ["from", "to", "actor", "person", "action", "outcome"];
    let own: Vec<(&str, &str)> = names.into_iter().map(|name| (name, query.get(name).trim())).collect();
    address(path, &[&own[..], more].concat())
}

fn actions(chosen: &str) -> Vec<Choice> {
    let all = Choice { value: String::new(), label: "All".to_owned(), selected: chosen.is_empty() };
    let choices = Action::ALL.into_iter().map(|action| Choice {
        value: action.as_str().to_owned(),
        label: action.label().to_owned(),
        selected: action.as_str() == chosen,
    });
    std::iter::once(all).chain(choices).collect()
}

fn outcomes(chosen: &str) -> Vec<Choice> {
    [("", "All"), ("done", "Done"), ("refused", "Refused")]
        .map(|(value, label)| Choice { value: value.to_owned(), label: label.to_owned(), selected: value == chosen })
        .into()
}

fn row(entry: &TrailEntry) -> AuditRow {
    let person = words::person(entry);
    AuditRow {
        href: format!("{PATH}/{}", entry.seq),
        at: Moment(entry.at),
        who: words::actor(entry),
        what: match person {
            Some(person) => format!("{}: {person}", words::action(entry)),
            None => words::action(entry),
        },
        action: entry.action.clone(),
        door: words::door(entry),
        refused: entry.refusal.as_ref().map(|refusal| refusal.replace('_', " ")),
        reason: entry.reason.clone().unwrap_or_default(),
        ticket: entry.ticket.clone().unwrap_or_default(),
    }
}

fn facts(entry: &TrailEntry) -> Vec<Fact> {
    let credential = match entry.actor {
        ActorRecord::User(_, Proof::Token(id)) => Some(format!("token {id}")),
        ActorRecord::User(_, Proof::Session(id)) | ActorRecord::Operator(Some(id)) => Some(format!("session {id}")),
        ActorRecord::User(_, Proof::Link(id)) => Some(format!("sign-in link {id}")),
        ActorRecord::Provisioner(id) => Some(format!("SCIM token {id}")),
        ActorRecord::Operator(None) | ActorRecord::Stranger => None,
    };
    let subject = entry.subject_kind.as_ref().zip(entry.subject).map(|(kind, id)| format!("{kind} {id}"));
    let outcome = match &entry.refusal {
        None => "done".to_owned(),
        Some(refusal) => format!("refused: {}", refusal.replace('_', " ")),
    };
    [
        ("What", Some(format!("{} ({})", words::action(entry), entry.action))),
        ("Outcome", Some(outcome)),
        ("Who", Some(words::actor(entry))),
        ("By which credential", credential),
        ("Whom it concerns", words::person(entry)),
        ("On what", subject),
        ("Through", Some(words::door(entry))),
        ("From address", entry.address.clone()),
        ("Reason", entry.reason.clone()),
        ("Ticket", entry.ticket.clone()),
        ("Request", Some(entry.request.to_string())),
    ]
    .into_iter()
    .filter_map(|(label, value)| value.map(|value| Fact { label, value }))
    .collect()
}
