//! The own personal access tokens, and the own API keys: the same pages, in other words.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::Uri;

use super::token_form;
use super::token_wording::Wording;
use crate::domain::Unknown;
use crate::http::app::App;
use crate::http::console::page::{Layout, Moment, Page, Visitor, render, see};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::clock::Timestamp;
use crate::model::id::TokenId;
use crate::model::secret::Secret;
use crate::model::token::{self, TokenKind};

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct Tokens {
    layout: Layout,
    wording: &'static Wording,
    live: Vec<TokenRow>,
    ended: Vec<TokenRow>,
}

#[derive(Template)]
#[template(path = "console/token.html")]
struct Token {
    layout: Layout,
    wording: &'static Wording,
    token: TokenRow,
}

#[derive(Template)]
#[template(path = "console/token_secret.html")]
struct TokenSecret {
    layout: Layout,
    wording: &'static Wording,
    token: TokenRow,
    secret: String,
    email: String,
    url: String,
    rotated: bool,
}

#[derive(Template)]
#[template(path = "console/token_confirm.html")]
struct TokenConfirm {
    layout: Layout,
    wording: &'static Wording,
    token: TokenRow,
    act: &'static str,
    action: String,
}

/// A token or API key in a list.
pub(in crate::http::console) struct TokenRow {
    pub(in crate::http::console) id: String,
    pub(in crate::http::console) is_key: bool,
    pub(in crate::http::console) name: String,
    pub(in crate::http::console) hint: String,
    pub(in crate::http::console) scopes: Vec<&'static str>,
    pub(in crate::http::console) created: Moment,
    pub(in crate::http::console) expires: Option<Moment>,
    pub(in crate::http::console) last_used: Option<Moment>,
    pub(in crate::http::console) state: &'static str,
    pub(in crate::http::console) ended: Option<Moment>,
    pub(in crate::http::console) ended_why: &'static str,
}

impl TokenRow {
    pub(in crate::http::console) fn new(token: token::Token, now: Timestamp) -> Self {
        let state = match (&token.ended, token.is_live(now)) {
            (Some(_), _) => "ended",
            (None, true) => "live",
            (None, false) => "expired",
        };
        Self {
            state,
            id: token.id.to_string(),
            is_key: token.kind == TokenKind::ApiKey,
            name: token.name,
            hint: token.hint,
            scopes: token.scopes.names(),
            created: Moment(token.created_at),
            expires: token.expires_at.map(Moment),
            last_used: token.last_used_at.map(Moment),
            ended: token.ended.map(|(at, _)| Moment(at)),
            ended_why: token.ended.map_or("", |(_, reason)| words::token_end(reason)),
        }
    }

    /// Live ones and others.
    pub(in crate::http::console) fn parted(tokens: Vec<token::Token>, now: Timestamp) -> (Vec<Self>, Vec<Self>) {
        tokens.into_iter().map(|token| Self::new(token, now)).partition(|row| row.state == "live")
    }
}

/// `GET /settings/tokens`
pub(in crate::http::console) async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    uri: Uri,
) -> Page {
    let wording = Wording::of(kind);
    let mut tokens = app.directory.list_tokens(visitor.identity()?.user).await?;
    tokens.retain(|token| token.kind == kind);
    let (live, ended) = TokenRow::parted(tokens, app.clock.now());
    let layout = visitor.layout(wording.title, wording.here).with_notice(Fields::of_query(&uri).filled("done"));
    render(&Tokens { layout, wording, live, ended })
}

/// `GET /settings/tokens/new`
pub(in crate::http::console) async fn show_new(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
) -> Page {
    token_form::show(&app, &visitor, kind, &Fields::default(), None).await
}

/// `POST /settings/tokens`
pub(in crate::http::console) async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let owner = visitor.identity()?.user;
    let made = match token_form::read(kind, &fields) {
        Ok((scopes, lifetime)) => {
            let name = fields.get("name");
            let made = app.directory.issue_token(&visitor.caller, owner, kind, name, scopes, lifetime).await;
            made.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match made {
        Ok((token, secret)) => show_secret(&app, &visitor, token, &secret, false),
        Err(failure) => {
            let error = words::beside_form(failure)?;
            token_form::show(&app, &visitor, kind, &fields, Some(error)).await
        }
    }
}

/// `GET /settings/tokens/{id}`
pub(in crate::http::console) async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    Path(id): Path<String>,
) -> Page {
    let wording = Wording::of(kind);
    let token = own(&app, &visitor, kind, &id).await?;
    let layout = visitor.layout(wording.one, wording.here);
    render(&Token { layout, wording, token: TokenRow::new(token, app.clock.now()) })
}

/// `GET /settings/tokens/{id}/rotate`
pub(in crate::http::console) async fn confirm_rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, kind, &id, "rotate").await
}

/// `POST /settings/tokens/{id}/rotate`
pub(in crate::http::console) async fn rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    Path(id): Path<String>,
) -> Page {
    let old = own(&app, &visitor, kind, &id).await?;
    let (token, secret) = app.directory.rotate_token(&visitor.caller, old.user, old.id).await?;
    show_secret(&app, &visitor, token, &secret, true)
}

/// `GET /settings/tokens/{id}/delete`
pub(in crate::http::console) async fn confirm_delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, kind, &id, "delete").await
}

/// `POST /settings/tokens/{id}/delete`
pub(in crate::http::console) async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(kind): Extension<TokenKind>,
    Path(id): Path<String>,
) -> Page {
    let token = own(&app, &visitor, kind, &id).await?;
    app.directory.delete_token(&visitor.caller, token.id).await?;
    see(&format!("{}?done={}", Wording::of(kind).path, deleted(kind)))
}

/// What was done when one of this kind was deleted, by its short name.
pub(in crate::http::console) fn deleted(kind: TokenKind) -> &'static str {
    Wording::of(kind).deleted
}

/// A token's identifier in a path.
pub(in crate::http::console) fn token_id(text: &str) -> Result<TokenId, Failure> {
    TokenId::parse(text).map_err(|_| Failure::NotFound(Unknown::Page))
}

/// The visitor's own of this kind.
async fn own(app: &App, visitor: &Visitor, kind: TokenKind, id: &str) -> Result<token::Token, Failure> {
    let id = token_id(id)?;
    let token = app.directory.find_token(visitor.identity()?.user, id).await?;
    if token.kind == kind { Ok(token) } else { Err(Failure::NotFound(Unknown::Token(id))) }
}

async fn confirm(app: &App, visitor: &Visitor, kind: TokenKind, id: &str, act: &'static str) -> Page {
    let wording = Wording::of(kind);
    let token = own(app, visitor, kind, id).await?;
    if token.ended.is_some() || (act == "rotate" && !token.is_live(app.clock.now())) {
        return see(&format!("{}/{}", wording.path, token.id));
    }
    let action = format!("{}/{}/{act}", wording.path, token.id);
    let title = if act == "rotate" { wording.rotate } else { wording.delete };
    let token = TokenRow::new(token, app.clock.now());
    render(&TokenConfirm { layout: visitor.layout(title, wording.here), wording, token, act, action })
}

fn show_secret(app: &App, visitor: &Visitor, token: token::Token, secret: &Secret, rotated: bool) -> Page {
    let wording = Wording::of(token.kind);
    render(&TokenSecret {
        layout: visitor.layout(wording.secret, wording.here),
        wording,
        token: TokenRow::new(token, app.clock.now()),
        secret: secret.reveal().to_owned(),
        email: visitor.identity()?.email.clone(),
        url: format!("{}/legacy-api/1", app.settings.public_url),
        rotated,
    })
}
