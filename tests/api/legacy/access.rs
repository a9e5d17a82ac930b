//! Who may make which call, of whose people, and by what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use offboard::http::document;
use offboard::model::company::Company;
use offboard::model::id::{GroupId, UserId};
use offboard::model::user::{Role, Status};
use reqwest::Method;
use serde_json::json;

use super::{
    BASE, NOBODY, Script, announced, api_key, done, encoded, group, open_id, refused, start, status_of, told,
    unknown_key, user_path, with,
};
use crate::browser::Browser;
use crate::harness::{Answer, Person, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    each_role_may_call_what_the_contract_says,
    what_another_company_has_is_as_unknown_as_none,
    every_bad_credential_gets_the_same_401,
    the_username_is_an_address_in_whatever_spelling,
    a_dead_key_is_refused_at_once,
    a_key_opens_nothing_else_and_nothing_else_opens_this,
    no_operation_opens_without_a_good_key,
    checks_come_in_the_contracts_order,
}

/// A good request, the least role that may make it, and the status that it then has.
struct Try(Method, String, String, Role, u16);

fn tries(lee: &Person, group: GroupId, name: &str) -> Vec<Try> {
    use Role::{CompanyManager, MemberManager};

    let (user, member) = (user_path(lee.id), format!("/groups/{group}/users/{}", encoded(&open_id(lee.id))));
    let (by_email, by_name) = (format!("/users/by-email/{}", lee.email), format!("/groups/by-name/{name}"));
    let (one, members) = (format!("/groups/{group}"), format!("/groups/{group}/users"));
    let add = json!({"openId": open_id(lee.id)}).to_string();
    let (new, renamed) = (json!({"name": format!("new {name}")}).to_string(), json!({"name": name}).to_string());
    let (away, back) = (r#"{"activeStatus":false}"#.to_owned(), r#"{"activeStatus":true}"#.to_owned());
    vec![
        Try(Method::GET, by_email, String::new(), MemberManager, 200),
        Try(Method::GET, "/users".to_owned(), String::new(), MemberManager, 200),
        Try(Method::GET, by_name, String::new(), MemberManager, 200),
        Try(Method::GET, one.clone(), String::new(), MemberManager, 200),
        Try(Method::GET, "/groups".to_owned(), String::new(), MemberManager, 200),
        Try(Method::GET, members.clone(), String::new(), MemberManager, 200),
        Try(Method::POST, members, add, MemberManager, 200),
        Try(Method::DELETE, member, String::new(), MemberManager, 200),
        Try(Method::PUT, user.clone(), away, MemberManager, 200),
        Try(Method::POST, user, back, MemberManager, 200),
        Try(Method::POST, "/groups".to_owned(), new, CompanyManager, 201),
        Try(Method::PUT, one.clone(), renamed, CompanyManager, 200),
        Try(Method::DELETE, one, String::new(), CompanyManager, 200),
    ]
}

async fn each_role_may_call_what_the_contract_says(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    platform.admin(&acme, "ada").await;
    for role in Role::ALL {
        let script = Script::of(&platform, &acme, role.as_str(), role).await;
        let lee = platform.member(&acme, &format!("lee-{}", role.as_str())).await;
        let developers = group(&platform, &acme, role.as_str()).await;
        let before = platform.trail().await.len();
        let mut refusals = Vec::new();
        for Try(method, path, body, needs, status) in tries(&lee, developers, role.as_str()) {
            let answer = script.send(method.clone(), &path, &body).await;
            if role >= needs {
                announced(&answer);
                assert_eq!(answer.status, status, "{role:?} {method} {path}: {answer:?}");
            } else {
                refused(&answer, 403, "FORBIDDEN");
                refusals.push(answer.request_id());
            }
        }
        let entries = platform.trail().await.split_off(before);
        let of_refusals = entries.iter().filter(|entry| entry.refusal.is_some());
        let found: Vec<_> = of_refusals.clone().map(|entry| entry.request).collect();
        assert_eq!(found, refusals, "each refused call has its entry: {entries:?}");
        assert!(of_refusals.clone().all(|entry| entry.door == "user_management_api"), "{entries:?}");
        let expected = match role {
            Role::Member => 13,
            Role::MemberManager => 3,
            Role::CompanyManager | Role::MendixAdmin => 0,
        };
        assert_eq!(refusals.len(), expected, "{role:?}");
        if role < Role::CompanyManager {
            assert_eq!(platform.directory.group(acme.id, developers).await.unwrap().name, role.as_str());
        }
        assert_eq!(status_of(&platform, &lee).await, Status::Active);
        assert_eq!(platform.me(&lee.token).await == 200, role == Role::Member, "{role:?}");
    }
}

/// Status, body and headers, without what names the request.
fn shape(answer: &Answer) -> (u16, String, Vec<String>) {
    let headers = answer.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let headers = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    (answer.status.as_u16(), answer.body.clone(), headers)
}

async fn what_another_company_has_is_as_unknown_as_none(engine: Engine) {
    let platform = start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let ada = Script::of(&platform, &acme, "ada", Role::MendixAdmin).await;
    let zoe = platform.member(&globex, "zoe").await;
    let (own, foreign) = (group(&platform, &acme, "Own").await, group(&platform, &globex, "Foreign").await);
    let (nobody, none) = (UserId::parse(NOBODY).unwrap(), GroupId::parse(NOBODY).unwrap());
    let requests = |user: UserId, email: &str, group: GroupId, name: &str| {
        let (away, back) = (r#"{"activeStatus":false}"#.to_owned(), r#"{"activeStatus":true}"#.to_owned());
        let (named, added) = (r#"{"name":"Own2"}"#.to_owned(), json!({"openId": open_id(ada.id)}).to_string());
        let stranger = json!({"openId": open_id(user)}).to_string();
        let member = |group: GroupId, user: UserId| format!("/groups/{group}/users/{}", encoded(&open_id(user)));
        vec![
            (Method::GET, format!("/users/by-email/{email}"), String::new()),
            (Method::PUT, user_path(user), away.clone()),
            (Method::PUT, user_path(user), back),
            (Method::POST, user_path(user), away),
            (Method::GET, format!("/groups/{group}"), String::new()),
            (Method::GET, format!("/groups/by-name/{name}"), String::new()),
            (Method::GET, format!("/groups/{group}/users"), String::new()),
            (Method::PUT, format!("/groups/{group}"), named),
            (Method::DELETE, format!("/groups/{group}"), String::new()),
            (Method::POST, format!("/groups/{group}/users"), added),
            (Method::DELETE, member(group, ada.id), String::new()),
            (Method::POST, format!("/groups/{own}/users"), stranger),
            (Method::DELETE, member(own, user), String::new()),
        ]
    };
    let others = requests(zoe.id, &zoe.email, foreign, "Foreign");
    let unknown = requests(nobody, "nobody@globex.example", none, "Nothing");
    for status in [Status::Active, Status::Deactivated] {
        for ((method, path, body), (_, other_path, other_body)) in others.iter().zip(&unknown) {
            let answer = ada.send(method.clone(), path, body).await;
            refused(&answer, 404, "RESOURCE_NOT_FOUND");
            let compared = ada.send(method.clone(), other_path, other_body).await;
            assert_eq!(shape(&answer), shape(&compared), "{method} {path}");
        }
        assert_eq!(status_of(&platform, &zoe).await, status);
        platform.directory.deactivate(&operator(), zoe.id, act()).await.unwrap();
    }
    assert_eq!(platform.directory.group(globex.id, foreign).await.unwrap().name, "Foreign");
    let trail = platform.trail().await;
    let by_ada = |company: &Company| {
        trail.iter().any(|entry| entry.company == Some(company.id) && entry.door == "user_management_api")
    };
    assert_eq!((by_ada(&acme), by_ada(&globex)), (true, false), "never in the trail of the other company");
}

async fn every_bad_credential_gets_the_same_401(engine: Engine) {
    let platform = start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let ada = platform.admin(&acme, "ada").await;
    let own = Script::by(&platform, &ada).await;
    let bob = Script::of(&platform, &acme, "bob", Role::MendixAdmin).await;
    let zoe = Script::of(&platform, &globex, "zoe", Role::MendixAdmin).await;
    let (user, key) = ("mendix-username", "mendix-apikey");
    let mut changed = own.key.clone();
    changed.replace_range(10..11, if &own.key[10..11] == "A" { "B" } else { "A" });
    let before = platform.trail().await.len();
    let (unknown, authorization) = (unknown_key(), format!("MxToken {}", own.key));
    let attempts: [&[(&str, &str)]; 18] = [
        &[],
        &[(user, &ada.email)],
        &[(key, &own.key)],
        &[(user, ""), (key, &own.key)],
        &[(user, "nonsense"), (key, &own.key)],
        &[(user, &ada.email), (key, "")],
        &[(user, &ada.email), (key, "nonsense")],
        &[(user, &ada.email), (key, &changed)],
        &[(user, &ada.email), (key, &unknown)],
        &[(user, "nobody@acme.example"), (key, &unknown)],
        &[(user, &ada.email), (key, &ada.token)],
        &[(user, &bob.email), (key, &own.key)],
        &[(user, &zoe.email), (key, &own.key)],
        &[(user, "nobody@acme.example"), (key, &own.key)],
        &[(user, &ada.email), (key, &own.key), (key, &own.key)],
        &[(user, &ada.email), (user, &ada.email), (key, &own.key)],
        &[(user, &own.key), (key, &ada.email)],
        &[("authorization", &authorization), (user, &ada.email)],
    ];
    let mut shapes = BTreeSet::new();
    for headers in attempts {
        let answer = with(&platform, headers).await;
        refused(&answer, 401, "UNAUTHORIZED");
        assert!(answer.header("www-authenticate").starts_with("MendixApiKey "), "{answer:?}");
        shapes.insert(shape(&answer));
    }
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert_eq!(platform.trail().await.len(), before, "strangers leave no durable trace");
    told(&with(&platform, &[(user, &ada.email), (key, &own.key)]).await);
}

async fn the_username_is_an_address_in_whatever_spelling(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let jose = Script::of(&platform, &acme, "jos\u{e9}", Role::MemberManager).await;
    for username in ["jos\u{e9}@acme.example", "JOSE\u{301}@Acme.EXAMPLE", "  jos\u{e9}@acme.example "] {
        told(&with(&platform, &[("MENDIX-USERNAME", username), ("MENDIX-APIKEY", &jose.key)]).await);
    }
    let plain = with(&platform, &[("mendix-username", "jose@acme.example"), ("mendix-apikey", &jose.key)]).await;
    refused(&plain, 401, "UNAUTHORIZED");
}

async fn a_dead_key_is_refused_at_once(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let (cal, max) = (
        Script::of(&platform, &acme, "cal", Role::CompanyManager).await,
        Script::of(&platform, &acme, "max", Role::MemberManager).await,
    );
    let (id, key) = api_key(&platform, max.id, Some(Duration::from_secs(60))).await;
    let expiring = max.with_key(id, key);
    let (id, key) = api_key(&platform, max.id, None).await;
    let deleted = max.with_key(id, key);
    assert_eq!((expiring.status().await, deleted.status().await), (200, 200));
    platform.directory.delete_token(&operator(), deleted.key_id).await.unwrap();
    assert_eq!((expiring.status().await, deleted.status().await), (200, 401));
    platform.clock.advance(Duration::from_secs(60));
    assert_eq!(expiring.status().await, 401);

    let eve = Script::of(&platform, &acme, "eve", Role::MemberManager).await;
    assert_eq!(eve.status().await, 200);
    platform.directory.suspend(&operator(), eve.id, act()).await.unwrap();
    assert_eq!(eve.status().await, 401);
    platform.directory.resume(&operator(), eve.id, act()).await.unwrap();
    assert_eq!(eve.status().await, 200);
    done(&cal.deactivate(eve.id).await);
    refused(&eve.get("/users").await, 401, "UNAUTHORIZED");
    refused(&eve.deactivate(cal.id).await, 401, "UNAUTHORIZED");
    platform.directory.reactivate(&operator(), eve.id, act()).await.unwrap();
    assert_eq!((eve.status().await, cal.status().await), (401, 200));
    assert_eq!(platform.directory.find_user(&cal.email).await.unwrap().status, Status::Active);
}

async fn a_key_opens_nothing_else_and_nothing_else_opens_this(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let own = Script::by(&platform, &ada).await;
    assert_eq!((own.status().await, platform.me(&ada.token).await.as_u16()), (200, 200));
    assert_eq!(platform.me(&own.key).await, 401);
    platform.patch(&own.key, &lee.id.to_string(), r#"{"active":false}"#).await.bare_string(401);
    platform.call(Method::POST, "/v1/uuids").token(&own.key).send().await.bare_string(401);
    assert_eq!(platform.me(&lee.token).await, 200);

    platform.with_password(ada.id).await;
    let mut browser = Browser::signed_in(&platform, &ada.email).await;
    assert!(browser.is_let_in().await);
    refused(&browser.get(&format!("{BASE}/users")).await, 401, "UNAUTHORIZED");
    let session = browser.cookie.as_deref().and_then(|cookie| cookie.split_once('=')).unwrap().1.to_owned();
    for secret in [session, ada.token.clone(), unknown_token()] {
        let headers = [("mendix-username", ada.email.as_str()), ("mendix-apikey", secret.as_str())];
        refused(&with(&platform, &headers).await, 401, "UNAUTHORIZED");
    }
    refused(&platform.get(&format!("{BASE}/users"), &ada.token).await, 401, "UNAUTHORIZED");
}

/// Each operation of the document, with its method and a path that names what there is.
fn operations(lee: &Person, group: GroupId, name: &str) -> BTreeMap<String, (Method, String)> {
    let document = serde_json::to_value(document()).unwrap();
    let mut found = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(place) = path.strip_prefix(BASE) else { continue };
        for (method, operation) in methods.as_object().unwrap() {
            assert_eq!(operation["deprecated"], true, "{method} {path}");
            assert_eq!(operation["tags"], json!(["User Management (deprecated)"]), "{method} {path}");
            assert_eq!(operation["security"], json!([{"MendixUsername": [], "MendixApiKey": []}]), "{method} {path}");
            let named = place
                .replace("{email}", &lee.email)
                .replace("{openId}", &encoded(&open_id(lee.id)))
                .replace("{uuid}", &group.to_string())
                .replace("{name}", name);
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            found.insert(operation["operationId"].as_str().unwrap().to_owned(), (method, named));
        }
    }
    assert_eq!(found.len(), 13, "the eleven calls, one of them by two methods, and groups by two keys: {found:?}");
    found
}

async fn no_operation_opens_without_a_good_key(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let developers = group(&platform, &acme, "Developers").await;
    let eve = Script::of(&platform, &acme, "eve", Role::MendixAdmin).await;
    let ada = Script::of(&platform, &acme, "ada", Role::MendixAdmin).await;
    done(&ada.deactivate(eve.id).await);
    let unknown = ada.with_key(ada.key_id, unknown_key());
    let misnamed = Script { email: lee.email.clone(), ..ada.with_key(ada.key_id, ada.key.clone()) };
    let before = platform.trail().await.len();
    let bodies = BTreeMap::from([
        ("management_add_member", json!({"openId": open_id(lee.id)}).to_string()),
        ("management_create_group", r#"{"name":"New"}"#.to_owned()),
        ("management_change_group", r#"{"name":"Makers"}"#.to_owned()),
        ("management_set_status", r#"{"activeStatus":false}"#.to_owned()),
        ("management_set_status_by_post", r#"{"activeStatus":false}"#.to_owned()),
    ]);
    for (id, (method, path)) in operations(&lee, developers, "Developers") {
        let body = bodies.get(id.as_str()).map_or("", String::as_str);
        let without = platform.call(method.clone(), &format!("{BASE}{path}")).body(body.to_owned()).send().await;
        refused(&without, 401, "UNAUTHORIZED");
        for script in [&eve, &unknown, &misnamed] {
            refused(&script.send(method.clone(), &path, body).await, 401, "UNAUTHORIZED");
        }
    }
    assert_eq!(platform.trail().await.len(), before, "no side effect");
    assert_eq!(platform.me(&lee.token).await, 200);
    assert_eq!(platform.directory.group(acme.id, developers).await.unwrap().name, "Developers");
}

async fn checks_come_in_the_contracts_order(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = Script::of(&platform, &acme, "lee", Role::Member).await;
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    let nowhere = format!("/groups/{NOBODY}");
    let unknown = cal.with_key(cal.key_id, unknown_key());
    refused(&unknown.send(Method::PUT, "/users/x", "{").await, 401, "UNAUTHORIZED");
    for (method, path) in [
        (Method::GET, "/users/by-email/x"),
        (Method::GET, "/users?limit=x"),
        (Method::PUT, "/users/x"),
        (Method::POST, "/users/x"),
        (Method::GET, "/groups/x"),
        (Method::GET, "/groups/by-name/x"),
        (Method::GET, "/groups?offset=x"),
        (Method::GET, "/groups/x/users"),
        (Method::POST, "/groups"),
        (Method::PUT, "/groups/x"),
        (Method::DELETE, "/groups/x"),
        (Method::POST, "/groups/x/users"),
        (Method::DELETE, "/groups/x/users/y"),
        (Method::DELETE, nowhere.as_str()),
    ] {
        refused(&lee.send(method.clone(), path, "{").await, 403, "FORBIDDEN");
    }
    refused(&max.send(Method::POST, "/groups", "{").await, 403, "FORBIDDEN");
    refused(&max.send(Method::DELETE, "/groups/x", "").await, 403, "FORBIDDEN");
    refused(&cal.send(Method::PUT, &nowhere, "{").await, 400, "BAD_PARAMETER");
    refused(&cal.send(Method::POST, &format!("{nowhere}/users"), "{").await, 400, "BAD_PARAMETER");
    let nobody = user_path(UserId::parse(NOBODY).unwrap());
    refused(&cal.send(Method::PUT, &nobody, "{").await, 400, "BAD_PARAMETER");
    refused(&cal.send(Method::PUT, &nobody, "").await, 404, "RESOURCE_NOT_FOUND");
}
