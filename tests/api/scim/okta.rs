//! What Okta sends, in its order and its words: `Okta SCIM Client 1.0.0`.

use offboard::model::scope::Scope;
use offboard::model::user::Status;
use reqwest::Method;
use serde_json::{Value, json};

use super::{GROUP, Provider, USER, id_of, ids, member_ids, patch_of, scene, sorted, user_id, with_query};
use crate::harness::Answer;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    the_connection_test_finds_a_user_with_all_that_okta_needs,
    a_person_is_assigned_changed_unassigned_and_assigned_again,
    an_app_of_the_wizard_puts_the_whole_user_each_time,
    groups_are_pushed_renamed_and_deleted,
    an_import_pages_through_everybody,
}

const LEE: &str = "lee.ver@okta.example";

/// A request with the headers that Okta sends, a content type without a body among them.
async fn okta(provider: &Provider<'_>, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let call = provider
        .call(method, path)
        .header("user-agent", "Okta SCIM Client 1.0.0")
        .header("accept", "application/scim+json")
        .header("content-type", "application/scim+json; charset=utf-8");
    match body {
        Some(body) => call.body(body.to_string()).send().await,
        None => call.send().await,
    }
}

async fn get(provider: &Provider<'_>, path: &str) -> Value {
    okta(provider, Method::GET, path, None).await.scim(200)
}

/// Whether somebody of this name is there, as Okta asks before each assignment.
async fn look_for(provider: &Provider<'_>, user_name: &str) -> Value {
    let filter = format!("userName eq \"{user_name}\"");
    get(provider, &with_query("/Users", &[("filter", &filter), ("startIndex", "1"), ("count", "100")])).await
}

/// An assignment: with a password and with groups, which nobody asked for.
fn assignment() -> Value {
    json!({
        "schemas": [USER],
        "userName": LEE,
        "name": {"givenName": "Lee", "familyName": "Ver"},
        "emails": [{"primary": true, "value": LEE, "type": "work"}],
        "displayName": "Lee Ver",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "5jc02mdq",
        "active": true,
    })
}

async fn the_connection_test_finds_a_user_with_all_that_okta_needs(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    okta(&provider, Method::POST, "/Users", Some(&assignment())).await.scim(201);
    for query in ["startIndex=1&count=1", "startIndex=1&count=2", "count=1&startIndex=1"] {
        let list = get(&provider, &format!("/Users?{query}")).await;
        assert_eq!((&list["totalResults"], &list["startIndex"]), (&json!(1), &json!(1)), "numbers, not texts");
        assert_eq!(list["itemsPerPage"], 1);
        let user = &list["Resources"][0];
        for pointer in ["/id", "/userName", "/name/givenName", "/name/familyName", "/emails/0/value"] {
            let value = user.pointer(pointer).and_then(Value::as_str);
            assert!(value.is_some_and(|value| !value.is_empty()), "{pointer} in {user}");
        }
        assert_eq!(user["active"], true);
    }
    let groups = get(&provider, "/Groups?startIndex=1&count=100").await;
    assert_eq!((&groups["totalResults"], &groups["Resources"]), (&json!(0), &json!([])));
    let stranger =
        platform.call(Method::GET, "/scim/v2/Users?count=1&startIndex=1").header("authorization", "Bearer x");
    stranger.send().await.scim_error(401);
    okta(&provider, Method::GET, "/Users/010101001010101011001010101011", None).await.scim_error(404);
}

async fn a_person_is_assigned_changed_unassigned_and_assigned_again(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    assert_eq!(look_for(&provider, LEE).await["totalResults"], 0);
    let made = okta(&provider, Method::POST, "/Users", Some(&assignment())).await.scim(201);
    assert!(made.get("password").is_none() && !made.to_string().contains("5jc02mdq"), "{made}");
    okta(&provider, Method::POST, "/Users", Some(&assignment())).await.scim_fault(409, "uniqueness");
    assert_eq!(look_for(&provider, &LEE.to_uppercase()).await["Resources"][0]["id"], made["id"]);
    let (id, path) = (id_of(&made), format!("/Users/{}", id_of(&made)));
    assert_eq!(get(&provider, &path).await, made);
    let (_, token) = platform.token(user_id(&id), &Scope::ALL).await;

    let unassigned = patch_of(json!([{"op": "replace", "value": {"active": false}}]));
    let answer = okta(&provider, Method::PATCH, &path, Some(&unassigned)).await;
    assert_eq!(answer.scim(200)["active"], false);
    assert_eq!((provider.status(&id).await, platform.me(&token).await.as_u16()), (Status::Deactivated, 401));
    assert_eq!(look_for(&provider, LEE).await["Resources"][0]["active"], false, "found again by the next assignment");

    let assigned = patch_of(json!([{"op": "replace", "value": {"active": true}}]));
    assert_eq!(okta(&provider, Method::PATCH, &path, Some(&assigned)).await.scim(200)["active"], true);
    let secret = patch_of(json!([{"op": "replace", "value": {"password": "0kdwi2ks"}}]));
    let answer = okta(&provider, Method::PATCH, &path, Some(&secret)).await;
    answer.scim_fault(400, "invalidPath");
    assert_eq!((provider.status(&id).await, platform.me(&token).await.as_u16()), (Status::Active, 401));
}

async fn an_app_of_the_wizard_puts_the_whole_user_each_time(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = okta(&provider, Method::POST, "/Users", Some(&assignment())).await.scim(201);
    let path = format!("/Users/{}", id_of(&made));
    let mut whole = get(&provider, &path).await;
    whole["name"]["middleName"] = json!("J");
    whole["emails"][0]["value"] = json!("lee.j@okta.example");
    whole["groups"] = json!([]);
    let put = okta(&provider, Method::PUT, &path, Some(&whole)).await.scim(200);
    assert_eq!((&put["name"], &put["emails"], &put["id"]), (&whole["name"], &whole["emails"], &made["id"]));
    assert_eq!(platform.directory.find_user("lee.j@okta.example").await.unwrap().id, user_id(&id_of(&made)));
    for active in [false, true, false] {
        whole["active"] = json!(active);
        assert_eq!(okta(&provider, Method::PUT, &path, Some(&whole)).await.scim(200)["active"], active);
    }
    assert_eq!(provider.status(&id_of(&made)).await, Status::Deactivated);
}

async fn groups_are_pushed_renamed_and_deleted(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max, eve) = (provider.user("lee").await, provider.user("max").await, provider.user("eve").await);
    let sent = json!({"schemas": [GROUP], "displayName": "Test SCIMv2", "members": []});
    let made = okta(&provider, Method::POST, "/Groups", Some(&sent)).await.scim(201);
    let (id, path) = (id_of(&made), format!("/Groups/{}", id_of(&made)));
    assert_eq!(get(&provider, "/Groups?startIndex=1&count=100").await["totalResults"], 1);

    let pushed =
        json!([{"op": "replace", "path": "members", "value": [{"value": lee, "display": "lee"}, {"value": max}]}]);
    let group = okta(&provider, Method::PATCH, &path, Some(&patch_of(pushed))).await.scim(200);
    assert_eq!(member_ids(&group), sorted(&[&lee, &max]));
    let changed = json!([
        {"op": "remove", "path": format!("members[value eq \"{lee}\"]")},
        {"op": "add", "path": "members", "value": [{"value": eve, "display": "eve@acme.example"}]},
    ]);
    let group = okta(&provider, Method::PATCH, &path, Some(&patch_of(changed))).await.scim(200);
    assert_eq!(member_ids(&group), sorted(&[&max, &eve]));
    let renamed = json!([{"op": "replace", "value": {"id": id, "displayName": "Test SCIMv2 renamed"}}]);
    let group = okta(&provider, Method::PATCH, &path, Some(&patch_of(renamed))).await.scim(200);
    assert_eq!((&group["displayName"], &group["id"]), (&json!("Test SCIMv2 renamed"), &json!(id)));
    let whole =
        json!({"schemas": [GROUP], "id": id, "displayName": "Whole", "members": [{"value": lee, "display": "l"}]});
    let group = okta(&provider, Method::PUT, &path, Some(&whole)).await.scim(200);
    assert_eq!((&group["displayName"], member_ids(&group)), (&json!("Whole"), vec![lee]));
    okta(&provider, Method::DELETE, &path, None).await.scim_nothing();
    okta(&provider, Method::GET, &path, None).await.scim_error(404);
}

async fn an_import_pages_through_everybody(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let mut made = provider.users(7).await;
    let mut seen = Vec::new();
    for start in ["1", "4", "7"] {
        let page = get(&provider, &with_query("/Users", &[("startIndex", start), ("count", "3")])).await;
        assert_eq!(page["totalResults"], 7);
        seen.extend(ids(&page));
    }
    made.sort();
    seen.sort();
    assert_eq!(seen, made, "each once");
}
