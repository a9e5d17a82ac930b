//! The cookie that carries a session's secret.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

use super::app::App;
use crate::model::secret::{Kind, Secret};

/// Browsers take a `__Host-` cookie by https alone, for this host alone. Where clients come by plain http, to try things
/// on one machine, it has a plain name.
fn name(app: &App) -> &'static str {
    if app.settings.https() { "__Host-offboard" } else { "offboard" }
}

/// The session that a request shows.
pub(super) fn read(app: &App, headers: &HeaderMap) -> Option<Secret> {
    let jar = CookieJar::from_headers(headers);
    Secret::parse(Kind::Session, jar.get(name(app))?.value())
}

/// Whether a request shows a session at all, good or not.
pub(super) fn is_shown(app: &App, headers: &HeaderMap) -> bool {
    CookieJar::from_headers(headers).get(name(app)).is_some()
}

/// Gives the browser a session. It is kept until the browser is closed; when it ends, the server decides.
pub(super) fn write(app: &App, response: &mut Response, secret: &Secret) {
    set(response, &cookie(app, secret.reveal()).to_string());
}

/// Takes the session from the browser.
pub(super) fn clear(app: &App, response: &mut Response) {
    set(response, &format!("{}; Max-Age=0", cookie(app, "")));
}

fn cookie<'c>(app: &App, value: &'c str) -> Cookie<'c> {
    let mut cookie = Cookie::new(name(app), value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(app.settings.https());
    cookie
}

fn set(response: &mut Response, cookie: &str) {
    if let Ok(mut value) = HeaderValue::try_from(cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
