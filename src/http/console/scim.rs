//! The identity provider: its tokens, what it may do, and the guard against its runaway sync.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::Uri;

use super::super::app::App;
use super::super::failure::Failure;
use super::guard::{GuardForm, GuardNotice};
use super::page::{Layout, Page, Visitor, render_form, see};
use super::services::{NEW, SCIM_TOKENS, ServiceRow, Wording, rows};
use super::words;
use crate::domain::companies::Change;
use crate::http::form::Fields;
use crate::model::service::Purpose;

const PATH: &str = "/control-center/scim";

#[derive(Template)]
#[template(path = "console/scim.html")]
struct Scim {
    layout: Layout,
    address: String,
    wording: &'static Wording,
    services: Vec<ServiceRow>,
    name: String,
    authority: bool,
    guard: Option<GuardNotice>,
    guard_form: GuardForm,
    error: Option<String>,
    error_in: &'static str,
}

/// A form of the page that was not taken.
pub(super) struct Rejected<'f> {
    part: &'static str,
    form: &'f Fields,
    error: String,
}

impl<'f> Rejected<'f> {
    /// `part` says which of the forms.
    pub(super) fn new(part: &'static str, form: &'f Fields, error: String) -> Self {
        Self { part, form, error }
    }
}

/// `GET /control-center/scim`
pub(super) async fn show(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    render(&app, &visitor, query.filled("done"), None).await
}

/// `POST /control-center/scim/authority`
pub(super) async fn set_authority(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let change = Change::Authority(form.get("authority") == "true");
    apply(&app, &visitor, &form, "authority", Ok(change)).await
}

/// Where identity providers find us.
pub(super) fn address(app: &App) -> String {
    format!("{}/scim/v2", app.settings.public_url)
}

/// Changes the company by one of the page's forms.
pub(super) async fn apply(
    app: &App,
    visitor: &Visitor,
    form: &Fields,
    part: &'static str,
    change: Result<Change, Failure>,
) -> Page {
    let company = visitor.company()?;
    let outcome = match change {
        Ok(change) => app.directory.change_company(&visitor.caller, company, change).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => see(&format!("{PATH}?done=saved")),
        Err(failure) => {
            let rejected = Rejected::new(part, form, words::beside_form(failure)?);
            render(app, visitor, None, Some(rejected)).await
        }
    }
}

/// The page, after what was done, or with a form that was not taken.
pub(super) async fn render(app: &App, visitor: &Visitor, done: Option<&str>, rejected: Option<Rejected<'_>>) -> Page {
    let company = app.directory.company(visitor.company()?).await?;
    let state = app.directory.guard_state(company.id).await?;
    let typed = |part: &str| rejected.as_ref().filter(|rejected| rejected.part == part).map(|rejected| rejected.form);
    let template = Scim {
        layout: visitor.layout("SCIM", "scim").with_notice(done),
        address: address(app),
        wording: &SCIM_TOKENS,
        services: rows(app, visitor, Purpose::Provisions).await?,
        name: typed(NEW).map(|form| form.get("name").to_owned()).unwrap_or_default(),
        authority: company.provider_is_authority,
        guard: GuardNotice::new(&company.guard, &state, "scim"),
        guard_form: GuardForm::new(&company, &state, typed("guard")),
        error_in: rejected.as_ref().map_or("", |rejected| rejected.part),
        error: rejected.as_ref().map(|rejected| rejected.error.clone()),
    };
    render_form(template.error.is_some(), &template)
}
