//! Who may come in: the token of the `Authorization` header or, to our own API, the session of who signed in; the limits;
//! and the caller that a handler then knows.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use tokio::sync::SemaphorePermit;

use super::app::App;
use super::console;
use super::failure::{Dialect, Failure};
use super::frame::Circumstances;
use super::limit::{Decision, Key};
use crate::access::Use;
use crate::model::actor::{Actor, Caller, Credential, Door, Origin};
use crate::model::secret::{Kind, Secret};

/// From this many wrong tokens on, an address waits for each answer.
const PATIENCE: u32 = 10;
/// How much longer for each further one, and at most.
const PENALTY: Duration = Duration::from_millis(50);
const LONGEST_PENALTY: Duration = Duration::from_secs(1);

/// The layer around every route that needs a token. Puts a [`Caller`] into the request's extensions, and answers for a
/// handler that panicked.
///
/// A caller with a good token is counted by that token alone, so that nobody at the same address can use up his limit;
/// everybody else is counted by address.
pub(super) async fn admit(State((app, dialect)): State<(App, Dialect)>, request: Request, next: Next) -> Response {
    let circumstances = Circumstances::of(&request);
    let answered = answer(&app, dialect, circumstances, request, next);
    caught(answered, |failure| dialect.answer(failure, circumstances.request)).await
}

/// An answer; where its making panicked, the one that the door has for our faults.
pub(super) fn caught(
    answered: impl Future<Output = Response>,
    words: impl FnOnce(&Failure) -> Response,
) -> impl Future<Output = Response> {
    // No `async fn`, which would hold the work twice.
    AssertUnwindSafe(answered)
        .catch_unwind()
        .map(|answered| answered.unwrap_or_else(|_| words(&Failure::Internal("a handler panicked".to_owned()))))
}

async fn answer(
    app: &App,
    dialect: Dialect,
    circumstances: Circumstances,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = admitted(app, dialect, circumstances, request.method(), request.headers()).await;
    let handled = async |caller| {
        request.extensions_mut().insert(caller);
        next.run(request).await
    };
    respond(dialect, circumstances, admitted, handled).await
}

/// Who may come in with what a request shows.
pub(super) async fn admitted(
    app: &App,
    dialect: Dialect,
    circumstances: Circumstances,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Admitted, Refused> {
    match token(headers, &["MxToken"]) {
        Ok(token) => authenticate(app, dialect, circumstances, &token).await,
        // What another site has a browser send carries the cookie too: a session reads, and changes nothing.
        Err(Failure::NoCredential) if dialect.door == Door::Api && method.is_safe() => {
            Box::pin(authenticate_session(app, dialect, circumstances, headers)).await
        }
        Err(failure) => Err(count_stranger(app, circumstances, failure).await),
    }
}

/// What a handler answers to who was let in, or the door to who was not; with what is left of the limit.
pub(super) async fn respond(
    dialect: Dialect,
    circumstances: Circumstances,
    admitted: Result<Admitted, Refused>,
    handled: impl AsyncFnOnce(Caller) -> Response,
) -> Response {
    let (response, decision) = match admitted {
        Ok(Admitted { caller, decision, view_age }) => (with_view_age(handled(caller).await, view_age), decision),
        Err((failure, decision)) => (dialect.answer(&failure, circumstances.request), decision),
    };
    with_limit(response, decision)
}

pub(super) type Refused = (Failure, Option<Decision>);

/// Who may come in, as far as his limit says.
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) decision: Option<Decision>,
    pub(super) view_age: Option<Duration>,
}

/// Lets in who shows a good token; of whatever kind it is, the gate knows.
pub(super) async fn authenticate(
    app: &App,
    dialect: Dialect,
    circumstances: Circumstances,
    token: &Secret,
) -> Result<Admitted, Refused> {
    // Given back before anybody waits for a slow answer.
    let turn = take_turn(app, circumstances).await;
    let authenticated = app.gate.authenticate(token, Use::Counts).await;
    drop(turn);
    let admitted = match authenticated {
        Ok(Ok(admitted)) => admitted,
        Ok(Err(refusal)) => {
            let (failure, decision) = count_stranger(app, circumstances, Failure::RejectedCredential(refusal)).await;
            slow_down(decision).await;
            return Err((failure, decision));
        }
        Err(error) => return Err(count_stranger(app, circumstances, error.into()).await),
    };
    count_caller(app, dialect, circumstances, admitted.actor, admitted.credential, admitted.view_age).await
}

async fn authenticate_session(
    app: &App,
    dialect: Dialect,
    circumstances: Circumstances,
    headers: &HeaderMap,
) -> Result<Admitted, Refused> {
    match console::signed_in(app, headers).await {
        None => Err(count_stranger(app, circumstances, Failure::NoCredential).await),
        Some(Ok(Ok(visit))) => {
            count_caller(app, dialect, circumstances, visit.actor, Credential::Session(visit.session), visit.view_age)
                .await
        }
        Some(Ok(Err(refusal))) => Err(count_stranger(app, circumstances, Failure::RejectedCredential(refusal)).await),
        Some(Err(failure)) => Err(count_stranger(app, circumstances, failure).await),
    }
}

async fn count_caller(
    app: &App,
    dialect: Dialect,
    circumstances: Circumstances,
    actor: Actor,
    credential: Credential,
    view_age: Option<Duration>,
) -> Result<Admitted, Refused> {
    let decision = app.limiter.check(Key::Credential(credential), app.clock.monotonic()).await;
    if decision.is_some_and(|decision| !decision.allowed) {
        app.metrics.rate_limited("credential");
        return Err((Failure::RateLimited, decision));
    }
    let Circumstances { request, address } = circumstances;
    let origin = Origin { door: dialect.door, request, address: Some(address) };
    Ok(Admitted { caller: Caller { actor, origin }, decision, view_age })
}

/// An address that has used up its limit may still look up tokens, so that it can't lock out a neighbour who has a good
/// one; but all such addresses together only a few at a time, so that guessing does not keep the store busy.
pub(super) async fn take_turn(app: &App, circumstances: Circumstances) -> Option<SemaphorePermit<'_>> {
    let key = Key::address(circumstances.address);
    if app.limiter.is_exhausted(key, app.clock.monotonic()) { app.turns.acquire().await.ok() } else { None }
}

/// What the one `Authorization` header holds, by one of these schemes; their case does not matter.
pub(super) fn authorization<'h>(headers: &'h HeaderMap, schemes: &[&str]) -> Result<&'h str, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Failure::NoCredential)?;
    if values.next().is_some() {
        return Err(Failure::MalformedCredential);
    }
    let (scheme, held) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Failure::MalformedCredential)?;
    let is_known = schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_known.then(|| held.trim()).ok_or(Failure::MalformedCredential)
}

/// The well-formed token of the `Authorization` header.
pub(super) fn token(headers: &HeaderMap, schemes: &[&str]) -> Result<Secret, Failure> {
    Secret::parse(Kind::Token, authorization(headers, schemes)?).ok_or(Failure::MalformedCredential)
}

/// Counts a request without a good token by its address.
pub(super) async fn count_stranger(app: &App, circumstances: Circumstances, failure: Failure) -> Refused {
    let decision = app.limiter.check(Key::address(circumstances.address), app.clock.monotonic()).await;
    if decision.is_some_and(|decision| !decision.allowed) {
        app.metrics.rate_limited("address");
        return (Failure::RateLimited, decision);
    }
    (failure, decision)
}

/// Makes guessing slow: the more of its limit an address has used up, the longer it waits.
pub(super) async fn slow_down(decision: Option<Decision>) {
    let penalty = penalty(decision.map_or(0, |decision| decision.used()));
    if !penalty.is_zero() {
        tokio::time::sleep(penalty).await;
    }
}

fn penalty(used: u32) -> Duration {
    (PENALTY * used.saturating_sub(PATIENCE)).min(LONGEST_PENALTY)
}

/// Says how old the view is by which somebody was let in, where that is not the present one.
pub(super) fn with_view_age(mut response: Response, view_age: Option<Duration>) -> Response {
    if let Some(age) = view_age {
        response.headers_mut().insert("offboard-view-age", age.as_secs().into());
    }
    response
}

/// Says how much of a limit is left.
pub(super) fn with_limit(mut response: Response, decision: Option<Decision>) -> Response {
    if let Some(decision) = decision {
        decision.write(response.headers_mut());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_up_to_a_second() {
        assert_eq!(penalty(0), Duration::ZERO);
        assert_eq!(penalty(10), Duration::ZERO);
        assert_eq!(penalty(11), Duration::from_millis(50));
        assert_eq!(penalty(20), Duration::from_millis(500));
        assert_eq!(penalty(u32::MAX), Duration::from_secs(1));
    }
}
