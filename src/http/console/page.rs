//! What every page has: the frame with who is here and where, its headers, and failures as pages.

use std::fmt;
use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::super::app::App;
use super::super::failure::Failure;
use super::words;
use crate::access::Visit;
use crate::model::actor::{Actor, Caller, Identity};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, RequestId, UserId};

/// What a handler gives.
pub(super) type Page = Result<Response, Failure>;

/// Who is here, and all that a page says about it.
#[derive(Clone)]
pub(in crate::http) struct Visitor {
    pub(super) caller: Caller,
    pub(super) visit: Visit,
    version: Arc<str>,
}

impl Visitor {
    pub(super) fn new(app: &App, caller: Caller, visit: Visit) -> Self {
        Self { caller, visit, version: app.assets.version() }
    }

    /// The company that is acted for.
    pub(super) fn company(&self) -> Result<CompanyId, Failure> {
        match &self.caller.actor {
            Actor::User(identity) => Ok(identity.company),
            Actor::BreakGlass(glass) => Ok(glass.company),
            Actor::Operator | Actor::Provisioner(_) => {
                Err(Failure::Internal("somebody without a session came to a page".to_owned()))
            }
        }
    }

    /// The person; a break-glass session is nobody's.
    pub(super) fn identity(&self) -> Result<&Identity, Failure> {
        match &self.caller.actor {
            Actor::User(identity) => Ok(identity),
            Actor::BreakGlass(_) | Actor::Operator | Actor::Provisioner(_) => {
                Err(Failure::Forbidden(crate::domain::Refusal::NotOwner))
            }
        }
    }

    pub(super) fn is(&self, user: UserId) -> bool {
        matches!(&self.caller.actor, Actor::User(identity) if identity.user == user)
    }

    pub(super) fn is_admin(&self) -> bool {
        match &self.caller.actor {
            Actor::User(identity) => identity.role.is_admin(),
            Actor::BreakGlass(_) => true,
            Actor::Operator | Actor::Provisioner(_) => false,
        }
    }

    /// The frame of a page; `here` is its place in the navigation.
    pub(super) fn layout(&self, title: &'static str, here: &'static str) -> Layout {
        let (name, email) = match &self.caller.actor {
            Actor::User(identity) => (identity.name.clone(), identity.email.clone()),
            Actor::BreakGlass(_) | Actor::Operator | Actor::Provisioner(_) => {
                ("Operator".to_owned(), "break-glass session".to_owned())
            }
        };
        let viewer = Viewer {
            name,
            email,
            company: self.visit.company_name.to_string(),
            admin: self.is_admin(),
            break_glass: matches!(self.caller.actor, Actor::BreakGlass(_)),
        };
        Layout { title, here, viewer: Some(viewer), notice: None, version: Arc::clone(&self.version) }
    }
}

/// What stands around a page.
pub(super) struct Layout {
    pub(super) title: &'static str,
    pub(super) here: &'static str,
    pub(super) viewer: Option<Viewer>,
    pub(super) notice: Option<Notice>,
    pub(super) version: Arc<str>,
}

impl Layout {
    /// For who has not signed in.
    pub(super) fn plain(app: &App, title: &'static str) -> Self {
        Self { title, here: "", viewer: None, notice: None, version: app.assets.version() }
    }

    /// With what was just done, if the address says so.
    pub(super) fn with_notice(self, done: Option<&str>) -> Self {
        Self { notice: done.and_then(words::notice), ..self }
    }
}

/// Who is here.
pub(super) struct Viewer {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) company: String,
    pub(super) admin: bool,
    pub(super) break_glass: bool,
}

/// What was just done.
pub(super) struct Notice {
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// An instant as a page shows it: in UTC, which the script turns into the reader's zone.
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = self.0.to_string();
        let (Some(date), Some(minute), Some(second)) = (instant.get(..10), instant.get(11..16), instant.get(..19))
        else {
            return f.write_str("—");
        };
        // Beyond what a calendar knows, an instant is a number.
        if !instant.ends_with('Z') {
            return f.write_str("—");
        }
        write!(f, "<time datetime=\"{second}Z\">{date} {minute} UTC</time>")
    }
}

impl HtmlSafe for Moment {}

/// Something that a person can choose.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) selected: bool,
}

/// The page of a template.
pub(super) fn render(template: &impl Template) -> Page {
    render_with(StatusCode::OK, template)
}

/// The page of a template: of a form, say, that was not taken.
pub(super) fn render_with(status: StatusCode, template: &impl Template) -> Page {
    let html = template.render().map_err(|error| Failure::Internal(format!("a page: {error}")))?;
    Ok((status, Html(html)).into_response())
}

/// As [`render`], of a form, which may have been sent and not taken.
pub(super) fn render_form(is_rejected: bool, template: &impl Template) -> Page {
    render_with(if is_rejected { StatusCode::BAD_REQUEST } else { StatusCode::OK }, template)
}

/// Sends the browser on after a form was taken, so that a reload does not send it again.
#[expect(clippy::unnecessary_wraps, reason = "every handler gives a page or a failure")]
pub(super) fn see(path: &str) -> Page {
    Ok(Redirect::to(path).into_response())
}

#[derive(Template)]
#[template(path = "console/problem.html")]
struct Problem {
    layout: Layout,
    heading: String,
    text: String,
    request: String,
}

/// A failure as a page.
pub(super) fn problem(app: &App, visitor: Option<&Visitor>, failure: &Failure, request: RequestId) -> Response {
    let layout = match visitor {
        Some(visitor) => visitor.layout("Problem", ""),
        None => Layout::plain(app, "Problem"),
    };
    let words::Problem { status, heading, text } = words::problem(failure);
    let template = Problem { layout, heading: heading.to_owned(), text, request: request.to_string() };
    let mut response = render_with(status, &template).unwrap_or_else(|_| status.into_response());
    failure.mark(&mut response);
    response
}

/// Keeps browsers careful with pages.
pub(super) async fn harden(mut response: Response) -> Response {
    harden_headers(response.headers_mut());
    response
}

/// The headers of every page.
pub(super) fn harden_headers(headers: &mut HeaderMap) {
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
        font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; \
        frame-ancestors 'none'";
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // With 'no-referrer' a browser calls the origin of its own forms 'null'.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ];
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_readable_by_people_and_scripts() {
        let moment = Moment(Timestamp(1_795_440_781_123_456)).to_string();
        assert_eq!(moment, "<time datetime=\"2026-11-23T13:33:01Z\">2026-11-23 13:33 UTC</time>");
        assert_eq!(Moment(Timestamp(i64::MAX)).to_string(), "—");
    }
}
