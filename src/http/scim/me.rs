//! `/Me` (RFC 7644, section 3.11): whoever signed in, as a resource. An identity provider is no user.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::super::admission::count_stranger;
use super::super::app::App;
use super::super::console;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use super::answer::{Answer, respond};
use super::collection::projection;
use super::error::refusal;
use super::resource::{user, user_location, user_version};
use crate::model::actor::Actor;
use crate::model::scim::schema::ResourceKind;

pub(super) async fn show(State(app): State<App>, request: Request) -> Response {
    let circumstances = Circumstances::of(&request);
    let parts = request.into_parts().0;
    respond(find(&app, circumstances, &parts).await, circumstances.request)
}

async fn find(app: &App, circumstances: Circumstances, parts: &Parts) -> Result<Answer, Failure> {
    let Parts { uri, headers, .. } = parts;
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(nobody());
    }
    let visit = match console::signed_in(app, headers).await {
        Some(Ok(Ok(visit))) => visit,
        Some(Ok(Err(refusal))) => {
            return Err(count_stranger(app, circumstances, Failure::RejectedCredential(refusal)).await.0);
        }
        Some(Err(failure)) => return Err(failure),
        None => return Err(count_stranger(app, circumstances, Failure::NoCredential).await.0),
    };
    let Actor::User(identity) = &visit.actor else { return Ok(nobody()) };
    let member = app.directory.person(identity.company, identity.user).await?;
    let projection = projection(ResourceKind::User, uri)?;
    Ok(Answer {
        status: StatusCode::OK,
        location: Some(user_location(app, identity.user)),
        version: Some(user_version(&member)),
        body: Some(user(app, &member, &projection)),
    })
}

/// Who asks is no user, and so no resource (RFC 7644, section 3.11).
fn nobody() -> Answer {
    refusal(StatusCode::NOT_IMPLEMENTED, "Only somebody who signed in is a resource here.")
}
