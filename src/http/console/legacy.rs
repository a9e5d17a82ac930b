//! Who still calls the deprecated User Management API.

use askama::Template;
use axum::Extension;
use axum::extract::State;

use super::super::app::App;
use super::page::{Layout, Moment, Page, Visitor, render};
use crate::domain::legacy::LegacyCall;

/// How many kinds of calls are shown.
const SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "console/deprecated_api.html")]
struct DeprecatedApi {
    layout: Layout,
    sunset: Option<String>,
    rows: Vec<CallRow>,
    more: usize,
}

struct CallRow {
    href: String,
    email: String,
    key: String,
    call: String,
    calls: u64,
    first: Moment,
    last: Moment,
}

/// `GET /control-center/deprecated-api`
pub(super) async fn show(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Page {
    let calls = app.directory.list_legacy_calls(Some(visitor.company()?)).await?;
    render(&DeprecatedApi {
        layout: visitor.layout("Deprecated API", "deprecated-api"),
        sunset: app.settings.legacy_sunset.clone(),
        more: calls.len().saturating_sub(SHOWN),
        rows: calls.into_iter().take(SHOWN).map(row).collect(),
    })
}

fn row(call: LegacyCall) -> CallRow {
    CallRow {
        href: format!("/control-center/members/{}", call.user),
        email: call.email,
        key: call.key_name,
        call: call.call,
        calls: call.calls,
        first: Moment(call.first_at),
        last: Moment(call.last_at),
    }
}
