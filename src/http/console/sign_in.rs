//! Signing in and out.

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;

use super::super::app::App;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use super::admission;
use super::page::{Layout, Page, render, render_with, see};
use crate::access::Use;
use crate::domain::Refusal;
use crate::domain::passwords::Password;
use crate::http::cookie;
use crate::http::form::Fields;
use crate::model::actor::{Door, Origin};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignIn {
    layout: Layout,
    email: String,
    next: String,
    error: Option<String>,
}

/// `GET /`: where somebody begins.
pub(super) async fn home(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    headers: HeaderMap,
) -> Page {
    match admission::visitor(&app, circumstances, &headers, Use::Counts).await? {
        Some(visitor) if visitor.is_admin() => see("/control-center/members"),
        Some(_) => see("/settings/profile"),
        None => see("/sign-in"),
    }
}

/// `GET /sign-in`
pub(super) async fn show(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    headers: HeaderMap,
    uri: Uri,
) -> Page {
    if admission::visitor(&app, circumstances, &headers, Use::Passes).await?.is_some() {
        return see("/");
    }
    let query = Fields::of_query(&uri);
    let done = if query.get("ended") == "1" { Some("ended") } else { query.filled("done") };
    let layout = Layout::plain(&app, "Sign in").with_notice(done);
    render(&SignIn { layout, email: String::new(), next: query.get("next").to_owned(), error: None })
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    headers: HeaderMap,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let (email, next) = (form.get("email").trim().to_owned(), form.get("next").to_owned());
    let password = Password::new(form.get("password").to_owned());
    let origin = origin(circumstances);
    let device = device(&headers);
    let opened = app.directory.sign_in(&origin, &email, password, &device).await;
    let secret = match opened.map_err(Failure::from) {
        Ok((_, secret)) => secret,
        Err(Failure::Forbidden(refusal)) => return not_taken(&app, email, next, &refusal),
        Err(failure) => return Err(failure),
    };
    // Whoever was signed in here before is not any more.
    if let Some(before) = admission::visitor(&app, circumstances, &headers, Use::Passes).await? {
        app.directory.sign_out(&before.caller).await?;
    }
    let mut response = see(if is_own(&next) { &next } else { "/" })?;
    cookie::write(&app, &mut response, &secret);
    Ok(response)
}

fn not_taken(app: &App, email: String, next: String, refusal: &Refusal) -> Page {
    let (status, error) = match refusal {
        Refusal::TooManyAttempts => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many tries at once. Wait a few seconds and try again.")
        }
        _ => (StatusCode::UNAUTHORIZED, "E-mail and password do not match, or access has ended."),
    };
    let layout = Layout::plain(app, "Sign in");
    render_with(status, &SignIn { layout, email, next, error: Some(error.to_owned()) })
}

/// `POST /sign-out`: succeeds with a dead session too.
pub(super) async fn sign_out(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    headers: HeaderMap,
) -> Page {
    const CLEAR: (HeaderName, HeaderValue) =
        (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"cache\", \"storage\""));
    if let Some(visitor) = admission::visitor(&app, circumstances, &headers, Use::Passes).await? {
        app.directory.sign_out(&visitor.caller).await?;
    }
    let mut response: Response = see("/sign-in?done=signed-out")?;
    cookie::clear(&app, &mut response);
    response.headers_mut().insert(CLEAR.0, CLEAR.1);
    Ok(response)
}

/// How somebody who has not signed in comes.
pub(super) fn origin(circumstances: Circumstances) -> Origin {
    let Circumstances { request, address } = circumstances;
    Origin { door: Door::Console, request, address: Some(address) }
}

/// What a browser calls itself, in few words.
pub(super) fn device(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    describe(agent)
}

/// `Chrome on Windows` of a `User-Agent`; what is of no known kind is kept as it is.
fn describe(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) if agent.is_empty() => "Unknown device".to_owned(),
        (None, _) => agent.to_owned(),
    }
}

/// Whether an address to go on to is one of ours: a path, which no browser takes for another host.
fn is_own(next: &str) -> bool {
    next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(|c: char| c == '\\' || c.is_control())
        && !next.starts_with("/sign-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_on_to() {
        for own in ["/", "/settings/tokens", "/control-center/members?q=//x"] {
            assert!(is_own(own), "{own}");
        }
        for foreign in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\0",
            "/\u{7f}",
            "/sign-in",
        ] {
            assert!(!is_own(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_device_has_a_short_name() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "curl/8.5.0"),
            ("", "Unknown device"),
        ] {
            assert_eq!(describe(agent), name);
        }
    }
}
