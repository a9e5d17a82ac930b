//! Which service asks: HTTP Basic with its client identifier and its secret (RFC 6749, section 2.3.1).

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::admission::{Refused, authorization, count_stranger, take_turn};
use super::super::app::App;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use crate::model::id::ServiceId;
use crate::model::secret::{Kind, Secret};
use crate::model::service::Service;

/// What a client is asked for that shows none, or a wrong one.
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"offboard\"");

/// The service, good at this instant, and the secret that it showed. Who is none is counted by address.
pub(super) async fn authenticate(
    app: &App,
    circumstances: Circumstances,
    headers: &HeaderMap,
) -> Result<(Arc<Service>, Secret), Refused> {
    match find(app, circumstances, headers).await {
        Ok(found) => Ok(found),
        Err(failure) => Err(count_stranger(app, circumstances, failure).await),
    }
}

async fn find(app: &App, circumstances: Circumstances, headers: &HeaderMap) -> Result<(Arc<Service>, Secret), Failure> {
    let (id, secret) = presented(headers)?;
    let turn = take_turn(app, circumstances).await;
    let authenticated = app.gate.authenticate_service(&secret).await;
    drop(turn);
    let service = authenticated?.map_err(Failure::RejectedCredential)?;
    if service.id == id { Ok((service, secret)) } else { Err(Failure::MalformedCredential) }
}

/// What the one `Authorization` header holds.
fn presented(headers: &HeaderMap) -> Result<(ServiceId, Secret), Failure> {
    let encoded = authorization(headers, &["Basic"])?;
    let pair = || {
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some((ServiceId::parse(id).ok()?, Secret::parse(Kind::Service, secret)?))
    };
    pair().ok_or(Failure::MalformedCredential)
}
