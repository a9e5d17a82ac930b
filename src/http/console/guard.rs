//! The guard against a runaway sync, as pages show it: how it stands, and that it stops somebody.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};

use super::super::app::App;
use super::super::failure::Failure;
use super::page::{Choice, Moment, Page, Visitor, see};
use super::scim::{self, Rejected};
use super::words;
use crate::domain::companies::Change;
use crate::domain::guard::GuardState;
use crate::http::form::Fields;
use crate::model::actor::Door;
use crate::model::company::{Company, Guard, GuardedDoors};
use crate::model::id::CompanyId;

/// That the guard lets nobody else go until somebody says that more are meant.
pub(super) struct GuardNotice {
    pub(super) departed: String,
    pub(super) since: Moment,
    pub(super) span: String,
    pub(super) stopped: &'static str,
    /// How many more are offered.
    pub(super) allowance: String,
    /// On which page it stands.
    pub(super) place: &'static str,
}

impl GuardNotice {
    /// Gives nothing while somebody else may still go.
    pub(super) fn new(guard: &Guard, state: &GuardState, place: &'static str) -> Option<Self> {
        let stopped = match guard.doors {
            GuardedDoors::Off => return None,
            GuardedDoors::Scim => "the identity provider ends nobody else's access",
            GuardedDoors::All => "nobody else's access ends, by whatever way but the command line",
        };
        state.tripped.then(|| Self {
            departed: words::people(state.departed),
            since: Moment(state.since),
            span: words::span(guard.window),
            stopped,
            allowance: state.limit.to_string(),
            place,
        })
    }
}

/// The notice for a page where one belongs that does not speak of the guard else.
pub(super) async fn notice(app: &App, company: CompanyId, place: &'static str) -> Result<Option<GuardNotice>, Failure> {
    let guard = app.directory.company(company).await?.guard;
    if guard.doors == GuardedDoors::Off {
        return Ok(None);
    }
    Ok(GuardNotice::new(&guard, &app.directory.guard_state(company).await?, place))
}

/// How many people may still lose access by a form here; `None` when the guard does not count these.
pub(super) async fn left(app: &App, company: CompanyId) -> Result<Option<u64>, Failure> {
    if !app.directory.company(company).await?.guard.doors.cover(Door::Console) {
        return Ok(None);
    }
    let state = app.directory.guard_state(company).await?;
    Ok(Some(state.limit.saturating_sub(state.departed)))
}

/// `POST /control-center/scim/confirm`: more people are meant to lose access.
pub(super) async fn confirm(State(app): State<App>, Extension(visitor): Extension<Visitor>, request: Request) -> Page {
    let form = Fields::of_body(&app, request).await?;
    // What is no number is out of range, as 0 is.
    let allowance = form.get("allowance").trim().parse().unwrap_or(0);
    let confirmed = app.directory.confirm_guard(&visitor.caller, visitor.company()?, allowance).await;
    match confirmed.map_err(Failure::from) {
        Ok(()) if form.get("place") == "members" => see("/control-center/members?done=guard-confirmed"),
        Ok(()) => see("/control-center/scim?done=guard-confirmed"),
        Err(failure) => {
            let rejected = Rejected::new("confirm", &form, words::beside_form(failure)?);
            scim::render(&app, &visitor, None, Some(rejected)).await
        }
    }
}

/// `POST /control-center/scim/guard`
pub(super) async fn set(State(app): State<App>, Extension(visitor): Extension<Visitor>, request: Request) -> Page {
    let form = Fields::of_body(&app, request).await?;
    scim::apply(&app, &visitor, &form, "guard", read(&form)).await
}

fn read(form: &Fields) -> Result<Change, Failure> {
    let number = |name: &str| form.get(name).trim().parse::<u32>().unwrap_or(0);
    let doors = GuardedDoors::parse(form.get("doors"));
    let doors = doors.ok_or_else(|| Failure::Invalid("choose what is guarded".to_owned()))?;
    let window = Duration::from_secs(u64::from(number("minutes")) * 60);
    Ok(Change::guard(doors, number("count"), number("percent"), window)?)
}

/// The guard's form, and how it stands.
pub(super) struct GuardForm {
    pub(super) doors: Vec<Choice>,
    pub(super) count: String,
    pub(super) percent: String,
    pub(super) minutes: String,
    /// So many may always go, whatever the percentage.
    pub(super) few: u64,
    /// How many went, and how many may; nothing while there is no guard.
    pub(super) state: Option<GuardStanding>,
}

/// How many people went of how many who may, and since when that is counted.
pub(super) struct GuardStanding {
    pub(super) departed: String,
    pub(super) limit: u64,
    pub(super) since: Moment,
}

impl GuardForm {
    /// With what was typed, where that was not taken.
    pub(super) fn new(company: &Company, state: &GuardState, typed: Option<&Fields>) -> Self {
        let Guard { doors, count, percent, window, .. } = company.guard;
        let text = |name: &str, known: String| typed.map_or(known, |form| form.get(name).to_owned());
        let chosen = text("doors", doors.as_str().to_owned());
        let standing =
            GuardStanding { departed: words::people(state.departed), limit: state.limit, since: Moment(state.since) };
        Self {
            doors: GuardedDoors::ALL.map(|doors| choice(doors, &chosen)).into(),
            count: text("count", count.to_string()),
            percent: text("percent", percent.to_string()),
            minutes: text("minutes", window.as_secs().div_ceil(60).to_string()),
            few: Guard::FEW,
            state: (doors != GuardedDoors::Off).then_some(standing),
        }
    }
}

fn choice(doors: GuardedDoors, chosen: &str) -> Choice {
    let label = match doors {
        GuardedDoors::Scim => "What the identity provider does",
        GuardedDoors::All => "Every way but the command line",
        GuardedDoors::Off => "Nothing",
    };
    Choice { value: doors.as_str().to_owned(), label: label.to_owned(), selected: doors.as_str() == chosen }
}
