//! Services that ask whether a credential of the company's people is good.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::Uri;

use super::super::app::App;
use super::super::failure::Failure;
use super::page::{Layout, Moment, Page, Visitor, render, render_form, see};
use super::words;
use crate::domain::Unknown;
use crate::http::form::Fields;
use crate::model::id::ServiceId;
use crate::model::secret::Secret;
use crate::model::service::Service;

#[derive(Template)]
#[template(path = "console/services.html")]
struct Services {
    layout: Layout,
    services: Vec<ServiceRow>,
    name: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/service_secret.html")]
struct ServiceSecret {
    layout: Layout,
    service: ServiceRow,
    secret: String,
    url: String,
    rotated: bool,
}

#[derive(Template)]
#[template(path = "console/service_confirm.html")]
struct ServiceConfirm {
    layout: Layout,
    service: ServiceRow,
    act: &'static str,
    action: String,
}

struct ServiceRow {
    id: String,
    name: String,
    hint: String,
    made: Moment,
}

impl ServiceRow {
    fn new(service: Service) -> Self {
        Self { id: service.id.to_string(), name: service.name, hint: service.hint, made: Moment(service.created_at) }
    }
}

/// `GET /control-center/services`
pub(super) async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, uri: Uri) -> Page {
    let query = Fields::of_query(&uri);
    show(&app, &visitor, query.filled("done"), String::new(), None).await
}

/// `POST /control-center/services`
pub(super) async fn create(State(app): State<App>, Extension(visitor): Extension<Visitor>, request: Request) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let name = form.get("name");
    match app.directory.create_service(&visitor.caller, name, None).await.map_err(Failure::from) {
        Ok((service, secret)) => show_secret(&app, &visitor, service, &secret, false),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            show(&app, &visitor, None, name.to_owned(), Some(error)).await
        }
    }
}

/// `GET /control-center/services/{id}/rotate`
pub(super) async fn confirm_rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, &id, "rotate").await
}

/// `POST /control-center/services/{id}/rotate`
pub(super) async fn rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let (service, secret) = app.directory.rotate_service(&visitor.caller, service_id(&id)?).await?;
    show_secret(&app, &visitor, service, &secret, true)
}

/// `GET /control-center/services/{id}/delete`
pub(super) async fn confirm_delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, &id, "delete").await
}

/// `POST /control-center/services/{id}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    app.directory.delete_service(&visitor.caller, service_id(&id)?).await?;
    see("/control-center/services?done=service-deleted")
}

/// A service's identifier in a path.
fn service_id(text: &str) -> Result<ServiceId, Failure> {
    ServiceId::parse(text).map_err(|_| Failure::NotFound(Unknown::Page))
}

async fn show(app: &App, visitor: &Visitor, done: Option<&str>, name: String, error: Option<String>) -> Page {
    let services = app.directory.list_services(&visitor.caller).await?;
    let template = Services {
        layout: visitor.layout("Services", "services").with_notice(done),
        services: services.into_iter().map(ServiceRow::new).collect(),
        name,
        error,
    };
    render_form(template.error.is_some(), &template)
}

async fn confirm(app: &App, visitor: &Visitor, id: &str, act: &'static str) -> Page {
    let id = service_id(id)?;
    let services = app.directory.list_services(&visitor.caller).await?;
    let found = services.into_iter().find(|service| service.id == id);
    let service = found.ok_or_else(|| Failure::NotFound(Unknown::Service(id.to_string())))?;
    let title = if act == "rotate" { "Rotate service" } else { "Delete service" };
    let action = format!("/control-center/services/{id}/{act}");
    let layout = visitor.layout(title, "services");
    render(&ServiceConfirm { layout, service: ServiceRow::new(service), act, action })
}

fn show_secret(app: &App, visitor: &Visitor, service: Service, secret: &Secret, rotated: bool) -> Page {
    render(&ServiceSecret {
        layout: visitor.layout("Your service's secret", "services"),
        service: ServiceRow::new(service),
        secret: secret.reveal().to_owned(),
        url: app.settings.public_url.clone(),
        rotated,
    })
}
