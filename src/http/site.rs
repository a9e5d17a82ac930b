//! What a server answers: every door behind the [frame](super::frame).

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use hyper::body::Incoming;
use tower::Service;

use super::app::App;
use super::checks::Check;
use super::frame::{Circumstances, Frame};
use super::{api, console, routes};

/// All doors of a server; cheap to clone.
#[derive(Clone)]
pub struct Site {
    app: App,
    routes: Router,
    has_checks: bool,
}

impl Site {
    /// Every route of the server.
    pub fn new(app: &App) -> Self {
        Self { has_checks: true, ..Self::by_routes_alone(app) }
    }

    /// The same, where checks go through the router as all else does: what it answers, the shortcut must.
    pub fn by_routes_alone(app: &App) -> Self {
        Self::with_routes(app, routes(app))
    }

    /// Other routes, behind the same frame.
    pub fn with_routes(app: &App, routes: Router) -> Self {
        let fallback = any(no_such_path).with_state(app.clone());
        let routes = routes.fallback_service(fallback).layer(from_fn(tell_route));
        Self { app: app.clone(), routes, has_checks: false }
    }

    /// Answers one request of a peer.
    pub(super) async fn answer(&self, mut request: hyper::Request<Incoming>, peer: SocketAddr) -> Response {
        let app = &self.app;
        let frame = Frame::begin(app, &request, peer);
        if self.has_checks
            && let Some(check) = Check::at(&request)
        {
            let response = check.answer(app, frame.circumstances(), request).await;
            return frame.end(app, check.route(), response);
        }
        request.extensions_mut().insert(frame.circumstances());
        // A router is always ready.
        let Ok(response) = self.routes.clone().call(request).await;
        let matched = response.extensions().get::<MatchedPath>().cloned();
        frame.end(app, matched.as_ref().map_or("unmatched", MatchedPath::as_str), response)
    }
}

/// Leaves the route in the answer's extensions, for metrics and log.
async fn tell_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(matched);
    }
    response
}

async fn no_such_path(State(app): State<App>, request: Request) -> Response {
    let id = Circumstances::of(&request).request;
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        console::no_such_page(&app, id)
    } else {
        api::problem::no_such_path(id)
    }
}
