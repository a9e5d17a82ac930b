//! Which service asks: HTTP Basic with its client identifier and its secret (RFC 6749, section 2.3.1).

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::admission::{Refused, authorization, count_stranger, take_turn};
use super::super::app::App;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use crate::access::Moment;
use crate::model::id::ServiceId;
use crate::model::secret::{Kind, Secret};
use crate::model::service::Service;

/// What a client is asked for that shows none, or a wrong one.
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"offboard\"");

/// Which service a request says that it comes from.
pub(super) struct Claim {
    id: ServiceId,
    secret: Secret,
}

impl Claim {
    /// Takes what a request shows. Who shows nothing of the right form is counted by address.
    pub(super) async fn of(app: &App, circumstances: Circumstances, headers: &HeaderMap) -> Result<Self, Refused> {
        match presented(headers) {
            Ok(claim) => Ok(claim),
            Err(failure) => Err(count_stranger(app, circumstances, failure).await),
        }
    }

    /// The service, and the moment at which it was good. Who is none is counted by address.
    pub(super) async fn prove(
        &self,
        app: &App,
        circumstances: Circumstances,
    ) -> Result<(Arc<Service>, Moment), Refused> {
        match self.look(app, circumstances).await {
            Ok(proven) => Ok(proven),
            Err(failure @ (Failure::MalformedCredential | Failure::RejectedCredential(_))) => {
                Err(count_stranger(app, circumstances, failure).await)
            }
            // Nobody is a stranger because it can't be known who he is.
            Err(failure) => Err((failure, None)),
        }
    }

    async fn look(&self, app: &App, circumstances: Circumstances) -> Result<(Arc<Service>, Moment), Failure> {
        let _turn = take_turn(app, circumstances).await;
        let moment = app.gate.moment().await?;
        let service = app.gate.authenticate_service_at(moment, &self.secret).await?;
        let service = service.map_err(Failure::RejectedCredential)?;
        if service.id == self.id { Ok((service, moment)) } else { Err(Failure::MalformedCredential) }
    }

    /// What it showed, to be looked at again.
    pub(super) fn into_secret(self) -> Secret {
        self.secret
    }
}

/// What the one `Authorization` header holds.
fn presented(headers: &HeaderMap) -> Result<Claim, Failure> {
    let encoded = authorization(headers, &["Basic"])?;
    let claim = || {
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some(Claim { id: ServiceId::parse(id).ok()?, secret: Secret::parse(Kind::Service, secret)? })
    };
    claim().ok_or(Failure::MalformedCredential)
}
