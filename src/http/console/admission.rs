//! Who may see a page: the session in the cookie, the limit, and the visitor that a handler then knows.

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::FutureExt;
use tower_http::csrf::ProtectionError;

use super::super::admission::with_view_age;
use super::super::app::App;
use super::super::body;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use super::super::limit::Key;
use super::page::{self, Visitor};
use crate::access::{Refusal, Use, Visit};
use crate::domain::Unknown;
use crate::http::{cookie, form};
use crate::model::actor::{Caller, Credential, Door, Origin};
use crate::model::audit::Action;
use crate::model::id::RequestId;
use crate::model::secret::Secret;

/// The layer around every page that needs a session. Sends who has none to sign in.
pub(super) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let circumstances = Circumstances::of(&request);
    // A form counts as begun when it is there: who sends one slowly is looked at afterwards, as he is then.
    let mut request = match arrived(&app, request).await {
        Ok(request) => request,
        Err(failure) => return page::problem(&app, None, &failure, circumstances.request),
    };
    let visitor = match visitor(&app, circumstances, request.headers(), counts(request.headers())).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => {
            let key = Key::address(circumstances.address);
            let refused = over_limit(&app, key, "address", None, circumstances).await;
            return refused.unwrap_or_else(|| to_sign_in(&app, &request));
        }
        Err(failure) => return page::problem(&app, None, &failure, circumstances.request),
    };
    let key = Key::Credential(Credential::Session(visitor.visit.session));
    if let Some(refused) = over_limit(&app, key, "credential", Some(&visitor), circumstances).await {
        return refused;
    }
    request.extensions_mut().insert(visitor.clone());
    with_view_age(run(&app, Some(&visitor), circumstances, request, next).await, visitor.visit.view_age)
}

async fn arrived(app: &App, request: Request) -> Result<Request, Failure> {
    if request.method().is_safe() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = body::read(app, body).await?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The layer around the Control Center, within [`admit`].
pub(super) async fn admins_only(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return Failure::Internal("a page without a visitor".to_owned()).into_response();
    };
    match app.directory.require(&visitor.caller, Action::ReadMembers, None).await {
        Ok(()) => next.run(request).await,
        Err(error) => Failure::from(error).into_response(),
    }
}

/// The layer around pages that need no session: strangers are counted by address.
pub(super) async fn guests(State(app): State<App>, request: Request, next: Next) -> Response {
    let circumstances = Circumstances::of(&request);
    match over_limit(&app, Key::address(circumstances.address), "address", None, circumstances).await {
        Some(refused) => refused,
        None => run(&app, None, circumstances, request, next).await,
    }
}

/// Counts a request; the page of who asks too often.
async fn over_limit(
    app: &App,
    key: Key,
    counted: &'static str,
    visitor: Option<&Visitor>,
    circumstances: Circumstances,
) -> Option<Response> {
    let refused = app.limiter.check(key, app.clock.monotonic()).await.filter(|decision| !decision.allowed)?;
    app.metrics.rate_limited(counted);
    let mut response = page::problem(app, visitor, &Failure::RateLimited, circumstances.request);
    refused.write(response.headers_mut());
    Some(response)
}

/// The layer around all pages: says in a page that a form of another site was refused.
pub(super) async fn same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let circumstances = Circumstances::of(&request);
    let response = next.run(request).await;
    if response.extensions().get::<ProtectionError>().is_none() {
        return response;
    }
    page::problem(&app, None, &Failure::CrossSite, circumstances.request)
}

/// Who shows a session, good at this instant.
pub(super) async fn visitor(
    app: &App,
    circumstances: Circumstances,
    headers: &HeaderMap,
    counts: Use,
) -> Result<Option<Visitor>, Failure> {
    let Some(secret) = cookie::read(app, headers) else { return Ok(None) };
    let Circumstances { request, address } = circumstances;
    Ok(app.gate.authenticate_session(&secret, counts).await?.ok().map(|visit| {
        let origin = Origin { door: Door::Console, request, address: Some(address) };
        Visitor::new(app, Caller { actor: visit.actor.clone(), origin }, visit)
    }))
}

/// For our own API: who signed in, where no token is shown. `None` when no cookie is.
pub(in crate::http) async fn signed_in(
    app: &App,
    headers: &HeaderMap,
) -> Option<Result<Result<Visit, Refusal>, Failure>> {
    if !cookie::is_shown(app, headers) {
        return None;
    }
    let secret: Secret = match cookie::read(app, headers) {
        Some(secret) => secret,
        None => return Some(Ok(Err(Refusal::Unknown))),
    };
    Some(app.gate.authenticate_session(&secret, counts(headers)).await.map_err(Failure::from))
}

/// Runs a handler, and shows its failure as a page; one that panics too.
async fn run(
    app: &App,
    visitor: Option<&Visitor>,
    circumstances: Circumstances,
    request: Request,
    next: Next,
) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let panicked = |_| Failure::Internal("a page's handler panicked".to_owned()).into_response();
    let mut response = answered.unwrap_or_else(panicked);
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => page::problem(app, visitor, &failure, circumstances.request),
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let mut page = page::problem(app, visitor, &Failure::MethodNotAllowed, circumstances.request);
            if let Some(allowed) = response.headers_mut().remove(header::ALLOW) {
                page.headers_mut().insert(header::ALLOW, allowed);
            }
            page
        }
        None => response,
    }
}

/// The page where there is none.
pub(in crate::http) fn no_such_page(app: &App, request: RequestId) -> Response {
    let nothing = Failure::NotFound(Unknown::Page);
    let mut response = page::problem(app, None, &nothing, request);
    page::harden_headers(response.headers_mut());
    response
}

/// A page that asks again by itself is no sign of a person: it does not keep the session alive.
fn counts(headers: &HeaderMap) -> Use {
    if headers.contains_key("x-offboard-live") { Use::Passes } else { Use::Counts }
}

fn to_sign_in(app: &App, request: &Request) -> Response {
    let had_session = cookie::is_shown(app, request.headers());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let next = if request.method().is_safe() { path } else { "" };
    let address = form::address("/sign-in", &[("done", if had_session { "ended" } else { "" }), ("next", next)]);
    let mut response = Redirect::to(&address).into_response();
    if had_session {
        cookie::clear(app, &mut response);
    }
    response
}
