//! Versions: a change that goes by an old one is refused, a copy that is current is not sent again (RFC 7644
//! section 3.14).

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Provider, activity, address, id_of, patch_of, person, scene, text, with};
use crate::harness::Answer;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_change_by_an_old_version_is_412_and_changes_nothing,
    a_change_by_the_present_version_is_made,
    a_copy_that_is_current_is_304,
    a_groups_version_is_kept_like_a_users,
    of_many_who_go_by_one_version_one_comes_through,
    every_change_makes_a_new_version_whichever_door_it_comes_by,
}

/// A change of what still has this version; null is no body.
async fn if_match(provider: &Provider<'_>, method: Method, path: &str, tag: &str, body: &Value) -> Answer {
    let call = provider.call(method, path).header("if-match", tag);
    if body.is_null() { call.send().await } else { call.body(body.to_string()).send().await }
}

fn titled(title: &str) -> Value {
    patch_of(json!([{"op": "replace", "path": "title", "value": title}]))
}

fn version(resource: &Value) -> String {
    text(&resource["meta"]["version"]).to_owned()
}

async fn a_change_by_an_old_version_is_412_and_changes_nothing(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let first = provider.make(&person(&address("lee"))).await;
    let path = format!("/Users/{}", id_of(&first));
    let second = provider.patch(&path, &titled("Boss")).await.scim(200);
    assert_ne!(version(&first), version(&second));
    let replaced = with(person(&address("lee")), json!({"active": false}));
    for tag in [version(&first).as_str(), "W/\"nonsense\"", "\"x\", W/\"y\""] {
        for (method, body) in
            [(Method::PUT, &replaced), (Method::PATCH, &activity(false)), (Method::DELETE, &Value::Null)]
        {
            let answer = if_match(&provider, method.clone(), &path, tag, body).await;
            assert_eq!(answer.status, 412, "{method} {tag}: {answer:?}");
            answer.scim_error(412);
        }
    }
    assert_eq!(provider.read(&path).await, second);
}

async fn a_change_by_the_present_version_is_made(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.make(&person(&address("lee"))).await;
    let path = format!("/Users/{}", id_of(&lee));
    let answer = if_match(&provider, Method::PATCH, &path, &version(&lee), &titled("Boss")).await;
    let changed = answer.scim(200);
    assert_eq!((answer.header("etag"), &changed["title"]), (version(&changed).as_str(), &json!("Boss")));
    let several = format!("\"x\", {}", version(&changed));
    let changed = if_match(&provider, Method::PUT, &path, &several, &person(&address("lee"))).await.scim(200);
    assert!(changed.get("title").is_none(), "{changed}");
    if_match(&provider, Method::PATCH, &path, "*", &titled("Clerk")).await.scim(200);
    if_match(&provider, Method::DELETE, &path, "*", &Value::Null).await.scim_nothing();
    if_match(&provider, Method::DELETE, &path, "*", &Value::Null).await.scim_error(404);
}

async fn a_copy_that_is_current_is_304(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.make(&person(&address("lee"))).await;
    let path = format!("/Users/{}", id_of(&lee));
    let ask = async |tag: &str| provider.call(Method::GET, &path).header("if-none-match", tag).send().await;
    for tag in [version(&lee).as_str(), "*", &format!("W/\"x\", {}", version(&lee))] {
        let answer = ask(tag).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""), "{tag}");
        assert_eq!(answer.header("etag"), version(&lee), "{tag}");
    }
    assert_eq!(ask("W/\"x\"").await.scim(200), lee);
    let changed = provider.patch(&path, &titled("Boss")).await.scim(200);
    assert_eq!(ask(&version(&lee)).await.scim(200), changed);
    provider.delete(&path).await.scim_nothing();
    ask(&version(&changed)).await.scim_error(404);
}

async fn a_groups_version_is_kept_like_a_users(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let path = format!("/Groups/{}", provider.group("Engineers", &[]).await);
    let first = provider.read(&path).await;
    let added = patch_of(json!([{"op": "add", "path": "members", "value": [{"value": lee}]}]));
    let second = if_match(&provider, Method::PATCH, &path, &version(&first), &added).await.scim(200);
    assert_ne!(version(&first), version(&second), "a new member makes a new version");
    let removed = patch_of(json!([{"op": "remove", "path": "members"}]));
    for (method, body) in [(Method::PATCH, &removed), (Method::PUT, &first), (Method::DELETE, &Value::Null)] {
        if_match(&provider, method, &path, &version(&first), body).await.scim_error(412);
    }
    assert_eq!(provider.read(&path).await, second);
    let ask = provider.call(Method::GET, &path).header("if-none-match", &version(&second));
    assert_eq!(ask.send().await.status, 304);
    if_match(&provider, Method::DELETE, &path, &version(&second), &Value::Null).await.scim_nothing();
}

async fn of_many_who_go_by_one_version_one_comes_through(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.make(&person(&address("lee"))).await;
    let path = format!("/Users/{}", id_of(&lee));
    for round in 0..5 {
        let tag = version(&provider.read(&path).await);
        let bodies: Vec<Value> = (0..6).map(|number| titled(&format!("{round} {number}"))).collect();
        let calls = bodies.iter().map(|body| if_match(&provider, Method::PATCH, &path, &tag, body));
        let mut statuses: Vec<u16> = join_all(calls).await.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
    }
}

async fn every_change_makes_a_new_version_whichever_door_it_comes_by(engine: Engine) {
    use crate::harness::{act, operator};

    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = platform.member(&acme, "lee").await;
    let path = format!("/Users/{}", lee.id);
    let mut seen = vec![version(&provider.read(&path).await)];
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    seen.push(version(&provider.read(&path).await));
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    seen.push(version(&provider.read(&path).await));
    platform.directory.reactivate(&operator(), lee.id, act()).await.unwrap();
    seen.push(version(&provider.read(&path).await));
    let all: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(all.len(), seen.len(), "{seen:?}");
    let old = if_match(&provider, Method::PATCH, &path, &seen[2], &titled("Boss")).await;
    old.scim_error(412);
}
