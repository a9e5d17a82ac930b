//! API keys in the settings, on the page of a member, and in the list of who still calls the deprecated API.

use offboard::domain::groups::NewGroup;
use offboard::model::group::Rights;
use offboard::model::scope::Scopes;
use offboard::model::token::TokenKind;
use offboard::model::user::Role;
use reqwest::{Method, StatusCode};

use super::{Scene, conceals, given_group, new_group, rejected, says, scene};
use crate::harness::{Platform, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    api_keys_are_made_rotated_and_deleted_by_their_owner,
    keys_and_tokens_have_pages_of_their_own,
    a_members_page_names_the_groups_and_the_kinds_of_tokens,
    who_still_calls_the_deprecated_api_is_listed,
}

const KEYS: &str = "/settings/api-keys";
const CALLERS: &str = "/control-center/deprecated-api";

/// Whether an API key opens the API that it is for.
async fn opens(platform: &Platform, email: &str, key: &str) -> StatusCode {
    let call = platform.call(Method::GET, "/legacy-api/1/users");
    call.header("mendix-username", email).header("mendix-apikey", key).send().await.status
}

async fn api_keys_are_made_rotated_and_deleted_by_their_owner(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, mut admin, mut member, .. } = scene(&platform).await;
    says(&admin.get(KEYS).await, &["You have no API key", "/settings/api-keys/new"]);
    let form = admin.get(&format!("{KEYS}/new")).await;
    says(&form, &["New API key", "Create API key"]);
    conceals(&form, &["name=\"scope\""]);
    rejected(&admin.post(KEYS, &[("name", ""), ("expires", "30")]).await, "name is empty");
    rejected(&admin.post(KEYS, &[("name", "x"), ("expires", "soon")]).await, "is no length of time");
    let made = admin.post(KEYS, &[("name", "old script"), ("expires", "30")]).await;
    let secret = format!("obk_{}", made.value_after("value=\"obk_"));
    let headers = format!("Mendix-Username: ada@acme.example\nMendix-ApiKey: {secret}");
    says(&made, &["old script is ready", &headers, "http://localhost/legacy-api/1"]);
    assert_eq!(
        (opens(&platform, &ada.email, &secret).await, platform.me(&secret).await.as_u16()),
        (StatusCode::OK, 401)
    );

    let tokens = platform.directory.list_tokens(ada.id).await.unwrap();
    let key = tokens.iter().find(|token| token.kind == TokenKind::ApiKey).unwrap();
    assert!(key.scopes.is_empty() && key.expires_at.is_some(), "{key:?}");
    let path = format!("{KEYS}/{}", key.id);
    let page = admin.get(&path).await;
    says(&page, &["old script", "The deprecated User Management API"]);
    conceals(&page, &[&secret]);
    for act in ["rotate", "delete"] {
        assert_eq!(member.get(&format!("{path}/{act}")).await.status, 404, "nobody else's");
        assert_eq!(member.post(&format!("{path}/{act}"), &[]).await.status, 404, "nobody else's");
    }
    says(&admin.get(&format!("{path}/rotate")).await, &["Rotate old script?", "Rotate API key"]);
    let rotated = admin.post(&format!("{path}/rotate"), &[]).await;
    let new = format!("obk_{}", rotated.value_after("value=\"obk_"));
    assert_eq!(opens(&platform, &ada.email, &secret).await, 401);
    assert_eq!(opens(&platform, &ada.email, &new).await, 200);
    let tokens = platform.directory.list_tokens(ada.id).await.unwrap();
    let live = |token: &&offboard::model::token::Token| token.kind == TokenKind::ApiKey && token.ended.is_none();
    let path = format!("{KEYS}/{}", tokens.iter().find(live).unwrap().id);
    says(&admin.get(&format!("{path}/delete")).await, &["Delete old script?", "Delete API key"]);
    assert_eq!(admin.post(&format!("{path}/delete"), &[]).await.sent_on(), "/settings/api-keys?done=key-deleted");
    assert_eq!(opens(&platform, &ada.email, &new).await, 401);
    says(&admin.get(&format!("{KEYS}?done=key-deleted")).await, &["The API key was deleted.", "Ended API keys"]);
}

async fn keys_and_tokens_have_pages_of_their_own(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, mut admin, .. } = scene(&platform).await;
    let made = admin.post(KEYS, &[("name", "old script"), ("expires", "never"), ("scope", "mx:everything")]).await;
    assert_eq!(made.status, 200, "an API key has no scopes");
    let tokens = platform.directory.list_tokens(ada.id).await.unwrap();
    let key = tokens.iter().find(|token| token.kind == TokenKind::ApiKey).unwrap().id;
    let list = admin.get(KEYS).await;
    says(&list, &["old script"]);
    conceals(&list, &[">test<"]);
    let list = admin.get("/settings/tokens").await;
    says(&list, &[">test<"]);
    conceals(&list, &["old script"]);
    for path in [format!("/settings/tokens/{key}"), format!("{KEYS}/{}", ada.token_id)] {
        for act in ["", "/rotate", "/delete"] {
            assert_eq!(admin.get(&format!("{path}{act}")).await.status, 404, "{path}{act}");
        }
        for act in ["/rotate", "/delete"] {
            assert_eq!(admin.post(&format!("{path}{act}"), &[]).await.status, 404, "{path}{act}");
        }
    }
    assert_eq!(platform.me(&ada.token).await, 200);
}

async fn a_members_page_names_the_groups_and_the_kinds_of_tokens(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, lee, mut admin, .. } = scene(&platform).await;
    let path = format!("/control-center/members/{}", lee.id);
    let page = admin.get(&path).await;
    says(&page, &["In no group."]);
    conceals(&page, &["API key</span>"]);
    let (caller, kind, scopes) = (operator(), TokenKind::ApiKey, Scopes::default());
    let issued = platform.directory.issue_token(&caller, lee.id, kind, "old script", scopes, None).await;
    let (key, _) = issued.unwrap();
    let rights = Rights { role: Some(Role::MemberManager), ..Rights::default() };
    let new = NewGroup { locked: true, ..new_group("Helpdesk", rights, &[lee.id]) };
    let (_, group) = given_group(&platform, &acme, new).await;
    given_group(&platform, &acme, new_group("Choir", Rights::default(), &[lee.id])).await;
    let page = admin.get(&path).await;
    says(&page, &["old script", "API key</span>", "the API key old script", "the token test", ">Choir</a>"]);
    says(&page, &["Member Manager", "By the group", &format!("href=\"{group}\">Helpdesk</a>"), ">Locked</span>"]);
    says(&page, &["Groups <span class=\"count\">2</span>"]);
    let id = lee.id.to_string();
    let confirm = admin.post("/control-center/members/confirm", &[("act", "deactivate"), ("user", &id)]).await;
    says(&confirm, &["API key <strong>old script</strong>", "Token <strong>test</strong>"]);
    let deleted = admin.post(&format!("{path}/tokens/{}/delete", key.id), &[]).await;
    assert_eq!(deleted.sent_on(), format!("{path}?done=key-deleted"));
}

async fn who_still_calls_the_deprecated_api_is_listed(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, mut admin, .. } = scene(&platform).await;
    says(&admin.get(CALLERS).await, &["Nobody calls the User Management API", "it can be switched off"]);
    let globex = platform.company("Globex").await;
    let zoe = platform.admin(&globex, "zoe").await;
    for person in [&ada, &zoe] {
        let name = format!("script of {}", person.email);
        let kind = TokenKind::ApiKey;
        let issued = platform.directory.issue_token(&operator(), person.id, kind, &name, Scopes::default(), None).await;
        let (_, secret) = issued.unwrap();
        for _ in 0..3 {
            assert_eq!(opens(&platform, &person.email, secret.reveal()).await, 200);
        }
    }
    let page = admin.get(CALLERS).await;
    says(&page, &["GET users", "script of ada@acme.example", "<dd>3</dd>", "datetime=\""]);
    says(&page, &[&format!("href=\"/control-center/members/{}\"", ada.id)]);
    conceals(&page, &["zoe", "globex"]);
}
