//! Services that speak for themselves: those that ask whether a credential of the company's people is good, and the
//! tokens of identity providers. Their pages differ in words and addresses alone.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::Uri;

use super::super::app::App;
use super::super::failure::Failure;
use super::page::{Layout, Moment, Page, Visitor, render, render_form, see};
use super::scim::{self, Rejected};
use super::words;
use crate::domain::Unknown;
use crate::http::form::Fields;
use crate::model::id::ServiceId;
use crate::model::secret::Secret;
use crate::model::service::{Purpose, Service};

/// What pages say of services of one purpose, and where they are.
pub(super) struct Wording {
    /// The page with the list.
    pub(super) list: &'static str,
    /// What stands before a service's identifier in an address, and takes the form for a new one.
    pub(super) path: &'static str,
    /// Their place in the navigation.
    here: &'static str,
    /// What the page with the list is called.
    pub(super) title: &'static str,
    /// What one of them is called.
    pub(super) noun: &'static str,
    /// What a new one may be called.
    pub(super) example: &'static str,
    /// Whether they provision; else they check.
    pub(super) provisions: bool,
    titles: Titles,
    /// What was done when one was deleted.
    deleted: &'static str,
}

/// The titles of the pages about one of them.
struct Titles {
    secret: &'static str,
    rotate: &'static str,
    delete: &'static str,
}

static SERVICES: Wording = Wording {
    list: "/control-center/services",
    path: "/control-center/services",
    here: "services",
    title: "Services",
    noun: "service",
    example: "What asks, such as “gateway” or “build server”.",
    provisions: false,
    titles: Titles { secret: "Your service's secret", rotate: "Rotate service", delete: "Delete service" },
    deleted: "service-deleted",
};

/// The words for the tokens of identity providers.
pub(super) static SCIM_TOKENS: Wording = Wording {
    list: "/control-center/scim",
    path: "/control-center/scim/tokens",
    here: "scim",
    title: "SCIM",
    noun: "SCIM token",
    example: "Who shows it, such as “Okta” or “Entra”.",
    provisions: true,
    titles: Titles { secret: "Your SCIM token", rotate: "Rotate SCIM token", delete: "Delete SCIM token" },
    deleted: "scim-token-deleted",
};

/// Names the form for a new one, where a page has several.
pub(super) const NEW: &str = "new";

fn wording(purpose: Purpose) -> &'static Wording {
    match purpose {
        Purpose::Checks => &SERVICES,
        Purpose::Provisions => &SCIM_TOKENS,
    }
}

#[derive(Template)]
#[template(path = "console/services.html")]
struct Services {
    layout: Layout,
    wording: &'static Wording,
    services: Vec<ServiceRow>,
    name: String,
    error: Option<String>,
    error_in: &'static str,
}

#[derive(Template)]
#[template(path = "console/service_secret.html")]
struct ServiceSecret {
    layout: Layout,
    wording: &'static Wording,
    service: ServiceRow,
    secret: String,
    url: String,
    scim_address: String,
    rotated: bool,
}

#[derive(Template)]
#[template(path = "console/service_confirm.html")]
struct ServiceConfirm {
    layout: Layout,
    wording: &'static Wording,
    service: ServiceRow,
    act: &'static str,
    action: String,
}

/// A service in a list.
pub(super) struct ServiceRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) hint: String,
    pub(super) made: Moment,
}

impl ServiceRow {
    fn new(service: Service) -> Self {
        Self { id: service.id.to_string(), name: service.name, hint: service.hint, made: Moment(service.created_at) }
    }
}

/// All of the company's of one purpose.
pub(super) async fn rows(app: &App, visitor: &Visitor, purpose: Purpose) -> Result<Vec<ServiceRow>, Failure> {
    let services = app.directory.list_services(&visitor.caller, purpose).await?;
    Ok(services.into_iter().map(ServiceRow::new).collect())
}

/// `GET /control-center/services`
pub(super) async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    show(&app, &visitor, query.filled("done"), String::new(), None).await
}

/// `POST /control-center/services`
pub(super) async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(purpose): Extension<Purpose>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let name = form.get("name");
    let made = app.directory.create_service(&visitor.caller, name, None, purpose).await;
    let error = match made.map_err(Failure::from) {
        Ok((service, secret)) => return show_secret(&app, &visitor, service, &secret, false),
        Err(failure) => words::beside_form(failure)?,
    };
    match purpose {
        Purpose::Checks => show(&app, &visitor, None, name.to_owned(), Some(error)).await,
        Purpose::Provisions => scim::render(&app, &visitor, None, Some(Rejected::new(NEW, &form, error))).await,
    }
}

/// `GET /control-center/services/{id}/rotate`
pub(super) async fn confirm_rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(purpose): Extension<Purpose>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, purpose, &id, "rotate").await
}

/// `POST /control-center/services/{id}/rotate`
pub(super) async fn rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(purpose): Extension<Purpose>,
    Path(id): Path<String>,
) -> Page {
    let found = find(&app, &visitor, purpose, &id).await?;
    let (service, secret) = app.directory.rotate_service(&visitor.caller, found.id).await?;
    show_secret(&app, &visitor, service, &secret, true)
}

/// `GET /control-center/services/{id}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(purpose): Extension<Purpose>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, purpose, &id, "delete").await
}

/// `POST /control-center/services/{id}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(purpose): Extension<Purpose>,
    Path(id): Path<String>,
) -> Page {
    let found = find(&app, &visitor, purpose, &id).await?;
    app.directory.delete_service(&visitor.caller, found.id).await?;
    let Wording { list, deleted, .. } = wording(purpose);
    see(&format!("{list}?done={deleted}"))
}

/// The service of this purpose that a path names.
async fn find(app: &App, visitor: &Visitor, purpose: Purpose, id: &str) -> Result<Service, Failure> {
    let id = ServiceId::parse(id).map_err(|_| Failure::NotFound(Unknown::Page))?;
    let services = app.directory.list_services(&visitor.caller, purpose).await?;
    let found = services.into_iter().find(|service| service.id == id);
    found.ok_or_else(|| Failure::NotFound(Unknown::Service(id.to_string())))
}

async fn show(app: &App, visitor: &Visitor, done: Option<&str>, name: String, error: Option<String>) -> Page {
    let template = Services {
        layout: visitor.layout(SERVICES.title, SERVICES.here).with_notice(done),
        wording: &SERVICES,
        services: rows(app, visitor, Purpose::Checks).await?,
        name,
        error,
        error_in: NEW,
    };
    render_form(template.error.is_some(), &template)
}

async fn confirm(app: &App, visitor: &Visitor, purpose: Purpose, id: &str, act: &'static str) -> Page {
    let service = find(app, visitor, purpose, id).await?;
    let wording = wording(purpose);
    let title = if act == "rotate" { wording.titles.rotate } else { wording.titles.delete };
    let action = format!("{}/{}/{act}", wording.path, service.id);
    let layout = visitor.layout(title, wording.here);
    render(&ServiceConfirm { layout, wording, service: ServiceRow::new(service), act, action })
}

fn show_secret(app: &App, visitor: &Visitor, service: Service, secret: &Secret, rotated: bool) -> Page {
    let wording = wording(service.purpose);
    render(&ServiceSecret {
        layout: visitor.layout(wording.titles.secret, wording.here),
        wording,
        service: ServiceRow::new(service),
        secret: secret.reveal().to_owned(),
        url: app.settings.public_url.clone(),
        scim_address: scim::address(app),
        rotated,
    })
}
