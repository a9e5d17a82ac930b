//! What this service provider can do (RFC 7644, section 4). No token is needed: it is the same for all.

use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use super::super::app::App;
use super::super::failure::Failure;
use super::super::form::Fields;
use super::super::frame::Circumstances;
use super::BASE;
use super::answer::{Answer, respond};
use super::error::refusal;
use super::list::{DEFAULT_COUNT, LIST_SCHEMA, MOST};
use crate::domain::Unknown;
use crate::model::scim::patch::OPERATIONS;
use crate::model::scim::schema::{ENTERPRISE_USER, GROUP, ResourceKind, Schema, USER, document};

/// The most bytes of a bulk request.
pub(super) const BULK_SIZE: usize = 1024 * 1024;

pub(super) async fn service_provider_config(State(app): State<App>, request: Request) -> Response {
    let answer = without_filter(request.uri(), || {
        let mut config = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": {"supported": true},
            "bulk": {"supported": true, "maxOperations": OPERATIONS, "maxPayloadSize": BULK_SIZE},
            "filter": {"supported": true, "maxResults": MOST},
            "changePassword": {"supported": false},
            "sort": {"supported": true},
            "etag": {"supported": true},
            "pagination": {
                "cursor": true, "index": true, "defaultPaginationMethod": "index",
                "defaultPageSize": DEFAULT_COUNT, "maxPageSize": MOST, "cursorTimeout": 3600,
            },
            "authenticationSchemes": [{
                "type": "oauthbearertoken", "name": "SCIM token", "primary": true,
                "description": "Authorization: Bearer, with a token made by a Mendix Admin or by offboard scim-token create",
                "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            }],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": format!("{}{BASE}/ServiceProviderConfig", app.settings.public_url),
            },
        });
        if let (true, Some(members)) = (app.settings.scim_strict, config.as_object_mut()) {
            members.insert("interopProfileConformant".to_owned(), true.into());
        }
        Answer::document(&config)
    });
    respond(Ok(answer), Circumstances::of(&request).request)
}

const SCHEMAS: [&Schema; 3] = [&USER, &ENTERPRISE_USER, &GROUP];

pub(super) async fn schemas(State(app): State<App>, request: Request) -> Response {
    let answer = without_filter(request.uri(), || all(SCHEMAS.map(|schema| shown(&app, schema)).to_vec()));
    respond(Ok(answer), Circumstances::of(&request).request)
}

pub(super) async fn schema(State(app): State<App>, Path(id): Path<String>, request: Request) -> Response {
    let found = SCHEMAS.into_iter().find(|schema| schema.id.eq_ignore_ascii_case(&id));
    let answer = found.map(|schema| Answer::document(&shown(&app, schema)));
    respond(answer.ok_or(Failure::NotFound(Unknown::Page)), Circumstances::of(&request).request)
}

pub(super) async fn resource_types(State(app): State<App>, request: Request) -> Response {
    let types = || all(ResourceKind::ALL.map(|kind| resource_type_of(&app, kind)).to_vec());
    respond(Ok(without_filter(request.uri(), types)), Circumstances::of(&request).request)
}

pub(super) async fn resource_type(State(app): State<App>, Path(name): Path<String>, request: Request) -> Response {
    let found = ResourceKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(&name));
    let answer = found.map(|kind| Answer::document(&resource_type_of(&app, kind)));
    respond(answer.ok_or(Failure::NotFound(Unknown::Page)), Circumstances::of(&request).request)
}

fn shown(app: &App, schema: &Schema) -> Value {
    let mut document = document(schema);
    if let Some(members) = document.as_object_mut() {
        let location = format!("{}{BASE}/Schemas/{}", app.settings.public_url, schema.id);
        members.insert("meta".to_owned(), json!({"resourceType": "Schema", "location": location}));
    }
    document
}

fn resource_type_of(app: &App, kind: ResourceKind) -> Value {
    let extensions = kind.extensions().iter().map(|schema| json!({"schema": schema.id, "required": false}));
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": kind.name(),
        "name": kind.name(),
        "description": kind.schema().description,
        "endpoint": kind.endpoint(),
        "schema": kind.schema().id,
        "schemaExtensions": extensions.collect::<Vec<_>>(),
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{}{BASE}/ResourceTypes/{}", app.settings.public_url, kind.name()),
        },
    })
}

fn all(documents: Vec<Value>) -> Answer {
    Answer::document(&json!({
        "schemas": [LIST_SCHEMA],
        "totalResults": documents.len(),
        "startIndex": 1,
        "itemsPerPage": documents.len(),
        "Resources": documents,
    }))
}

/// A filter would say that there is something to filter (RFC 7644, section 4).
fn without_filter(uri: &Uri, answer: impl FnOnce() -> Answer) -> Answer {
    if Fields::of_query(uri).filled("filter").is_some() {
        return refusal(StatusCode::FORBIDDEN, "This list takes no filter.");
    }
    answer()
}
