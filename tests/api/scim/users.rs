//! Users: made, read, replaced, deleted, and what the rest of the system makes of them.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use offboard::model::clock::Timestamp;
use offboard::model::user::Status;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    ENTERPRISE, MEDIA_TYPE, NOBODY, OUTSIDE, Provider, USER, activity, address, done, id_of, ids, patch_of, person,
    scene, sorted, text, user_id, with,
};
use crate::harness::{Answer, START};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_user_is_made_with_location_tag_and_all_that_was_sent,
    who_exists_already_is_not_made_again,
    an_address_of_another_company_is_taken_and_nothing_more_is_told,
    a_user_may_be_made_inactive,
    a_user_needs_no_address,
    users_who_were_made_otherwise_are_there_too,
    an_unknown_a_foreign_and_a_deleted_user_are_the_same_404,
    a_put_replaces_all_that_a_client_may_write,
    a_body_that_is_no_user_is_refused_and_makes_nobody,
    a_deleted_user_is_gone_and_the_name_is_free_again,
    a_change_to_a_taken_name_or_address_changes_nothing,
    every_change_is_one_audit_entry_by_the_provider,
}

/// Everything that a provider may say of a user.
pub(super) fn whole(address: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "701984",
        "userName": address,
        "name": {"formatted": "Ms. Lee J Ver, III", "givenName": "Lee", "familyName": "Ver", "middleName": "J"},
        "displayName": "Lee Ver",
        "nickName": "Lee",
        "profileUrl": "https://login.acme.example/lee",
        "emails": [
            {"value": address, "type": "work", "primary": true},
            {"value": "lee@home.example", "type": "home"},
        ],
        "addresses": [{"type": "work", "locality": "Hollywood", "country": "US", "primary": true}],
        "phoneNumbers": [{"value": "+1-201-555-0123", "type": "work"}, {"value": "+1-201-555-0124", "type": "mobile"}],
        "title": "Tour Guide",
        "userType": "Employee",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "America/Los_Angeles",
        "active": true,
        "roles": [{"value": "guide", "primary": true}],
        ENTERPRISE: {"employeeNumber": "701984", "department": "Tour Operations", "manager": {"value": "26118915"}},
    })
}

/// Asserts that all of this is in a resource just so.
pub(super) fn holds(resource: &Value, sent: &Value) {
    for (name, value) in sent.as_object().unwrap().iter().filter(|(name, _)| *name != "schemas") {
        assert_eq!(&resource[name], value, "{name} in {resource}");
    }
}

fn instant(value: &Value) -> Timestamp {
    text(value).parse().unwrap()
}

async fn a_user_is_made_with_location_tag_and_all_that_was_sent(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let sent = whole(&address("lee"));
    let answer = provider.post("/Users", &sent).await;
    let made = answer.scim(201);
    let (id, meta) = (id_of(&made), &made["meta"]);
    let location = format!("{OUTSIDE}/Users/{id}");
    assert_eq!((answer.header("location"), text(&meta["location"])), (location.as_str(), location.as_str()));
    assert_eq!(answer.header("etag"), text(&meta["version"]));
    assert!(answer.header("etag").starts_with("W/\"") && answer.header("etag").ends_with('"'), "{answer:?}");
    assert_eq!((instant(&meta["created"]), instant(&meta["lastModified"])), (START, START));
    assert_eq!(meta["resourceType"], "User");
    holds(&made, &sent);
    let schemas: BTreeSet<&str> = made["schemas"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(schemas, BTreeSet::from([USER, ENTERPRISE]));
    let read = provider.get(&format!("/Users/{id}")).await;
    assert_eq!((read.scim(200), read.header("etag")), (made.clone(), answer.header("etag")));
    assert_eq!(platform.directory.find_user(&address("LEE")).await.unwrap().id, user_id(&id));
    let bare = provider.make(&json!({"userName": address("max")})).await;
    assert_eq!((&bare["schemas"], &bare["active"]), (&json!([USER]), &json!(true)), "active unless it is said");
}

async fn who_exists_already_is_not_made_again(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let max = platform.member(&acme, "max").await;
    for (user_name, email) in [
        ("lee@acme.example", "other@acme.example"),
        ("LEE@ACME.example", "other@acme.example"),
        ("other", "lee@acme.example"),
        ("other", "Lee@Acme.Example"),
        ("MAX@acme.example", "other@acme.example"),
        ("other", "max@acme.example"),
    ] {
        let sent = with(person(user_name), json!({"emails": [{"value": email, "primary": true}]}));
        provider.post("/Users", &sent).await.scim_fault(409, "uniqueness");
    }
    let mut found = ids(&provider.list("/Users", &[]).await);
    found.sort();
    assert_eq!(found, sorted(&[&lee, &max.id.to_string()]));
    let eve = whole("Eve@acme.example");
    let answers = join_all((0..6).map(|_| provider.post("/Users", &eve))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409], "of many who send the same at once one makes it");
}

async fn an_address_of_another_company_is_taken_and_nothing_more_is_told(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.member(&globex, "zoe").await;
    provider.user("lee").await;
    let mut told = BTreeSet::new();
    for email in [address("lee"), zoe.email.clone(), "nobody@globex.example".to_owned()] {
        let sent = with(person("other"), json!({"emails": [{"value": email, "primary": true}]}));
        let answer = provider.post("/Users", &sent).await;
        answer.scim_fault(409, "uniqueness");
        told.insert(answer.body.replace(&email, "ADDRESS"));
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(!told.iter().any(|body| body.to_lowercase().contains("globex")), "{told:?}");
    assert_eq!(platform.me(&zoe.token).await, 200);
}

async fn a_user_may_be_made_inactive(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    for (number, value) in [json!(false), json!("False"), json!("FALSE")].into_iter().enumerate() {
        let name = format!("lee{number}");
        let made = provider.make(&with(person(&address(&name)), json!({"active": value}))).await;
        assert_eq!(made["active"], false);
        let id = id_of(&made);
        assert_eq!(provider.read(&format!("/Users/{id}")).await, made);
        assert_eq!(provider.status(&id).await, Status::Deactivated);
        assert_eq!(provider.set_active(&id, true).await.scim(200)["active"], true, "and comes in later");
    }
    let (made, ended) = (done(&platform, "user.create").await, done(&platform, "user.deactivate").await);
    assert_eq!((made.len(), ended.len()), (3, 0), "who never had access lost none");
    assert!(made.iter().all(|made| made.detail.as_deref().unwrap().contains("deactivated")), "{made:?}");
}

async fn a_user_needs_no_address(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&json!({"schemas": [USER], "userName": "jdoe", "displayName": "J. Doe"})).await;
    let max = provider.make(&json!({"schemas": [USER], "userName": "max"})).await;
    for (user, name) in [(&made, "jdoe"), (&max, "max")] {
        assert!(user.get("emails").is_none(), "{user}");
        assert_eq!(user["userName"], name);
    }
    assert_eq!(provider.found("userName eq \"JDOE\"").await, ["jdoe"]);
    assert!(provider.found("emails pr").await.is_empty());
    let path = format!("/Users/{}", id_of(&made));
    assert_eq!(provider.read(&path).await, made);
    let email = json!([{"value": "jdoe@acme.example", "type": "work", "primary": true}]);
    let patched = provider.patch(&path, &patch_of(json!([{"op": "add", "path": "emails", "value": email}]))).await;
    assert_eq!(patched.scim(200)["emails"], email, "and gets one later");
    let found = platform.directory.find_user("JDoe@acme.example").await.unwrap();
    assert_eq!((found.id, found.name.as_str()), (user_id(&id_of(&made)), "J. Doe"));
    assert_eq!(provider.set_active(&id_of(&max), false).await.scim(200)["active"], false);
}

async fn users_who_were_made_otherwise_are_there_too(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = platform.member(&acme, "lee").await;
    let path = format!("/Users/{}", lee.id);
    let read = provider.read(&path).await;
    assert_eq!((&read["userName"], &read["displayName"]), (&json!(lee.email), &json!("lee")));
    assert_eq!(read["emails"], json!([{"value": lee.email, "type": "work", "primary": true}]));
    assert_eq!((&read["active"], &read["meta"]["resourceType"]), (&json!(true), &json!("User")));
    for filter in ["userName eq \"LEE@acme.example\"", "emails.value eq \"lee@acme.example\"", "displayName sw \"L\""] {
        assert_eq!(provider.found(filter).await, [lee.email.as_str()], "{filter}");
    }
    let change = patch_of(json!([{"op": "add", "path": "externalId", "value": "701984"}]));
    assert_eq!(provider.patch(&path, &change).await.scim(200)["externalId"], "701984");
    assert_eq!(provider.found("externalId eq \"701984\"").await, [lee.email.as_str()], "the provider took it over");
    assert_eq!(platform.me(&lee.token).await, 200);
}

/// What a user's path answers to every method.
async fn every_answer(provider: &Provider<'_>, id: &str) -> Vec<Answer> {
    let path = format!("/Users/{id}");
    vec![
        provider.get(&path).await,
        provider.put(&path, &person(&address("other"))).await,
        provider.patch(&path, &activity(false)).await,
        provider.delete(&path).await,
    ]
}

async fn an_unknown_a_foreign_and_a_deleted_user_are_the_same_404(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.member(&globex, "zoe").await;
    let (gone, lee) = (provider.user("gone").await, provider.user("lee").await);
    provider.delete(&format!("/Users/{gone}")).await.scim_nothing();
    let mut told = BTreeSet::new();
    for id in [NOBODY, &zoe.id.to_string(), &gone, &lee.to_uppercase(), "nonsense"] {
        for answer in every_answer(&provider, id).await {
            answer.scim_error(404);
            told.insert(answer.body.replace(id, "ID"));
        }
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(platform.me(&zoe.token).await, 200);
    assert_eq!(provider.found("userName pr").await, [address("lee")]);
}

async fn a_put_replaces_all_that_a_client_may_write(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = provider.make(&whole(&address("lee"))).await;
    let path = format!("/Users/{}", id_of(&made));
    platform.clock.advance(std::time::Duration::from_secs(5));
    let sent = person(&address("lee"));
    let read_only = json!({
        "id": NOBODY,
        "meta": {"resourceType": "Group", "created": "2001-01-01T00:00:00Z", "version": "W/\"1\""},
        "groups": [{"value": NOBODY}],
    });
    let answer = provider.put(&path, &with(sent.clone(), read_only)).await;
    let put = answer.scim(200);
    holds(&put, &sent);
    assert_eq!((&put["id"], &put["meta"]["created"]), (&made["id"], &made["meta"]["created"]));
    assert_eq!(put["meta"]["resourceType"], "User");
    assert_eq!(instant(&put["meta"]["lastModified"]), platform.now());
    assert_ne!(put["meta"]["version"], made["meta"]["version"]);
    assert_eq!(answer.header("etag"), text(&put["meta"]["version"]));
    let expected = ["schemas", "id", "userName", "name", "emails", "active", "meta"];
    let members: BTreeSet<&str> = put.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(expected), "what was not sent is gone");
    assert_eq!(provider.read(&path).await, put);
    assert_eq!(put["schemas"], json!([USER]));
    provider.put(&path, &json!({"schemas": [USER], "displayName": "x"})).await.scim_fault(400, "invalidValue");
    assert_eq!(provider.read(&path).await, put);
}

async fn a_body_that_is_no_user_is_refused_and_makes_nobody(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (long, deep) = ("x".repeat(201), format!("{}{}", "[".repeat(1000), "]".repeat(1000)));
    let (long, deep) = (format!(r#"{{"userName":"{long}"}}"#), format!(r#"{{"userName":"a","x":{deep}}}"#));
    for (body, kind) in [
        ("", "invalidSyntax"),
        ("{", "invalidSyntax"),
        ("[]", "invalidSyntax"),
        ("\"lee\"", "invalidSyntax"),
        ("null", "invalidSyntax"),
        (deep.as_str(), "invalidSyntax"),
        (r#"{"userName":"a","USERNAME":"b"}"#, "invalidSyntax"),
        ("{}", "invalidValue"),
        (r#"{"userName":null}"#, "invalidValue"),
        (r#"{"userName":""}"#, "invalidValue"),
        (r#"{"userName":"a\nb"}"#, "invalidValue"),
        (r#"{"userName":["a","b"]}"#, "invalidValue"),
        (long.as_str(), "invalidValue"),
        (r#"{"userName":"a","active":"maybe"}"#, "invalidValue"),
        (r#"{"userName":"a","active":2}"#, "invalidValue"),
        (r#"{"userName":"a","name":"Lee"}"#, "invalidValue"),
        (r#"{"userName":"a","title":{"value":"x"}}"#, "invalidValue"),
        (r#"{"userName":"a","emails":[{"value":"no address","primary":true}]}"#, "invalidValue"),
    ] {
        let call = provider.call(Method::POST, "/Users").header("content-type", MEDIA_TYPE);
        let (found, detail) = call.body(body.to_owned()).send().await.scim_error(400);
        assert_eq!(found.as_deref(), Some(kind), "{body}: {detail}");
    }
    let not_utf_8 = provider.call(Method::POST, "/Users").body(b"{\"userName\":\"\xff\"}".to_vec());
    not_utf_8.send().await.scim_fault(400, "invalidSyntax");
    assert_eq!(provider.list("/Users", &[]).await["totalResults"], 0);
}

async fn a_deleted_user_is_gone_and_the_name_is_free_again(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let first = id_of(&provider.make(&whole(&address("lee"))).await);
    let group = provider.group("Engineers", &[&first]).await;
    let path = format!("/Users/{first}");
    provider.delete(&path).await.scim_nothing();
    for answer in [provider.get(&path).await, provider.delete(&path).await] {
        answer.scim_error(404);
    }
    for filter in ["userName pr", "externalId eq \"701984\"", "name.familyName eq \"Ver\"", "active eq false"] {
        assert!(provider.found(filter).await.is_empty(), "{filter}");
    }
    assert!(provider.found(&format!("id eq \"{first}\"")).await.is_empty());
    assert!(provider.members(&group).await.is_empty());
    for key in [address("lee"), first.clone()] {
        assert!(platform.directory.find_user(&key).await.is_err(), "{key}");
    }
    assert!(platform.directory.member(acme.id, user_id(&first)).await.is_err());
    let entries = done(&platform, "user.delete").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.person, entry.door.as_str(), entry.company), (Some(user_id(&first)), "scim", Some(acme.id)));

    let second = id_of(&provider.make(&whole(&address("lee"))).await);
    assert_ne!(first, second, "an identifier is never used again");
    provider.get(&path).await.scim_error(404);
    assert!(provider.members(&group).await.is_empty(), "the namesake inherits nothing");
    assert_eq!(provider.found("userName pr").await, [address("lee")]);
    let history = platform.trail().await;
    assert!(history.iter().any(|entry| entry.action == "user.create" && entry.person == Some(user_id(&first))));
}

async fn a_change_to_a_taken_name_or_address_changes_nothing(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.member(&globex, "zoe").await;
    let lee = provider.user("lee").await;
    let max = provider.make(&whole(&address("max"))).await;
    let path = format!("/Users/{}", id_of(&max));
    for (user_name, email) in [
        ("LEE@acme.example", address("max")),
        ("max@acme.example", "Lee@acme.example".to_owned()),
        ("max@acme.example", zoe.email.clone()),
        ("max@acme.example", "new@globex.example".to_owned()),
    ] {
        let emails = json!([{"value": email, "type": "work", "primary": true}]);
        let changes = json!({"userName": user_name, "emails": emails, "title": "Boss", "active": false});
        provider.put(&path, &with(max.clone(), changes)).await.scim_fault(409, "uniqueness");
        let operations = json!([
            {"op": "replace", "path": "title", "value": "Boss"},
            {"op": "replace", "path": "active", "value": false},
            {"op": "replace", "path": "userName", "value": user_name},
            {"op": "replace", "path": "emails", "value": emails},
        ]);
        provider.patch(&path, &patch_of(operations)).await.scim_fault(409, "uniqueness");
        assert_eq!(provider.read(&path).await, max, "all or nothing");
    }
    assert_eq!(provider.status(&id_of(&max)).await, Status::Active);
    let own = with(max.clone(), json!({"userName": "MAX@acme.example"}));
    assert_eq!(provider.put(&path, &own).await.scim(200)["userName"], "MAX@acme.example", "one's own in another case");
    assert_eq!(provider.read(&format!("/Users/{lee}")).await["userName"], address("lee"));
}

async fn every_change_is_one_audit_entry_by_the_provider(engine: Engine) {
    use offboard::model::audit::ActorRecord;

    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let id = provider.user("lee").await;
    let path = format!("/Users/{id}");
    let title = |title: &str| patch_of(json!([{"op": "replace", "path": "title", "value": title}]));
    let before = platform.trail().await.len();
    let answer = provider.patch(&path, &title("Boss")).await;
    let entries = platform.trail().await.split_off(before);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.action.as_str(), entry.refusal.as_deref()), ("user.update", None));
    assert_eq!((entry.actor, entry.door.as_str()), (ActorRecord::Provisioner(provider.service), "scim"));
    assert_eq!((entry.request, entry.address.as_deref()), (answer.request_id(), Some("127.0.0.1")));
    assert_eq!((entry.person, entry.company), (Some(user_id(&id)), Some(acme.id)));
    provider.patch(&path, &title("Boss")).await.scim(200);
    provider.get(&path).await.scim(200);
    assert_eq!(platform.trail().await.len(), before + 1, "what changes nothing leaves no entry");
}
