//! The form for a new token or API key.

use std::time::Duration;

use askama::Template;

use super::token_wording::Wording;
use crate::http::app::App;
use crate::http::console::page::{Choice, Layout, Page, Visitor, render_form};
use crate::http::console::scopes::{ScopeGroup, scope_groups};
use crate::http::failure::Failure;
use crate::http::form::Fields;
use crate::model::clock::parse_duration;
use crate::model::scope::{Scope, Scopes};
use crate::model::token::TokenKind;

/// How many days a token may be made to live.
const DAYS: [u32; 5] = [7, 30, 90, 180, 365];
/// How many it lives if nobody chooses.
const USUAL_DAYS: u32 = 90;

#[derive(Template)]
#[template(path = "console/token_new.html")]
struct TokenNew {
    layout: Layout,
    wording: &'static Wording,
    name: String,
    scope_groups: Vec<ScopeGroup>,
    expiries: Vec<Choice>,
    longest: Option<String>,
    error: Option<String>,
}

/// What a form asks for: scopes, and how long the token shall live. An API key has no scopes.
pub(super) fn read(kind: TokenKind, fields: &Fields) -> Result<(Scopes, Option<Duration>), Failure> {
    let scopes = match kind {
        TokenKind::Pat => fields.all("scope").map(Scope::parse).collect::<Result<Scopes, _>>()?,
        TokenKind::ApiKey => Scopes::default(),
    };
    let lifetime = match fields.get("expires") {
        "never" => None,
        days => Some(parse_duration(&format!("{days}d"))?),
    };
    Ok((scopes, lifetime))
}

/// The form, with what was typed and why it was not taken, if it was sent.
pub(super) async fn show(
    app: &App,
    visitor: &Visitor,
    kind: TokenKind,
    fields: &Fields,
    error: Option<String>,
) -> Page {
    let wording = Wording::of(kind);
    let identity = visitor.identity()?;
    let most = app.directory.company(identity.company).await?.token_days;
    let is_offered = |scope| kind == TokenKind::Pat && identity.scopes.contains(scope);
    let is_checked = |scope: Scope| fields.all("scope").any(|chosen| chosen == scope.as_str());
    let template = TokenNew {
        layout: visitor.layout(wording.new, wording.here),
        wording,
        name: fields.get("name").to_owned(),
        scope_groups: scope_groups(is_offered, is_checked),
        expiries: expiries(most, fields.filled("expires")),
        longest: most.map(days),
        error,
    };
    render_form(template.error.is_some(), &template)
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
