//! The doors where services ask whether a credential is good, thousands of times a second, called without the router: its
//! layers would cost a third of such a check. With any other method, and in the API document, they are routes as all are.

use axum::http::Method;
use axum::response::Response;
use hyper::body::Incoming;

use super::app::App;
use super::frame::Circumstances;
use super::{api, services};

/// One of these doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Whom the shown credential speaks for.
    Me,
    /// For a gateway.
    Verify,
    /// For a registered service.
    Introspect,
}

impl Check {
    /// Every one.
    pub(super) const ALL: [Self; 3] = [Self::Me, Self::Verify, Self::Introspect];

    /// The door that a request knocks at, if it is one of these.
    pub(super) fn at<B>(request: &hyper::Request<B>) -> Option<Self> {
        let (method, path) = (request.method(), request.uri().path());
        Self::ALL.into_iter().find(|check| path == check.route() && *method == check.method())
    }

    /// Its path.
    pub(super) fn route(self) -> &'static str {
        match self {
            Self::Me => "/api/v1/me",
            Self::Verify => "/verify",
            Self::Introspect => "/oauth2/introspect",
        }
    }

    /// Whether a route is its own, or one of those beneath.
    pub(super) fn is_behind(self, route: &str) -> bool {
        route.strip_prefix(self.route()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn method(self) -> Method {
        match self {
            Self::Me | Self::Verify => Method::GET,
            Self::Introspect => Method::POST,
        }
    }

    pub(super) async fn answer(
        self,
        app: &App,
        circumstances: Circumstances,
        request: hyper::Request<Incoming>,
    ) -> Response {
        let (parts, body) = request.into_parts();
        match self {
            Self::Me => api::me::answer(app, circumstances, &parts.method, &parts.headers).await,
            Self::Verify => services::verify(app, circumstances, Some(&parts.uri), &parts.headers).await,
            Self::Introspect => services::introspect(app, circumstances, &parts.headers, body).await,
        }
    }
}
