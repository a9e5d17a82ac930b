//! Which identity provider asks: `Authorization: Bearer` with a SCIM token (RFC 6750, section 2.1).

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use super::super::admission::{Refused, authorization, caught, count_stranger, slow_down, take_turn, with_limit};
use super::super::app::App;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use super::super::limit::{Decision, Key};
use super::error;
use crate::model::actor::{Actor, Caller, Credential, Door, Origin, Provisioner};
use crate::model::id::{CompanyId, RequestId};
use crate::model::secret::{Kind, Secret, SecretDigest};

/// An identity provider and its company; stands in the request's extensions.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) caller: Caller,
    pub(super) company: CompanyId,
    /// What the token is known by: cursors are bound to it.
    pub(super) key: SecretDigest,
    pub(super) request: RequestId,
}

/// The layer around all that needs a token. Answers for a handler that panicked.
pub(super) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let circumstances = Circumstances::of(&request);
    let answered = answer(&app, circumstances, request, next);
    caught(answered, |failure| error::answer(failure, circumstances.request)).await
}

async fn answer(app: &App, circumstances: Circumstances, mut request: Request, next: Next) -> Response {
    let (response, decision) = match authenticate(app, circumstances, request.headers()).await {
        Ok((connection, decision)) => {
            request.extensions_mut().insert(connection);
            (next.run(request).await, decision)
        }
        Err((failure, decision)) => (error::answer(&failure, circumstances.request), decision),
    };
    with_limit(response, decision)
}

async fn authenticate(
    app: &App,
    circumstances: Circumstances,
    headers: &HeaderMap,
) -> Result<(Connection, Option<Decision>), Refused> {
    let secret = match presented(headers) {
        Ok(secret) => secret,
        Err(failure) => return Err(count_stranger(app, circumstances, failure).await),
    };
    let turn = take_turn(app, circumstances).await;
    let authenticated = app.gate.authenticate_service(&secret).await;
    drop(turn);
    let service = match authenticated {
        Ok(Ok(service)) => service,
        Ok(Err(refusal)) => {
            let (failure, decision) = count_stranger(app, circumstances, Failure::RejectedCredential(refusal)).await;
            slow_down(decision).await;
            return Err((failure, decision));
        }
        Err(error) => return Err(count_stranger(app, circumstances, error.into()).await),
    };
    let Some(company) = service.company else { return Err((Failure::MalformedCredential, None)) };
    let key = Key::Credential(Credential::Scim(service.id));
    let decision = app.scim_limiter.check(key, app.clock.monotonic()).await;
    if decision.is_some_and(|decision| !decision.allowed) {
        app.metrics.rate_limited("credential");
        return Err((Failure::RateLimited, decision));
    }
    let Circumstances { request, address } = circumstances;
    let origin = Origin { door: Door::Scim, request, address: Some(address) };
    let actor = Actor::Provisioner(Provisioner { company, service: service.id });
    Ok((Connection { caller: Caller { actor, origin }, company, key: secret.digest(), request }, decision))
}

fn presented(headers: &HeaderMap) -> Result<Secret, Failure> {
    Secret::parse(Kind::Scim, authorization(headers, &["Bearer"])?).ok_or(Failure::MalformedCredential)
}
