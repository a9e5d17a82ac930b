//! API 2, User Identifiers: e-mail addresses in, UUIDs out.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::identifiers_error::Refusals;
pub(in crate::http) use super::identifiers_error::{DIALECT, ErrorFields, Unidentified};
use crate::domain::identifiers::Identifiers;
use crate::http::app::App;
use crate::http::body::{self, Object};
use crate::http::failure::Failure;
use crate::model::Invalid;
use crate::model::actor::Caller;
use crate::model::audit::Action;
use crate::model::email::Email;

/// The addresses whose users are asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    email_addresses: Vec<Object<Address>>,
}

/// The addresses whose users are asked for.
#[derive(ToSchema)]
#[schema(as = UuidQuestion, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what Question reads")]
struct QuestionSchema {
    /// One or more.
    #[schema(min_items = 1)]
    email_addresses: Vec<Address>,
}

/// One address.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EmailAddress)]
struct Address {
    /// As it was written, at most 200 characters.
    #[schema(max_length = 200, example = "lee.leaver@acme.example", format = "email")]
    email_address: String,
}

/// The users that were found, in the order asked, and the addresses that were not.
#[derive(Serialize, ToSchema)]
#[schema(as = UuidAnswer)]
pub(super) struct Answer {
    identifiers: Vec<Identifier>,
    error: NotFound,
}

/// A user that was found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Identifier {
    /// The address as it was asked for.
    #[schema(example = "lee.leaver@acme.example")]
    email_address: String,
    /// The user's UUID.
    #[schema(example = "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11")]
    uuid: String,
}

/// Empty when every address was found.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NotFound {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    /// The addresses that the caller's company does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    email_addresses: Vec<Address>,
}

/// Look up the UUIDs of e-mail addresses
///
/// Finds users of the caller's own company; an address of another company is as unknown as one that nobody has. An
/// address that is asked for twice, in whatever spelling, is answered once.
#[utoipa::path(
    post,
    path = "/v1/uuids",
    operation_id = "look_up_users",
    tag = "User Identifiers API",
    request_body(content = QuestionSchema, content_type = "application/json",
        example = json!({"emailAddresses": [{"emailAddress": "lee.leaver@acme.example"}]})),
    responses(
        (status = 200, description = "The users that were found, and the addresses that were not", body = Answer,
            example = json!({"identifiers": [{"emailAddress": "lee.leaver@acme.example",
                "uuid": "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11"}], "error": {}})),
        Refusals,
    ),
    security(("MxToken" = ["mx:mxid3:user-identifiers:uuid:read"])),
)]
pub(in crate::http) async fn look_up_users(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    match look_up(&app, &caller, request).await {
        Ok(found) => Json(Answer::from(found)).into_response(),
        Err(failure) => DIALECT.answer(&failure, caller.origin.request),
    }
}

/// Look up the UUIDs of e-mail addresses, at the path of the vendor's guide
#[utoipa::path(
    post,
    path = "/api/user-identifiers/v1/uuids",
    operation_id = "look_up_users_by_guide",
    tag = "User Identifiers API",
    request_body(content = QuestionSchema, content_type = "application/json",
        example = json!({"emailAddresses": [{"emailAddress": "lee.leaver@acme.example"}]})),
    responses(
        (status = 200, description = "The users that were found, and the addresses that were not", body = Answer),
        Refusals,
    ),
    security(("MxToken" = ["mx:mxid3:user-identifiers:uuid:read"])),
)]
pub(in crate::http) async fn look_up_users_by_guide(
    state: State<App>,
    caller: Extension<Caller>,
    request: Request,
) -> Response {
    look_up_users(state, caller, request).await
}

/// Look up the UUIDs of e-mail addresses, at the path of the vendor's guide, which says GET
#[utoipa::path(
    get,
    path = "/api/user-identifiers/v1/uuids",
    operation_id = "look_up_users_by_guide_with_get",
    tag = "User Identifiers API",
    request_body(content = QuestionSchema, content_type = "application/json",
        example = json!({"emailAddresses": [{"emailAddress": "lee.leaver@acme.example"}]})),
    responses(
        (status = 200, description = "The users that were found, and the addresses that were not", body = Answer),
        Refusals,
    ),
    security(("MxToken" = ["mx:mxid3:user-identifiers:uuid:read"])),
)]
pub(in crate::http) async fn look_up_users_by_guide_with_get(
    state: State<App>,
    caller: Extension<Caller>,
    request: Request,
) -> Response {
    look_up_users(state, caller, request).await
}

async fn look_up(app: &App, caller: &Caller, request: Request) -> Result<Identifiers, Failure> {
    app.directory.require(caller, Action::LookUpUsers, None).await?;
    let question: Question = body::parse_object(&body::read(app, request.into_body()).await?)?;
    if question.email_addresses.is_empty() {
        return Err(Failure::Invalid("The list of e-mail addresses is empty.".to_owned()));
    }
    let emails = question.email_addresses.into_iter().enumerate().map(|(place, Object(address))| {
        let written = &address.email_address;
        let email = match Email::parse(written) {
            // The answer repeats it as it was written.
            Ok(email) if email.as_str() != written => Err(Invalid::new("white space stands around it")),
            parsed => parsed,
        };
        email.map_err(|invalid| Failure::Invalid(format!("E-mail address {} is not valid: {invalid}.", place + 1)))
    });
    Ok(app.directory.look_up(caller, emails.collect::<Result<_, _>>()?).await?)
}

impl From<Identifiers> for Answer {
    fn from(found: Identifiers) -> Self {
        let address = |email: Email| Address { email_address: email.to_string() };
        let identifiers = found
            .found
            .into_iter()
            .map(|(email, id)| Identifier { email_address: email.to_string(), uuid: id.to_string() })
            .collect();
        let error = if found.unknown.is_empty() {
            NotFound::default()
        } else {
            NotFound {
                message: Some("Some e-mail addresses were not found in your company"),
                email_addresses: found.unknown.into_iter().map(address).collect(),
            }
        };
        Self { identifiers, error }
    }
}
