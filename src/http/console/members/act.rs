//! Acts on one or many members: what would stop, why, and what became of each.

use std::collections::HashSet;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::domain::members::Holding;
use crate::domain::transitions::{Request as Ask, Transition};
use crate::domain::{Error, Refusal};
use crate::http::app::App;
use crate::http::console::guard;
use crate::http::console::page::{Layout, Page, Visitor, render_form, render_with, see};
use crate::http::console::settings::tokens::TokenRow;
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::audit::{Action, Note};
use crate::model::id::UserId;
use crate::model::text::{NAME_LENGTH, REASON_LENGTH, one_line};
use crate::model::user::Status;

const LIST: &str = "/control-center/members";
/// The most members that one act takes.
const MOST: usize = 1000;

/// What an admin can do to a member's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http::console) enum Act {
    Deactivate,
    Suspend,
    Resume,
    Reactivate,
}

/// An act as a button.
pub(in crate::http::console) struct ActChoice {
    pub(in crate::http::console) value: &'static str,
    pub(in crate::http::console) label: &'static str,
    pub(in crate::http::console) danger: bool,
}

impl Act {
    const ALL: [Self; 4] = [Self::Deactivate, Self::Suspend, Self::Resume, Self::Reactivate];

    fn parse(text: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|act| act.choice().value == text);
        found.ok_or_else(|| Failure::Invalid("there is no such act".to_owned()))
    }

    /// Those that change somebody with this status.
    pub(in crate::http::console) fn fitting(status: Status) -> impl Iterator<Item = Self> {
        let acts: &[Self] = match status {
            Status::Active => &[Self::Deactivate, Self::Suspend],
            Status::Suspended => &[Self::Resume, Self::Deactivate],
            Status::Deactivated => &[Self::Reactivate],
        };
        acts.iter().copied()
    }

    pub(in crate::http::console) fn action(self) -> Action {
        match self {
            Self::Deactivate => Action::DeactivateUser,
            Self::Suspend => Action::SuspendUser,
            Self::Resume => Action::ResumeUser,
            Self::Reactivate => Action::ReactivateUser,
        }
    }

    pub(in crate::http::console) fn choice(self) -> ActChoice {
        let (value, label, danger) = match self {
            Self::Deactivate => ("deactivate", "Deactivate", true),
            Self::Suspend => ("suspend", "Suspend", false),
            Self::Resume => ("resume", "Resume", false),
            Self::Reactivate => ("reactivate", "Reactivate", false),
        };
        ActChoice { value, label, danger }
    }

    fn explained(self) -> &'static str {
        match self {
            Self::Deactivate => {
                "For people who leave. Sessions end, tokens are revoked for good, and the password is forgotten, at once. \
                 Reactivating starts with no credential at all."
            }
            Self::Suspend => {
                "For a while. Sessions end at once; password and tokens are refused until you resume, and work again then."
            }
            Self::Resume => "Password and tokens work again, as before. Sessions stay ended.",
            Self::Reactivate => {
                "They come back with no credential at all: make a sign-in link for each afterwards, on the member's page."
            }
        }
    }

    /// Which is never without a reason, and what the guard counts.
    fn ends_access(self) -> bool {
        matches!(self, Self::Deactivate | Self::Suspend)
    }
}

#[derive(Template)]
#[template(path = "console/confirm.html")]
struct Confirm {
    layout: Layout,
    act: ActChoice,
    people: Vec<Affected>,
    possible: usize,
    sessions: u64,
    tokens: u64,
    admins: usize,
    explained: &'static str,
    reason_required: bool,
    reason: String,
    ticket: String,
    /// Whether more would lose access here than the guard still lets go, and how many that are.
    guard_stops: bool,
    guard_left: u64,
    urgent: bool,
    back: String,
    error: Option<String>,
}

struct Affected {
    id: String,
    href: String,
    name: String,
    email: String,
    admin: bool,
    status: &'static str,
    sessions: u64,
    tokens: Vec<TokenRow>,
    more_tokens: u64,
    obstacle: Option<String>,
}

#[derive(Template)]
#[template(path = "console/outcome.html")]
struct Outcome {
    layout: Layout,
    act: ActChoice,
    rows: Vec<OutcomeRow>,
    done: usize,
    failed: usize,
    back: String,
}

struct OutcomeRow {
    href: String,
    name: String,
    email: String,
    done: bool,
    text: String,
}

/// `POST /control-center/members/confirm`: changes nothing; says what would stop.
pub(in crate::http::console) async fn confirm(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let act = Act::parse(form.get("act"))?;
    show(&app, &visitor, act, &form, None).await
}

/// `POST /control-center/members/apply`: one after the other, each whole or not at all.
pub(in crate::http::console) async fn apply(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let act = Act::parse(form.get("act"))?;
    let note = match note(act, &form) {
        Ok(note) => note,
        Err(error) => return show(&app, &visitor, act, &form, Some(error)).await,
    };
    let company = visitor.company()?;
    let targets = selected(&form)?;
    // Only the single case is somebody's to answer for.
    let confirmed = targets.len() == 1 && form.get("urgent") == "true";
    let mut rows = Vec::new();
    for target in targets {
        let ask = Ask { note: note.clone(), confirmed, ..Ask::default() };
        let outcome = app.directory.transition(&visitor.caller, target, act.action(), ask).await;
        // Once the admin's own access has ended, nothing more is tried; what was done stands in the trail.
        if let Err(Error::Refused(refusal @ (Refusal::CallerEnded | Refusal::NotAdmin))) = outcome {
            return Err(Failure::Forbidden(refusal));
        }
        if let Ok(transition) = &outcome
            && transition.changed()
            && act == Act::Deactivate
        {
            app.metrics.deactivation();
        }
        let user = match &outcome {
            Ok(transition) => Some(transition.user.clone()),
            Err(_) => app.directory.member(company, target).await.ok(),
        };
        let (name, email) = match user {
            Some(user) => (user.name, words::email(&user.email)),
            None => (target.to_string(), String::new()),
        };
        let (done, text) = tell(outcome);
        rows.push(OutcomeRow { href: format!("{LIST}/{target}"), name, email, done, text });
    }
    let done = rows.iter().filter(|row| row.done).count();
    let failed = rows.len() - done;
    let layout = visitor.layout("Done", "members");
    let template = Outcome { layout, act: act.choice(), rows, done, failed, back: LIST.to_owned() };
    render_with(StatusCode::OK, &template)
}

/// The members that a form names, each once.
pub(in crate::http::console) fn selected(form: &Fields) -> Result<Vec<UserId>, Failure> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for text in form.all("user") {
        let id = UserId::parse(text).map_err(|invalid| Failure::Invalid(invalid.0))?;
        if seen.insert(id) {
            found.push(id);
        }
    }
    if found.len() > MOST {
        return Err(Failure::Invalid(format!("at most {MOST} members at once")));
    }
    Ok(found)
}

async fn show(app: &App, visitor: &Visitor, act: Act, form: &Fields, error: Option<String>) -> Page {
    let targets = selected(form)?;
    if targets.is_empty() {
        return see(LIST);
    }
    let held = app.directory.foresee(&visitor.caller, visitor.company()?, targets, act.action()).await?;
    let now = app.clock.now();
    let possible: Vec<&Holding> = held.iter().filter(|holding| holding.obstacle.is_none()).collect();
    let active = possible.iter().filter(|holding| holding.user.status == Status::Active).count();
    let guard_left = if act.ends_access() { guard::left(app, visitor.company()?).await? } else { None };
    let layout = visitor.layout("Confirm", "members");
    let template = Confirm {
        layout,
        act: act.choice(),
        possible: possible.len(),
        sessions: possible.iter().map(|holding| holding.sessions).sum(),
        tokens: possible.iter().map(|holding| holding.token_count).sum(),
        admins: possible.iter().filter(|holding| holding.user.role.is_admin()).count(),
        explained: act.explained(),
        reason_required: act.ends_access(),
        reason: form.get("reason").to_owned(),
        ticket: form.get("ticket").to_owned(),
        guard_stops: guard_left.is_some_and(|left| left < active as u64),
        guard_left: guard_left.unwrap_or_default(),
        urgent: form.get("urgent") == "true",
        back: LIST.to_owned(),
        people: held.into_iter().map(|holding| affected(holding, now)).collect(),
        error,
    };
    render_form(template.error.is_some(), &template)
}

fn affected(holding: Holding, now: crate::model::clock::Timestamp) -> Affected {
    let Holding { user, sessions, tokens, token_count, obstacle } = holding;
    Affected {
        href: format!("{LIST}/{}", user.id),
        id: user.id.to_string(),
        email: words::email(&user.email),
        admin: user.role.is_admin(),
        status: user.status.as_str(),
        name: user.name,
        sessions,
        more_tokens: token_count.saturating_sub(tokens.len() as u64),
        tokens: tokens.into_iter().map(|token| TokenRow::new(token, now)).collect(),
        obstacle: obstacle.as_ref().map(words::refused),
    }
}

fn note(act: Act, form: &Fields) -> Result<Note, String> {
    let line = |name: &str, longest| {
        // A text area breaks lines; the trail keeps one.
        let text = form.get(name).split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { Ok(None) } else { one_line(name, &text, longest).map(Some) }
    };
    let told = |invalid: crate::model::Invalid| format!("{}.", words::sentence(&invalid.0));
    let note = Note {
        reason: line("reason", REASON_LENGTH).map_err(told)?,
        ticket: line("ticket", NAME_LENGTH).map_err(told)?,
    };
    if act.ends_access() && note.reason.is_none() {
        return Err("Say why: the reason is kept in the audit trail.".to_owned());
    }
    Ok(note)
}

/// What became of one member.
fn tell(outcome: Result<Transition, Error>) -> (bool, String) {
    match outcome {
        Ok(transition) if !transition.changed() => {
            (true, format!("Was {} already; nothing to do", transition.to.as_str()))
        }
        Ok(Transition { to: Status::Active, .. }) => (true, "Active".to_owned()),
        Ok(transition) => {
            let Transition { to, sessions_ended, tokens_revoked, .. } = transition;
            let sessions = words::counted(sessions_ended, "session");
            let text = match to {
                Status::Deactivated => {
                    format!("Deactivated: {sessions} ended, {} revoked", words::counted(tokens_revoked, "token"))
                }
                Status::Suspended | Status::Active => format!("Suspended: {sessions} ended"),
            };
            (true, text)
        }
        Err(Error::Refused(refusal)) => (false, words::refused(&refusal)),
        Err(Error::Invalid(invalid)) => (false, words::sentence(&invalid.0)),
        Err(error @ (Error::Exists(_) | Error::NotFound(_) | Error::Fault(_))) => {
            (false, words::sentence(&error.to_string()))
        }
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => {
            tracing::error!(%error, "one of many could not be changed");
            (false, "Something went wrong; try again.".to_owned())
        }
    }
}
