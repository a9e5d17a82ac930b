//! What holds for all members of a company.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::Uri;

use super::super::app::App;
use super::super::failure::Failure;
use super::page::{Layout, Page, Visitor, render_form, see};
use super::words;
use crate::domain::companies::Change;
use crate::http::form::Fields;
use crate::model::company::Domain;

#[derive(Template)]
#[template(path = "console/company.html")]
struct Company {
    layout: Layout,
    name: String,
    domains: Vec<String>,
    days: String,
    error: Option<String>,
    error_in: &'static str,
}

/// `GET /control-center/company`
pub(super) async fn show(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    render(&app, &visitor, query.filled("done"), None).await
}

/// `POST /control-center/company`
pub(super) async fn rename(State(app): State<App>, Extension(visitor): Extension<Visitor>, request: Request) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let change = Change::name(form.get("name")).map_err(Failure::from);
    apply(&app, &visitor, change, "name").await
}

/// `POST /control-center/company/domains`
pub(super) async fn add_domain(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let change = Domain::parse(form.get("domain")).map(Change::AddDomain).map_err(Failure::from);
    apply(&app, &visitor, change, "domain").await
}

/// `POST /control-center/company/domains/remove`
pub(super) async fn remove_domain(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let change = Domain::parse(form.get("domain")).map(Change::RemoveDomain).map_err(Failure::from);
    apply(&app, &visitor, change, "domain").await
}

/// `POST /control-center/company/policy`
pub(super) async fn set_policy(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    // What is no number is out of range, as 0 is.
    let days = form.filled("days").map(|text| text.parse().unwrap_or(0));
    apply(&app, &visitor, Change::token_days(days).map_err(Failure::from), "policy").await
}

async fn apply(app: &App, visitor: &Visitor, change: Result<Change, Failure>, part: &'static str) -> Page {
    let company = visitor.company()?;
    let outcome = match change {
        Ok(change) => app.directory.change_company(&visitor.caller, company, change).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => see("/control-center/company?done=saved"),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            render(app, visitor, None, Some((part, error))).await
        }
    }
}

async fn render(app: &App, visitor: &Visitor, done: Option<&str>, rejected: Option<(&'static str, String)>) -> Page {
    let company = app.directory.company(visitor.company()?).await?;
    let (error_in, error) = rejected.map_or(("", None), |(part, error)| (part, Some(error)));
    let template = Company {
        layout: visitor.layout("Company", "company").with_notice(done),
        name: company.name,
        domains: company.domains.iter().map(|domain| domain.as_str().to_owned()).collect(),
        days: company.token_days.map(|days| days.to_string()).unwrap_or_default(),
        error,
        error_in,
    };
    render_form(template.error.is_some(), &template)
}
