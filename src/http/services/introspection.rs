//! `POST /oauth2/introspect`: token introspection (RFC 7662).

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::admission::{Refused, caught, with_limit, with_view_age};
use super::super::app::App;
use super::super::body::{self, Arriving};
use super::super::failure::{self, Failure};
use super::super::frame::Circumstances;
use super::client::{self, Claim};
use crate::access::{Admitted, Moment, Use};
use crate::model::actor::{Actor, Identity};
use crate::model::scope::Scopes;
use crate::model::secret::{Kind, Secret};
use crate::model::service::Service;

/// The most bytes of a question: who asks is not known yet when it is read.
const QUESTION: usize = 8 * 1024;

/// What a service learns of a good credential (RFC 7662, section 2.2); of any other, only that it is not active.
#[derive(Serialize, ToSchema)]
struct Introspection<'a> {
    /// Whether the credential is good at this instant; where it is not, this stands alone
    active: bool,
    /// What it may be used for, with spaces between
    #[schema(example = "mx:user-deactivation:write")]
    #[schema(value_type = String)]
    scope: Scopes,
    /// The person's e-mail address
    #[schema(example = "ada.admin@acme.example")]
    username: &'a str,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// When it ends, in seconds since 1970; left out when never
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was made, in seconds since 1970
    iat: i64,
    /// The person's UUID
    #[schema(example = "5a3e1d50-7c0b-4a5e-8c53-0d0f4b8f2f10")]
    #[schema(value_type = String)]
    sub: Uuid,
    /// This server
    iss: &'a str,
    /// The credential's UUID
    #[schema(example = "0d0f4b8f-7c0b-4a5e-8c53-5a3e1d502f10")]
    #[schema(value_type = String)]
    jti: Uuid,
    /// What the person is called
    #[schema(example = "Ada Admin")]
    name: &'a str,
    /// The person's company
    #[schema(example = "c0a8f2a4-93d5-4d6e-a1f1-2b7f0b1a9c33")]
    #[schema(value_type = String)]
    company_uuid: Uuid,
    /// What the person may do
    #[schema(example = "mendix_admin")]
    role: &'static str,
    /// What was shown: `pat`, `session` or `api_key`
    #[schema(example = "pat")]
    credential: &'static str,
}

/// Why a service got no answer (RFC 6749, section 5.2).
#[derive(Serialize, ToSchema)]
struct OauthError {
    #[schema(example = "invalid_client")]
    error: &'static str,
    #[schema(example = "Show the client id and the secret of a registered service by HTTP Basic.")]
    error_description: &'static str,
}

/// The form that a service sends.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read by hand")]
pub(super) struct Question {
    /// A personal access token, or a session's secret
    #[schema(example = "obp_…")]
    token: String,
    /// A hint, which is not needed
    token_type_hint: Option<String>,
}

/// Tell a service whether a credential is good at this instant
///
/// The service shows its client id and secret by HTTP Basic. Of a credential that is not good, or not of its company's
/// people, it learns nothing but `{"active":false}`. The answer is the state of this instant on every node: whoever keeps
/// it, keeps what may be over; see `/api/v1/revocations`.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    operation_id = "introspect",
    tag = "Services",
    request_body(content = Question, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether it is good", body = Introspection),
        (status = 400, description = "No token, or more than one", body = OauthError),
        (status = 401, description = "No registered service", body = OauthError),
        (status = 408, description = "The body did not arrive in time", body = OauthError),
        (status = 413, description = "The body is larger than 8 KiB", body = OauthError),
        (status = 429, description = "Too many wrong secrets from this address", body = OauthError),
        (status = 500, description = "Our fault", body = OauthError),
        (status = 503, description = "It can't be known at this instant: treat the credential as not good", body = OauthError),
    ),
    security(("Service" = [])),
)]
pub(super) async fn introspect(State(app): State<App>, request: Request) -> Response {
    let circumstances = Circumstances::of(&request);
    let (parts, body) = request.into_parts();
    answer(&app, circumstances, &parts.headers, body).await
}

/// Answers a service.
pub(in crate::http) async fn answer(
    app: &App,
    circumstances: Circumstances,
    headers: &HeaderMap,
    body: impl Arriving,
) -> Response {
    let answered = async {
        let outcome = ask(app, circumstances, headers, body).await;
        outcome.unwrap_or_else(|(failure, decision)| with_limit(render(&failure), decision))
    };
    caught(answered, render).await
}

async fn ask(
    app: &App,
    circumstances: Circumstances,
    headers: &HeaderMap,
    body: impl Arriving,
) -> Result<Response, Refused> {
    let claim = Claim::of(app, circumstances, headers).await?;
    // Before the service is looked at, so that it and the token are judged at one moment; what came is told afterwards.
    let question = body::read_up_to(app, body, QUESTION).await;
    let (service, moment) = claim.prove(app, circumstances).await?;
    // Of a service that is known: no limit counts it.
    let uncounted = |failure| (failure, None);
    judge(app, &service, moment, &question.map_err(uncounted)?).await.map_err(uncounted)
}

async fn judge(app: &App, service: &Service, moment: Moment, question: &[u8]) -> Result<Response, Failure> {
    let mut tokens = form_urlencoded::parse(question).filter(|(name, _)| name == "token");
    let (Some((_, token)), None) = (tokens.next().filter(|(_, token)| !token.is_empty()), tokens.next()) else {
        return Err(Failure::Invalid("one token".to_owned()));
    };
    let Some(secret) = Secret::parse_any(&[Kind::Token, Kind::Session, Kind::ApiKey], &token) else {
        return Ok(inactive());
    };
    let Ok(admitted) = app.gate.authenticate_at(moment, &secret, Use::Counts).await? else { return Ok(inactive()) };
    Ok(match &admitted.actor {
        Actor::User(identity) if service.may_ask_about(identity.company) => {
            with_view_age(Json(about(app, &admitted, identity)).into_response(), admitted.view_age)
        }
        Actor::User(_) | Actor::Operator | Actor::BreakGlass(_) | Actor::Provisioner(_) => inactive(),
    })
}

fn about<'a>(app: &'a App, admitted: &Admitted, identity: &'a Identity) -> Introspection<'a> {
    Introspection {
        active: true,
        scope: identity.scopes,
        username: &identity.email,
        token_type: "Bearer",
        exp: admitted.expires_at.map(|at| at.0.div_euclid(1_000_000)),
        iat: admitted.issued_at.0.div_euclid(1_000_000),
        sub: identity.user.0,
        iss: &app.settings.public_url,
        jti: admitted.credential.id(),
        name: &identity.name,
        company_uuid: identity.company.0,
        role: identity.role.as_str(),
        credential: admitted.credential.kind(),
    }
}

fn inactive() -> Response {
    const INACTIVE: &str = r#"{"active":false}"#;
    ([(header::CONTENT_TYPE, "application/json")], INACTIVE).into_response()
}

/// A failure in the words of OAuth.
pub(super) fn render(failure: &Failure) -> Response {
    let (status, error, error_description) = match failure {
        Failure::NoCredential | Failure::MalformedCredential | Failure::RejectedCredential(_) => (
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Show the client id and the secret of a registered service by HTTP Basic.",
        ),
        Failure::Forbidden(_) | Failure::CrossSite => (StatusCode::FORBIDDEN, "access_denied", "This service may not."),
        Failure::NotFound(_) => (StatusCode::NOT_FOUND, "invalid_request", "There is no such thing."),
        Failure::Exists(_) => (StatusCode::CONFLICT, "invalid_request", "It exists already."),
        Failure::Invalid(_) | Failure::Fault(_) => (
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Send a form (application/x-www-form-urlencoded) with one token.",
        ),
        Failure::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "Use POST."),
        Failure::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "The body is larger than 8 KiB."),
        Failure::TooSlow => (StatusCode::REQUEST_TIMEOUT, "invalid_request", "The body did not arrive in time."),
        Failure::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "temporarily_unavailable",
            "Too many wrong secrets from this address; Retry-After says when to try again.",
        ),
        Failure::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "It can't be known at this instant. Treat the credential as not good, and ask again.",
        ),
        Failure::Internal(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Something went wrong on our side.")
        }
    };
    let mut response = (status, Json(OauthError { error, error_description })).into_response();
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, client::CHALLENGE);
    }
    if let Some((name, value)) = failure::response_header(failure) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    failure.mark(&mut response);
    response
}
