//! The own sessions.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::Uri;

use crate::domain::Unknown;
use crate::http::app::App;
use crate::http::console::page::{Layout, Moment, Page, Visitor, render, see};
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::id::SessionId;
use crate::model::session::Session;

#[derive(Template)]
#[template(path = "console/sessions.html")]
struct Sessions {
    layout: Layout,
    sessions: Vec<SessionRow>,
    others: bool,
}

/// A live session in a list.
pub(in crate::http::console) struct SessionRow {
    pub(in crate::http::console) id: String,
    pub(in crate::http::console) device: String,
    pub(in crate::http::console) address: String,
    pub(in crate::http::console) opened: &'static str,
    pub(in crate::http::console) created: Moment,
    pub(in crate::http::console) last_seen: Moment,
    pub(in crate::http::console) expires: Moment,
    pub(in crate::http::console) current: bool,
}

impl SessionRow {
    /// `own` is the one that the viewer shows.
    pub(in crate::http::console) fn new(session: Session, own: SessionId) -> Self {
        Self {
            current: session.id == own,
            id: session.id.to_string(),
            device: session.device,
            address: session.address.unwrap_or_default(),
            opened: session.opened_by.as_str(),
            created: Moment(session.created_at),
            last_seen: Moment(session.last_seen_at),
            expires: Moment(session.expires_at),
        }
    }
}

/// `GET /settings/sessions`
pub(in crate::http::console) async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    uri: Uri,
) -> Page {
    let own = visitor.visit.session;
    let sessions = app.directory.list_sessions(visitor.identity()?.user).await?;
    let others = sessions.iter().any(|session| session.id != own);
    let layout = visitor.layout("Sessions", "sessions").with_notice(Fields::of_query(&uri).filled("done"));
    let sessions = sessions.into_iter().map(|session| SessionRow::new(session, own)).collect();
    render(&Sessions { layout, sessions, others })
}

/// `POST /settings/sessions/{id}/end`
pub(in crate::http::console) async fn end(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let user = visitor.identity()?.user;
    app.directory.end_session(&visitor.caller, user, session_id(&id)?).await?;
    see("/settings/sessions?done=session-ended")
}

/// `POST /settings/sessions/end-others`
pub(in crate::http::console) async fn end_others(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Page {
    visitor.identity()?;
    app.directory.end_other_sessions(&visitor.caller).await?;
    see("/settings/sessions?done=sessions-ended")
}

/// A session's identifier in a path.
pub(in crate::http::console) fn session_id(text: &str) -> Result<SessionId, Failure> {
    SessionId::parse(text).map_err(|_| Failure::NotFound(Unknown::Page))
}
