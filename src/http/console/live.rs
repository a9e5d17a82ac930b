//! What changes elsewhere appears without reload, and the page of somebody whose access ended is cut: a stream of events
//! to each open page.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};

use super::super::app::App;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use super::super::streams::Place;
use super::admission;
use super::page::Visitor;
use crate::access::Use;
use crate::http::cookie;
use crate::model::id::CompanyId;
use crate::model::secret::Secret;

/// How often a stream looks whether its owner may still see it, and whether there is news: the promise is a second.
const INTERVAL: Duration = Duration::from_millis(400);
/// How long a look may take: with the interval, less than that second.
const PATIENCE: Duration = Duration::from_millis(450);
/// How often a silent stream sends something, so that a connection that is gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /events`: `changed` when something was recorded in the company's trail, `ended` when the session has.
pub(super) async fn events(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    headers: HeaderMap,
) -> Response {
    let Some(secret) = cookie::read(&app, &headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let visitor = match admission::visitor(&app, circumstances, &headers, Use::Passes).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(failure) => return failure.into_response(),
    };
    let Some(place) = Place::take(&app, visitor.visit.session.0) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let Ok(watch) = Watch::begin(app, &visitor, secret, place).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(watch.events()).keep_alive(alive).into_response()
}

/// One open page.
struct Watch {
    app: App,
    secret: Secret,
    company: CompanyId,
    pulse: i64,
    _place: Place,
}

impl Watch {
    async fn begin(app: App, visitor: &Visitor, secret: Secret, place: Place) -> Result<Self, Failure> {
        let company = visitor.company()?;
        let pulse = app.directory.pulse(company).await?;
        Ok(Self { app, secret, company, pulse, _place: place })
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                News::Changed => Some((Ok(event("changed")), Some(watch))),
                News::Ended => Some((Ok(event("ended")), None)),
                News::Unknown => None,
            }
        })
    }

    async fn next(&mut self) -> News {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if self.app.is_stopping() {
                return News::Unknown;
            }
            // Who can't be known to be let in, in time, is not: the browser asks again.
            match tokio::time::timeout(PATIENCE, self.look()).await {
                Ok(None) => {}
                Ok(Some(news)) => return news,
                Err(_) => return News::Unknown,
            }
        }
    }

    async fn look(&mut self) -> Option<News> {
        match self.app.gate.authenticate_session(&self.secret, Use::Passes).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return Some(News::Ended),
            Err(_) => return Some(News::Unknown),
        }
        match self.app.directory.pulse(self.company).await {
            Ok(pulse) if pulse == self.pulse => None,
            Ok(pulse) => {
                self.pulse = pulse;
                Some(News::Changed)
            }
            Err(_) => Some(News::Unknown),
        }
    }
}

/// Browsers pass on only what has data.
fn event(name: &str) -> Event {
    Event::default().event(name).data("-")
}

enum News {
    Changed,
    Ended,
    Unknown,
}
