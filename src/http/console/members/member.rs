//! One member: profile, what is live, what happened.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;

use super::act::Act;
use crate::domain::trail::{Direction, Filter, TrailEntry};
use crate::domain::{Refusal, Unknown};
use crate::http::app::App;
use crate::http::console::groups::{GroupLink, GroupRow};
use crate::http::console::page::{Layout, Moment, Page, Visitor, render, see};
use crate::http::console::settings::sessions::{SessionRow, session_id};
use crate::http::console::settings::tokens::{TokenRow, deleted, token_id};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::{Fields, address};
use crate::model::group::Group;
use crate::model::id::UserId;
use crate::model::user::User;

/// How many entries of the trail are shown.
const HISTORY: u32 = 20;
/// How many of the tokens that ended are.
const ENDED_TOKENS: usize = 50;
/// How many of the groups are.
const GROUPS: usize = 50;

#[derive(Template)]
#[template(path = "console/member.html")]
struct Member {
    layout: Layout,
    id: String,
    name: String,
    email: String,
    role: &'static str,
    /// The groups that give this role.
    role_from: Vec<GroupLink>,
    admin: bool,
    /// The groups by which an identity provider says who is an admin.
    managed_by: Vec<GroupLink>,
    status: &'static str,
    since: Moment,
    created: Moment,
    has_password: bool,
    oneself: bool,
    acts: Vec<MemberAct>,
    groups: Vec<GroupRow>,
    group_count: usize,
    more_groups: usize,
    tokens: Vec<TokenRow>,
    ended_tokens: Vec<TokenRow>,
    sessions: Vec<SessionRow>,
    history: Vec<HistoryRow>,
    audit_href: String,
}

struct MemberAct {
    value: &'static str,
    label: &'static str,
    danger: bool,
    obstacle: Option<String>,
}

struct HistoryRow {
    at: Moment,
    what: String,
    who: String,
    door: String,
    reason: String,
    ticket: String,
    refused: bool,
}

/// `GET /control-center/members/{id}`
pub(in crate::http::console) async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    uri: Uri,
) -> Page {
    let user = find(&app, &visitor, &id).await?;
    let directory = &app.directory;
    let (mut tokens, mut ended_tokens) = TokenRow::parted(directory.list_tokens(user.id).await?, app.clock.now());
    tokens.sort_by_key(|token| token.last_used.is_none());
    ended_tokens.truncate(ENDED_TOKENS);
    let filter = Filter { company: Some(user.company), person: Some(user.id), ..Filter::default() };
    let history = directory.list_trail(filter, Direction::Backward(i64::MAX), HISTORY).await?;
    let sessions = directory.list_sessions(user.id).await?;
    let groups = directory.groups_of(user.company, user.id).await?;
    let managed_by = directory.admin_groups(user.company).await?;
    let gives_role = |group: &&Group| group.rights.role == Some(user.role);
    // Not everybody has an address to be found by.
    let person = user.email.to_show().map_or_else(|| user.id.to_string(), str::to_owned);
    let own = visitor.visit.session;
    render(&Member {
        layout: visitor.layout("Member", "members").with_notice(Fields::of_query(&uri).filled("done")),
        id: user.id.to_string(),
        email: words::email(&user.email),
        role: user.role.label(),
        role_from: groups.iter().filter(gives_role).map(GroupLink::new).collect(),
        admin: user.role.is_admin(),
        managed_by: managed_by.iter().map(GroupLink::new).collect(),
        status: user.status.as_str(),
        since: Moment(user.status_since),
        created: Moment(user.created_at),
        has_password: directory.has_password(user.id).await?,
        oneself: visitor.is(user.id),
        acts: acts(&app, &visitor, &user).await?,
        groups: groups.iter().take(GROUPS).map(GroupRow::new).collect(),
        group_count: groups.len(),
        more_groups: groups.len().saturating_sub(GROUPS),
        tokens,
        ended_tokens,
        sessions: sessions.into_iter().map(|session| SessionRow::new(session, own)).collect(),
        history: history.iter().map(history_row).collect(),
        audit_href: address("/control-center/audit", &[("person", person.as_str())]),
        name: user.name,
    })
}

/// `POST /control-center/members/{id}/sessions/{session}/end`
pub(in crate::http::console) async fn end_session(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((id, session)): Path<(String, String)>,
) -> Page {
    let user = find(&app, &visitor, &id).await?;
    app.directory.end_session(&visitor.caller, user.id, session_id(&session)?).await?;
    see(&format!("/control-center/members/{}?done=session-ended", user.id))
}

/// `POST /control-center/members/{id}/tokens/{token}/delete`
pub(in crate::http::console) async fn delete_token(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((id, token)): Path<(String, String)>,
) -> Page {
    let user = find(&app, &visitor, &id).await?;
    let token = app.directory.find_token(user.id, token_id(&token)?).await?;
    app.directory.delete_token(&visitor.caller, token.id).await?;
    see(&format!("/control-center/members/{}?done={}", user.id, deleted(token.kind)))
}

/// The member that a path names.
pub(in crate::http::console) async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<User, Failure> {
    let id = UserId::parse(id).map_err(|_| Failure::NotFound(Unknown::Page))?;
    match app.directory.member(visitor.company()?, id).await.map_err(Failure::from) {
        Err(Failure::Forbidden(Refusal::NoSuchUser)) => Err(Failure::NotFound(Unknown::Page)),
        found => found,
    }
}

async fn acts(app: &App, visitor: &Visitor, user: &User) -> Result<Vec<MemberAct>, Failure> {
    let fitting: Vec<Act> = Act::fitting(user.status).collect();
    let actions = fitting.iter().map(|act| act.action()).collect();
    let obstacles = app.directory.obstacles(&visitor.caller, user, actions).await?;
    let acts = fitting.iter().zip(obstacles).map(|(act, obstacle)| {
        let choice = act.choice();
        let obstacle = obstacle.as_ref().map(words::refused);
        MemberAct { value: choice.value, label: choice.label, danger: choice.danger, obstacle }
    });
    Ok(acts.collect())
}

fn history_row(entry: &TrailEntry) -> HistoryRow {
    HistoryRow {
        at: Moment(entry.at),
        what: words::action(entry),
        who: words::actor(entry),
        door: words::door(entry),
        reason: entry.reason.clone().unwrap_or_default(),
        ticket: entry.ticket.clone().unwrap_or_default(),
        refused: entry.refusal.is_some(),
    }
}
