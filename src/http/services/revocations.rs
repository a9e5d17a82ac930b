//! `GET /api/v1/revocations`: whoever keeps answers about credentials hears here whose may be over.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::super::admission::with_limit;
use super::super::api::problem::{DIALECT, Refusals};
use super::super::app::App;
use super::super::failure::Failure;
use super::super::form::Fields;
use super::super::frame::Circumstances;
use super::super::streams::Place;
use super::client::{self, Claim};
use crate::domain::services::Mark;
use crate::model::secret::Secret;
use crate::model::service::Service;

/// How often a stream says that it is alive, and has told everything.
const ALIVE: Duration = Duration::from_secs(1);
/// How long a stream waits for its node to know the present state again, before it ends.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks by itself whether there is news, and whether its service still stands.
const INTERVAL: Duration = Duration::from_millis(50);

/// Hear whose access changed, as it happens
///
/// Server-sent events for a service that keeps answers about credentials. `changed` with `{"sub":"<UUID>"}`: what is kept
/// about this person may be over. `reset`: what is kept about anybody may be. `ready`, first of all where no cursor was
/// given: everything from here on is told. `alive`, each second: everything that was changed before has been told.
///
/// The `id` of an event is a cursor: sent back in `Last-Event-ID`, or in `after`, the stream goes on from there. Keep an
/// answer only while signs of life come: when the node can't know the present state, the stream ends.
#[utoipa::path(
    get,
    path = "/api/v1/revocations",
    operation_id = "stream_revocations",
    tag = "Services",
    params(
        ("after" = Option<String>, Query, description = "The `id` of the last event that was heard"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as browsers send it"),
    ),
    responses((status = 200, description = "Events", content_type = "text/event-stream"), Refusals),
    security(("Service" = [])),
)]
pub(super) async fn stream_revocations(State(app): State<App>, headers: HeaderMap, request: Request) -> Response {
    let circumstances = Circumstances::of(&request);
    let claimed = async {
        let claim = Claim::of(&app, circumstances, &headers).await?;
        let (service, _) = claim.prove(&app, circumstances).await?;
        Ok((service, claim.into_secret()))
    };
    let (service, secret) = match claimed.await {
        Ok(found) => found,
        Err((failure, decision)) => {
            let mut response = DIALECT.answer(&failure, circumstances.request);
            if response.status() == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, client::CHALLENGE);
            }
            return with_limit(response, decision);
        }
    };
    let Some(place) = Place::take(&app, service.id.0) else {
        return DIALECT.answer(&Failure::RateLimited, circumstances.request);
    };
    let cursor = headers.get("last-event-id").and_then(|value| value.to_str().ok().map(str::to_owned));
    let cursor = cursor.or_else(|| Fields::of_query(request.uri()).filled("after").map(str::to_owned));
    match Telling::begin(app, service, secret, cursor, place).await {
        Ok(telling) => Sse::new(telling.events()).into_response(),
        Err(failure) => DIALECT.answer(&failure, circumstances.request),
    }
}

/// One stream.
struct Telling {
    app: App,
    service: Arc<Service>,
    secret: Secret,
    heard: watch::Receiver<u64>,
    /// Up to where it has told.
    mark: Option<Mark>,
    waiting: VecDeque<Event>,
    looked: Duration,
    _place: Place,
}

impl Telling {
    async fn begin(
        app: App,
        service: Arc<Service>,
        secret: Secret,
        cursor: Option<String>,
        place: Place,
    ) -> Result<Self, Failure> {
        if !app.gate.view().is_trusted {
            return Err(Failure::Unavailable("no lease".to_owned()));
        }
        // Before anything is read, so that what comes meanwhile is looked at.
        let heard = app.gate.heard();
        let looked = app.clock.monotonic();
        let (mark, waiting) = (None, VecDeque::new());
        let mut telling = Self { app, service, secret, heard, mark, waiting, looked, _place: place };
        telling.mark = cursor.as_deref().and_then(Mark::parse);
        if telling.mark.is_some() {
            telling.look().await?;
        } else {
            telling.mark = telling.app.directory.changes_after(&telling.service, None).await?.last;
            // What can't be a cursor can't be gone on from.
            telling.tell(if cursor.is_none() { "ready" } else { "reset" }, "{}");
        }
        Ok(telling)
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut telling| async move {
            while telling.waiting.is_empty() {
                telling.wait().await.ok()?;
            }
            telling.waiting.pop_front().map(|event| (Ok(event), telling))
        })
    }

    /// Waits for news, or for the time to say that there is none.
    async fn wait(&mut self) -> Result<(), Failure> {
        let woken = tokio::time::timeout(INTERVAL, self.heard.changed()).await.is_ok();
        if self.app.is_stopping() {
            return Err(Failure::Unavailable("stopping".to_owned()));
        }
        self.app.gate.authenticate_service(&self.secret).await?.map_err(Failure::RejectedCredential)?;
        // Before the log is read: what a node reads without a lease may be the log of a server that was replaced.
        if !self.app.gate.view().is_trusted {
            let waited = self.app.clock.monotonic().saturating_sub(self.looked);
            return if waited < PATIENCE { Ok(()) } else { Err(Failure::Unavailable("no lease".to_owned())) };
        }
        let is_due = self.app.clock.monotonic().saturating_sub(self.looked) >= ALIVE;
        if woken || is_due {
            self.look().await?;
        }
        if is_due {
            self.looked = self.app.clock.monotonic();
            self.tell("alive", "{}");
        }
        Ok(())
    }

    /// Reads on, and tells what it finds.
    async fn look(&mut self) -> Result<(), Failure> {
        let news = self.app.directory.changes_after(&self.service, self.mark.clone()).await?;
        let Some(users) = news.users else {
            self.mark = news.last;
            self.tell("reset", "{}");
            return Ok(());
        };
        // The cursor moves on with the last of them: who is cut off in between hears them again.
        let before = std::mem::replace(&mut self.mark, news.last);
        let last = users.len();
        for (number, user) in users.into_iter().enumerate() {
            let mark = if number + 1 == last { self.mark.as_ref() } else { before.as_ref() };
            self.waiting.push_back(event("changed", &format!("{{\"sub\":\"{user}\"}}"), mark));
        }
        Ok(())
    }

    fn tell(&mut self, name: &str, data: &str) {
        self.waiting.push_back(event(name, data, self.mark.as_ref()));
    }
}

fn event(name: &str, data: &str, mark: Option<&Mark>) -> Event {
    let event = Event::default().event(name).data(data);
    match mark {
        Some(mark) => event.id(mark.as_str()),
        None => event,
    }
}
