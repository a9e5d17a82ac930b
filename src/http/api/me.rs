//! `GET /api/v1/me`: whom a credential speaks for.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::{DIALECT, Refusals};
use crate::domain::Refusal;
use crate::http::admission;
use crate::http::app::App;
use crate::http::failure::Failure;
use crate::http::frame::Circumstances;
use crate::model::actor::{Actor, Caller, Identity};

/// A person and what the shown credential may be used for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Me<'a> {
    #[schema(value_type = String, example = "5a3e1d50-7c0b-4a5e-8c53-0d0f4b8f2f10")]
    uuid: Uuid,
    #[schema(example = "ada.admin@acme.example")]
    email_address: &'a str,
    #[schema(example = "Ada Admin")]
    name: &'a str,
    #[schema(value_type = String, example = "c0a8f2a4-93d5-4d6e-a1f1-2b7f0b1a9c33")]
    company_uuid: Uuid,
    /// Whether the person is a Mendix Admin.
    #[schema(example = true)]
    admin: bool,
    #[schema(example = "active")]
    status: &'static str,
    #[schema(example = json!(["mx:user-deactivation:write"]))]
    scopes: Vec<&'static str>,
}

/// Tell whom this token or session speaks for
///
/// Any valid token may ask, and whoever has signed in to the console; `scopes` are then all that the role allows.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    operation_id = "get_me",
    tag = "Offboard API",
    responses((status = 200, description = "The token's owner and scopes", body = Me), Refusals),
    security(("MxToken" = []), ("Session" = [])),
)]
pub(in crate::http) async fn get_me(State(app): State<App>, request: Request) -> Response {
    let (circumstances, parts) = (Circumstances::of(&request), request.into_parts().0);
    answer(&app, circumstances, &parts.method, &parts.headers).await
}

/// Answers whoever shows a credential in these headers.
pub(in crate::http) async fn answer(
    app: &App,
    circumstances: Circumstances,
    method: &Method,
    headers: &HeaderMap,
) -> Response {
    let answered = async {
        let admitted = admission::admitted(app, DIALECT, circumstances, method, headers).await;
        admission::respond(DIALECT, circumstances, admitted, async |caller| about(&caller)).await
    };
    admission::caught(answered, |failure| DIALECT.answer(failure, circumstances.request)).await
}

fn about(caller: &Caller) -> Response {
    match &caller.actor {
        Actor::User(identity) => Json(Me::from(&**identity)).into_response(),
        // Who runs the host is nobody on the platform.
        Actor::Operator | Actor::BreakGlass(_) | Actor::Provisioner(_) => {
            DIALECT.answer(&Failure::Forbidden(Refusal::NotOwner), caller.origin.request)
        }
    }
}

impl<'a> From<&'a Identity> for Me<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            uuid: identity.user.0,
            email_address: &identity.email,
            name: &identity.name,
            company_uuid: identity.company.0,
            admin: identity.role.is_admin(),
            status: identity.status.as_str(),
            scopes: identity.scopes.names(),
        }
    }
}
