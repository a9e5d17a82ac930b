//! `/verify`: a gateway asks, for each request that it holds, whether the credential in it is good: `auth_request` of nginx,
//! `forward_auth` of Caddy, `ForwardAuth` of Traefik, `ext_authz` of Envoy. `docs/gateways.md` shows each.
//!
//! The answer is 200, 401 or 403, whatever happens: gateways take anything else for a fault of their own, or for a yes.

use std::borrow::Cow;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::super::admission::{self, caught, count_stranger, take_turn, with_view_age};
use super::super::app::App;
use super::super::cookie;
use super::super::failure::Failure;
use super::super::form::Fields;
use super::super::frame::Circumstances;
use crate::access::{Admitted, Use};
use crate::domain::Refusal;
use crate::model::actor::{Actor, Identity};
use crate::model::secret::Secret;

/// Which scopes are needed, with spaces between; beside those of the query.
const REQUIRED_SCOPE: HeaderName = HeaderName::from_static("offboard-required-scope");
/// Why the answer is 403, in a word.
const REASON: HeaderName = HeaderName::from_static("offboard-reason");

/// Tell a gateway whether the credential of the request that it holds is good at this instant
///
/// The gateway passes on `Authorization: Bearer` (or `MxToken`) with a personal access token, or the console's cookie; both
/// at once are refused. The scopes in `scope`, and in the header `Offboard-Required-Scope`, are all needed. On 200 the
/// answer's headers say who it is; the gateway is to copy them over whatever the client sent under these names.
#[utoipa::path(
    get,
    path = "/verify",
    operation_id = "verify",
    tag = "Services",
    params(("scope" = Option<String>, Query, description = "The scopes that are needed, with spaces between")),
    responses(
        (status = 200, description = "It is good", headers(
            ("Remote-User", description = "The person's e-mail address; so are Remote-Email and X-Auth-Request-Email"),
            ("Remote-Name", description = "What the person is called"),
            ("Remote-Groups", description = "Empty"),
            ("X-Auth-Request-User", description = "The person's UUID; so is Offboard-User"),
            ("Offboard-Company", description = "The company's UUID"),
            ("Offboard-Role", description = "What the person may do"),
            ("Offboard-Scopes", description = "What the credential may be used for, with spaces between"),
            ("Offboard-Credential", description = "`pat` or `session`"),
        )),
        (status = 401, description = "No credential, or none that is good"),
        (status = 403, description = "A scope is missing, or nothing can be known at this instant: `Offboard-Reason` says which"),
    ),
    security(("MxToken" = []), ("Session" = [])),
)]
pub(super) async fn verify(State(app): State<App>, request: Request) -> Response {
    let (circumstances, parts) = (Circumstances::of(&request), request.into_parts().0);
    answer(&app, circumstances, Some(&parts.uri), &parts.headers).await
}

/// The query is the client's here, and asks for nothing.
pub(super) async fn verify_original(State(app): State<App>, request: Request) -> Response {
    let (circumstances, parts) = (Circumstances::of(&request), request.into_parts().0);
    answer(&app, circumstances, None, &parts.headers).await
}

/// Answers a gateway; an address is that of its own question.
pub(in crate::http) async fn answer(
    app: &App,
    circumstances: Circumstances,
    uri: Option<&Uri>,
    headers: &HeaderMap,
) -> Response {
    let answered = async {
        let query = uri.map(Fields::of_query).unwrap_or_default();
        let mut required: Vec<_> = query.all("scope").map(Cow::Borrowed).collect();
        required.extend(headers.get_all(REQUIRED_SCOPE).iter().map(|value| String::from_utf8_lossy(value.as_bytes())));
        match judge(app, circumstances, headers, &required).await {
            Ok(response) => response,
            Err(failure) => Box::pin(refuse(app, circumstances, failure)).await,
        }
    };
    caught(answered, render).await
}

async fn judge(
    app: &App,
    circumstances: Circumstances,
    headers: &HeaderMap,
    required: &[Cow<'_, str>],
) -> Result<Response, Failure> {
    let secret = presented(app, headers)?;
    let turn = take_turn(app, circumstances).await;
    let authenticated = app.gate.authenticate(&secret, Use::Counts).await;
    drop(turn);
    let admitted = authenticated?.map_err(Failure::RejectedCredential)?;
    let Actor::User(identity) = &admitted.actor else { return Err(Failure::Forbidden(Refusal::NotOwner)) };
    let held = identity.scopes.names();
    let is_held = |scope: &str| held.contains(&scope);
    if !required.iter().flat_map(|scopes| scopes.split(' ')).filter(|scope| !scope.is_empty()).all(is_held) {
        return Ok(insufficient_scope());
    }
    Ok(with_view_age(welcome(&admitted, identity, &held), admitted.view_age))
}

/// The one credential that a request shows.
fn presented(app: &App, headers: &HeaderMap) -> Result<Secret, Failure> {
    match (admission::token(headers, &["Bearer", "MxToken"]), cookie::is_shown(app, headers)) {
        (Err(Failure::NoCredential), true) => cookie::read(app, headers).ok_or(Failure::MalformedCredential),
        (_, true) => Err(Failure::MalformedCredential),
        (token, false) => token,
    }
}

/// Who it is. Every name is set each time, so that none that the client sent gets by.
fn welcome(admitted: &Admitted, identity: &Identity, scopes: &[&str]) -> Response {
    let (user, company) = (identity.user.to_string(), identity.company.to_string());
    let said = [
        ("remote-user", identity.email.as_str()),
        ("remote-email", &identity.email),
        ("remote-name", &identity.name),
        ("remote-groups", ""),
        ("x-auth-request-user", &user),
        ("x-auth-request-email", &identity.email),
        ("x-auth-request-groups", ""),
        ("offboard-user", &user),
        ("offboard-company", &company),
        ("offboard-role", identity.role.as_str()),
        ("offboard-scopes", &scopes.join(" ")),
        ("offboard-credential", admitted.credential.kind()),
    ];
    let mut response = StatusCode::OK.into_response();
    for (name, text) in said {
        // UTF-8, as gateways pass it on; what no header can hold is left empty.
        let value = HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response
}

fn insufficient_scope() -> Response {
    let challenge = HeaderValue::from_static("Bearer realm=\"offboard\", error=\"insufficient_scope\"");
    let reason = HeaderValue::from_static("insufficient_scope");
    (StatusCode::FORBIDDEN, [(header::WWW_AUTHENTICATE, challenge), (REASON, reason)]).into_response()
}

/// Who guesses is counted, so that he waits his turn; the gateway gets its answer all the same.
async fn refuse(app: &App, circumstances: Circumstances, failure: Failure) -> Response {
    if matches!(failure, Failure::MalformedCredential | Failure::RejectedCredential(_)) {
        let _ = count_stranger(app, circumstances, failure.clone()).await;
    }
    render(&failure)
}

/// 401 for what a credential could mend, 403 for the rest.
fn render(failure: &Failure) -> Response {
    const CHALLENGE: &str = "Bearer realm=\"offboard\"";
    const WRONG: &str = "Bearer realm=\"offboard\", error=\"invalid_token\"";
    let challenge =
        |text| (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, HeaderValue::from_static(text))]).into_response();
    let forbidden = |reason| (StatusCode::FORBIDDEN, [(REASON, HeaderValue::from_static(reason))]).into_response();
    let mut response = match failure {
        Failure::NoCredential => challenge(CHALLENGE),
        Failure::MalformedCredential | Failure::RejectedCredential(_) => challenge(WRONG),
        Failure::Unavailable(_) => forbidden("unavailable"),
        Failure::Forbidden(_) => forbidden("not_allowed"),
        Failure::NotFound(_)
        | Failure::Exists(_)
        | Failure::Invalid(_)
        | Failure::Fault(_)
        | Failure::CrossSite
        | Failure::MethodNotAllowed
        | Failure::TooLarge
        | Failure::TooSlow
        | Failure::RateLimited
        | Failure::Internal(_) => forbidden("internal"),
    };
    failure.mark(&mut response);
    response
}
