//! Links that work once: a new password, a break-glass session, and how a link is asked for and sent.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};

use super::super::app::App;
use super::super::failure::Failure;
use super::super::frame::Circumstances;
use super::page::{Layout, Page, render, render_form, render_with, see};
use super::sign_in::{device, origin};
use super::words;
use crate::domain::Refusal;
use crate::domain::links::{BREAK_GLASS_SESSION, Opened};
use crate::domain::passwords::{Password, SHORTEST};
use crate::http::cookie;
use crate::http::form::Fields;
use crate::model::company::Company;
use crate::model::email::Email;
use crate::model::link::{Link, Purpose};
use crate::model::secret::{Kind, Secret};
use crate::model::user::User;
use crate::outbound::mail::Message;

/// Where a link to set a password leads; its secret follows.
pub const SET_PASSWORD: &str = "/set-password";
/// Where a break-glass link leads; its secret follows.
pub const BREAK_GLASS: &str = "/break-glass";

#[derive(Template)]
#[template(path = "console/set_password.html")]
struct SetPassword {
    layout: Layout,
    action: String,
    name: String,
    email: String,
    company: String,
    invitation: bool,
    shortest: usize,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/break_glass.html")]
struct BreakGlass {
    layout: Layout,
    action: String,
    company: String,
    reason: String,
    minutes: u64,
}

#[derive(Template)]
#[template(path = "console/forgot_password.html")]
struct ForgotPassword {
    layout: Layout,
    mail: bool,
    sent: bool,
    email: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/link_dead.html")]
struct LinkDead {
    layout: Layout,
}

/// `GET /set-password/{secret}`: looking does not use the link up; what reads mail for people may follow it.
pub(super) async fn show_set_password(State(app): State<App>, Path(text): Path<String>) -> Page {
    match open(&app, &text).await? {
        Some((secret, opened)) => show_form(&app, &secret, &opened, None),
        None => dead(&app),
    }
}

/// `POST /set-password/{secret}`
pub(super) async fn set_password(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    Path(text): Path<String>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let Some((secret, opened)) = open(&app, &text).await? else { return dead(&app) };
    if form.get("password") != form.get("again") {
        return show_form(&app, &secret, &opened, Some("The two passwords are not the same.".to_owned()));
    }
    let password = Password::new(form.get("password").to_owned());
    match app.directory.use_link(&origin(circumstances), &secret, password).await.map_err(Failure::from) {
        Ok(_) => see("/sign-in?done=password-set"),
        Err(Failure::Forbidden(Refusal::DeadLink)) => dead(&app),
        Err(failure) => show_form(&app, &secret, &opened, Some(words::beside_form(failure)?)),
    }
}

/// `GET /break-glass/{secret}`
pub(super) async fn show_break_glass(State(app): State<App>, Path(text): Path<String>) -> Page {
    let Some((secret, opened)) = open(&app, &text).await? else { return dead(&app) };
    let Purpose::BreakGlass(_, reason) = opened.link.purpose else { return dead(&app) };
    render(&BreakGlass {
        layout: Layout::plain(&app, "Break-glass session"),
        action: format!("{BREAK_GLASS}/{}", secret.reveal()),
        company: opened.company.name,
        reason,
        minutes: BREAK_GLASS_SESSION.as_secs() / 60,
    })
}

/// `POST /break-glass/{secret}`
pub(super) async fn open_break_glass(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Page {
    let Some(link) = Secret::parse(Kind::Link, &text) else { return dead(&app) };
    let opened = app.directory.open_break_glass(&origin(circumstances), &link, &device(&headers)).await;
    match opened.map_err(Failure::from) {
        Ok((_, secret)) => {
            let mut response = see("/control-center/members")?;
            cookie::write(&app, &mut response, &secret);
            Ok(response)
        }
        Err(Failure::Forbidden(Refusal::DeadLink)) => dead(&app),
        Err(failure) => Err(failure),
    }
}

/// `GET /forgot-password`
pub(super) async fn show_forgot_password(State(app): State<App>) -> Page {
    forgot(&app, StatusCode::OK, false, String::new(), None)
}

/// `POST /forgot-password`: the answer is the same whether somebody has the address or nobody, and comes before
/// anything is looked up.
pub(super) async fn forgot_password(
    State(app): State<App>,
    Extension(circumstances): Extension<Circumstances>,
    request: Request,
) -> Page {
    let form = Fields::of_body(&app, request).await?;
    let written = form.get("email").trim().to_owned();
    let email = match Email::parse(&written) {
        Ok(email) => email,
        Err(invalid) => {
            let error = format!("{}.", words::sentence(&invalid.0));
            return forgot(&app, StatusCode::BAD_REQUEST, false, written, Some(error));
        }
    };
    if app.mailer.is_some() {
        let (app, origin) = (app.clone(), origin(circumstances));
        tokio::spawn(async move {
            match app.directory.request_reset(&origin, &email).await {
                Ok(Some((user, link, secret))) => {
                    send(&app, &user, &link, &secret).await;
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a link that was asked for was not made"),
            }
        });
    }
    forgot(&app, StatusCode::OK, true, String::new(), None)
}

/// The address of a link that sets a password.
pub(super) fn url(app: &App, secret: &Secret) -> String {
    format!("{}{SET_PASSWORD}/{}", app.settings.public_url, secret.reveal())
}

/// Sends a link to its user, where there is a mail server; says what became of it: `nowhere`, where he has no address,
/// `none`, `sent` or `failed`.
pub(super) async fn send(app: &App, user: &User, link: &Link, secret: &Secret) -> &'static str {
    if user.email.to_show().is_none() {
        return "nowhere";
    }
    let Some(mailer) = &app.mailer else { return "none" };
    let company: Company = match app.directory.company(user.company).await {
        Ok(company) => company,
        Err(error) => {
            tracing::error!(%error, "a link was not sent");
            return "failed";
        }
    };
    match mailer.send(&Message::link(user, &company, link, &url(app, secret))).await {
        Ok(()) => "sent",
        Err(error) => {
            tracing::error!(error, "the mail server did not take a message");
            "failed"
        }
    }
}

async fn open(app: &App, text: &str) -> Result<Option<(Secret, Opened)>, Failure> {
    let Some(secret) = Secret::parse(Kind::Link, text) else { return Ok(None) };
    match app.directory.open_link(&secret).await.map_err(Failure::from) {
        Ok(opened) => Ok(Some((secret, opened))),
        Err(Failure::Forbidden(Refusal::DeadLink)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn show_form(app: &App, secret: &Secret, opened: &Opened, error: Option<String>) -> Page {
    let Some(user) = &opened.user else { return dead(app) };
    let is_rejected = error.is_some();
    let template = SetPassword {
        layout: Layout::plain(app, "Set your password"),
        action: format!("{SET_PASSWORD}/{}", secret.reveal()),
        name: user.name.clone(),
        email: user.email.to_string(),
        company: opened.company.name.clone(),
        invitation: matches!(opened.link.purpose, Purpose::Invitation(_)),
        shortest: SHORTEST,
        error,
    };
    render_form(is_rejected, &template)
}

fn forgot(app: &App, status: StatusCode, sent: bool, email: String, error: Option<String>) -> Page {
    let layout = Layout::plain(app, "Forgot your password?");
    render_with(status, &ForgotPassword { layout, mail: app.mailer.is_some(), sent, email, error })
}

fn dead(app: &App) -> Page {
    let layout = Layout::plain(app, "This link does not work");
    render_with(StatusCode::GONE, &LinkDead { layout })
}
