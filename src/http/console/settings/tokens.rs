//! The own personal access tokens.

use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::Uri;

use crate::domain::Unknown;
use crate::http::app::App;
use crate::http::console::page::{Choice, Layout, Moment, Page, Visitor, render, render_form, see};
use crate::http::console::words;
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::actor::Identity;
use crate::model::clock::{Timestamp, parse_duration};
use crate::model::id::TokenId;
use crate::model::scope::{Scope, Scopes};
use crate::model::secret::Secret;
use crate::model::token;

/// How many days a token may be made to live.
const DAYS: [u32; 5] = [7, 30, 90, 180, 365];
/// How many it lives if nobody chooses.
const USUAL_DAYS: u32 = 90;

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct Tokens {
    layout: Layout,
    live: Vec<TokenRow>,
    ended: Vec<TokenRow>,
}

#[derive(Template)]
#[template(path = "console/token.html")]
struct Token {
    layout: Layout,
    token: TokenRow,
}

#[derive(Template)]
#[template(path = "console/token_new.html")]
struct TokenNew {
    layout: Layout,
    name: String,
    groups: Vec<ScopeGroup>,
    expiries: Vec<Choice>,
    longest: Option<String>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/token_secret.html")]
struct TokenSecret {
    layout: Layout,
    token: TokenRow,
    secret: String,
    rotated: bool,
}

#[derive(Template)]
#[template(path = "console/token_confirm.html")]
struct TokenConfirm {
    layout: Layout,
    token: TokenRow,
    act: &'static str,
    action: String,
}

struct ScopeGroup {
    api: &'static str,
    scopes: Vec<ScopeChoice>,
}

struct ScopeChoice {
    name: &'static str,
    explained: &'static str,
    checked: bool,
}

/// A token in a list.
pub(in crate::http::console) struct TokenRow {
    pub(in crate::http::console) id: String,
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
    uri: Uri,
) -> Page {
    let tokens = app.directory.list_tokens(visitor.identity()?.user).await?;
    let (live, ended) = TokenRow::parted(tokens, app.clock.now());
    let layout = visitor.layout("Tokens", "tokens").with_notice(Fields::of_query(&uri).filled("done"));
    render(&Tokens { layout, live, ended })
}

/// `GET /settings/tokens/new`
pub(in crate::http::console) async fn show_new(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Page {
    form(&app, &visitor, &Fields::default(), None).await
}

/// `POST /settings/tokens`
pub(in crate::http::console) async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    request: Request,
) -> Page {
    let fields = Fields::of_body(&app, request).await?;
    let owner = visitor.identity()?.user;
    let asked = read(&fields);
    let made = match asked {
        Ok((scopes, lifetime)) => {
            let name = fields.get("name");
            app.directory.issue_token(&visitor.caller, owner, name, scopes, lifetime).await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match made {
        Ok((token, secret)) => show_secret(&app, &visitor, token, &secret, false),
        Err(failure) => form(&app, &visitor, &fields, Some(words::beside_form(failure)?)).await,
    }
}

/// `GET /settings/tokens/{id}`
pub(in crate::http::console) async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let token = own(&app, &visitor, &id).await?;
    render(&Token { layout: visitor.layout("Token", "tokens"), token: TokenRow::new(token, app.clock.now()) })
}

/// `GET /settings/tokens/{id}/rotate`
pub(in crate::http::console) async fn confirm_rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, &id, "rotate").await
}

/// `POST /settings/tokens/{id}/rotate`
pub(in crate::http::console) async fn rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let owner = visitor.identity()?.user;
    let (token, secret) = app.directory.rotate_token(&visitor.caller, owner, token_id(&id)?).await?;
    show_secret(&app, &visitor, token, &secret, true)
}

/// `GET /settings/tokens/{id}/delete`
pub(in crate::http::console) async fn confirm_delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    confirm(&app, &visitor, &id, "delete").await
}

/// `POST /settings/tokens/{id}/delete`
pub(in crate::http::console) async fn delete(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    let token = own(&app, &visitor, &id).await?;
    app.directory.delete_token(&visitor.caller, token.id).await?;
    see("/settings/tokens?done=token-deleted")
}

/// A token's identifier in a path.
pub(in crate::http::console) fn token_id(text: &str) -> Result<TokenId, Failure> {
    TokenId::parse(text).map_err(|_| Failure::NotFound(Unknown::Page))
}

async fn own(app: &App, visitor: &Visitor, id: &str) -> Result<token::Token, Failure> {
    Ok(app.directory.find_token(visitor.identity()?.user, token_id(id)?).await?)
}

async fn confirm(app: &App, visitor: &Visitor, id: &str, act: &'static str) -> Page {
    let token = own(app, visitor, id).await?;
    if token.ended.is_some() || (act == "rotate" && !token.is_live(app.clock.now())) {
        return see(&format!("/settings/tokens/{}", token.id));
    }
    let action = format!("/settings/tokens/{}/{act}", token.id);
    let title = if act == "rotate" { "Rotate token" } else { "Delete token" };
    let token = TokenRow::new(token, app.clock.now());
    render(&TokenConfirm { layout: visitor.layout(title, "tokens"), token, act, action })
}

fn show_secret(app: &App, visitor: &Visitor, token: token::Token, secret: &Secret, rotated: bool) -> Page {
    render(&TokenSecret {
        layout: visitor.layout("Your new token", "tokens"),
        token: TokenRow::new(token, app.clock.now()),
        secret: secret.reveal().to_owned(),
        rotated,
    })
}

/// What a form asks for: scopes, and how long the token shall live.
fn read(fields: &Fields) -> Result<(Scopes, Option<Duration>), Failure> {
    let invalid = |invalid: crate::model::Invalid| Failure::Invalid(invalid.0);
    let scopes = fields.all("scope").map(Scope::parse).collect::<Result<_, _>>().map_err(invalid)?;
    let lifetime = match fields.get("expires") {
        "never" => None,
        days => Some(parse_duration(&format!("{days}d")).map_err(invalid)?),
    };
    Ok((scopes, lifetime))
}

async fn form(app: &App, visitor: &Visitor, fields: &Fields, error: Option<String>) -> Page {
    let identity = visitor.identity()?;
    let most = app.directory.company(identity.company).await?.token_days;
    let template = TokenNew {
        layout: visitor.layout("New token", "tokens"),
        name: fields.get("name").to_owned(),
        groups: groups(identity, fields),
        expiries: expiries(most, fields.filled("expires")),
        longest: most.map(days),
        error,
    };
    render_form(template.error.is_some(), &template)
}

/// The scopes that somebody may give to a token, by the API that asks for them.
fn groups(identity: &Identity, fields: &Fields) -> Vec<ScopeGroup> {
    let mut groups: Vec<ScopeGroup> = Vec::new();
    for scope in Scope::ALL.into_iter().filter(|scope| identity.scopes.contains(*scope)) {
        let choice = ScopeChoice {
            name: scope.as_str(),
            explained: scope.explained(),
            checked: fields.all("scope").any(|chosen| chosen == scope.as_str()),
        };
        match groups.iter_mut().find(|group| group.api == scope.api()) {
            Some(group) => group.scopes.push(choice),
            None => groups.push(ScopeGroup { api: scope.api(), scopes: vec![choice] }),
        }
    }
    groups
}

/// How long a token may live, within the company's maximum.
fn expiries(most: Option<u32>, chosen: Option<&str>) -> Vec<Choice> {
    let mut allowed: Vec<u32> = DAYS.into_iter().filter(|days| most.is_none_or(|most| *days <= most)).collect();
    if let Some(most) = most.filter(|most| !allowed.contains(most)) {
        allowed.push(most);
    }
    let usual = allowed.iter().rev().find(|days| **days <= USUAL_DAYS).or(allowed.first()).copied();
    let mut choices: Vec<Choice> = allowed
        .into_iter()
        .map(|number| {
            let value = number.to_string();
            let selected = chosen.map_or(Some(number) == usual, |chosen| chosen == value);
            Choice { label: format!("in {}", days(number)), value, selected }
        })
        .collect();
    if most.is_none() {
        let selected = chosen == Some("never");
        choices.push(Choice { value: "never".to_owned(), label: "never".to_owned(), selected });
    }
    choices
}

fn days(number: u32) -> String {
    if number == 1 { "1 day".to_owned() } else { format!("{number} days") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(most: Option<u32>, chosen: Option<&str>) -> (Vec<String>, String) {
        let choices = expiries(most, chosen);
        let selected = choices.iter().filter(|choice| choice.selected).map(|choice| choice.value.clone()).collect();
        (choices.into_iter().map(|choice| choice.value).collect(), selected)
    }

    #[test]
    fn the_lives_on_offer_are_within_the_companys_maximum() {
        let all = ["7", "30", "90", "180", "365", "never"].map(str::to_owned).to_vec();
        assert_eq!(offered(None, None), (all.clone(), "90".to_owned()));
        assert_eq!(offered(None, Some("never")), (all, "never".to_owned()));
        assert_eq!(offered(Some(60), None), (["7", "30", "60"].map(str::to_owned).to_vec(), "60".to_owned()));
        assert_eq!(offered(Some(3), None), (vec!["3".to_owned()], "3".to_owned()));
    }
}
