//! Who may come in: SCIM tokens alone, each for its company, and for as long as it lives.

use std::collections::BTreeSet;

use offboard::model::entropy::SystemEntropy;
use offboard::model::quota::Quota;
use offboard::model::secret::{Kind, Secret};
use offboard::model::user::Role;
use reqwest::Method;
use serde_json::json;

use super::{BASE, Gateway, MEDIA_TYPE, NOBODY, Provider, USER, address, credentials, ids, person, scene, user_id};
use crate::harness::{Answer, Platform, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    only_a_scim_token_opens_the_door,
    a_scim_token_opens_no_other_door,
    a_rotated_and_a_deleted_token_are_refused_at_once_on_every_node,
    two_tokens_of_a_company_work_side_by_side_while_one_replaces_the_other,
    each_provider_sees_its_own_company_alone,
    the_body_is_read_whatever_its_type,
    an_unknown_path_is_404_in_the_words_of_scim,
    another_method_is_405_in_the_words_of_scim,
    over_the_limit_is_429_in_the_words_of_scim,
    a_fault_of_ours_shows_nothing_of_the_inside,
}

async fn with_header(platform: &Platform, authorization: &str) -> Answer {
    platform.call(Method::GET, &format!("{BASE}/Users")).header("authorization", authorization).send().await
}

async fn only_a_scim_token_opens_the_door(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    let [pat, key, session] = credentials(&platform, ada.id, &ada.email).await;
    let unknown = Secret::generate(Kind::Scim, &SystemEntropy).reveal().to_owned();
    let before = platform.trail().await.len();
    let mut answers = vec![platform.call(Method::GET, &format!("{BASE}/Users")).send().await];
    let cookie = format!("offboard={session}");
    answers.push(platform.call(Method::GET, &format!("{BASE}/Users")).header("cookie", &cookie).send().await);
    let never_made = unknown_token();
    for secret in ["", "nonsense", &pat, &key, &session, &unknown, &never_made, &provider.token[..41]] {
        answers.push(with_header(&platform, &format!("Bearer {secret}")).await);
    }
    answers.push(with_header(&platform, &format!("MxToken {pat}")).await);
    answers.push(with_header(&platform, &format!("MxToken {}", provider.token)).await);
    answers.push(with_header(&platform, &format!("Basic {}", provider.token)).await);
    answers.push(with_header(&platform, &provider.token).await);
    for path in ["/Users", "/Groups", "/Bulk", "/.search", "/Users/.search"] {
        let call = platform.call(Method::POST, &format!("{BASE}{path}")).header("content-type", MEDIA_TYPE);
        answers.push(call.body(person(&address("lee")).to_string()).send().await);
    }
    for answer in answers {
        answer.scim_error(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
    }
    assert_eq!(platform.trail().await.len(), before, "strangers leave no durable trace");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = with_header(&platform, &format!("{scheme} {}", provider.token)).await;
        assert_eq!(ids(&answer.scim(200)), [ada.id.to_string()], "{scheme}");
    }
}

async fn a_scim_token_opens_no_other_door(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let gateway = Gateway::registered(&platform).await;
    for scheme in ["MxToken", "Bearer"] {
        let authorization = format!("{scheme} {}", provider.token);
        let user = format!("/v1/platform-users/{}", lee.id);
        for (method, path) in [
            (Method::GET, "/api/v1/me"),
            (Method::POST, "/v1/uuids"),
            (Method::PATCH, user.as_str()),
            (Method::GET, "/verify"),
        ] {
            let call = platform.call(method, path).header("authorization", &authorization);
            assert_eq!(call.body(r#"{"active":false}"#).send().await.status, 401, "{scheme} at {path}");
        }
    }
    let legacy = platform.call(Method::GET, "/legacy-api/1/users").header("mendix-username", &ada.email);
    assert_eq!(legacy.header("mendix-apikey", &provider.token).send().await.status, 401);
    assert_eq!(gateway.told(&provider.token).await, json!({"active": false}));
    assert_eq!(platform.me(&lee.token).await, 200);
}

async fn a_rotated_and_a_deleted_token_are_refused_at_once_on_every_node(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let other = platform.another_node().await;
    let statuses = async |token: &str| {
        let mut statuses = Vec::new();
        for node in [&platform.url, &other] {
            let call = platform.call_at(node, Method::GET, &format!("{BASE}/Users"));
            statuses.push(call.header("authorization", &format!("Bearer {token}")).send().await.status.as_u16());
        }
        statuses
    };
    // Twice, so that every memory there may be is warm.
    for _ in 0..2 {
        assert_eq!(statuses(&provider.token).await, [200, 200]);
    }
    let (_, secret) = platform.directory.rotate_service(&operator(), provider.service).await.unwrap();
    assert_eq!(statuses(&provider.token).await, [401, 401]);
    for _ in 0..2 {
        assert_eq!(statuses(secret.reveal()).await, [200, 200]);
    }
    assert!(secret.reveal().starts_with("obi_"));
    platform.directory.delete_service(&operator(), provider.service).await.unwrap();
    assert_eq!(statuses(secret.reveal()).await, [401, 401]);
}

async fn two_tokens_of_a_company_work_side_by_side_while_one_replaces_the_other(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let old = Provider::connected(&platform, &acme).await;
    let lee = old.user("lee").await;
    let new = Provider::named(&platform, &acme, "its successor").await;
    for provider in [&old, &new] {
        assert_eq!(provider.found("active eq true").await, [address("lee")]);
    }
    platform.directory.delete_service(&operator(), old.service).await.unwrap();
    old.get("/Users").await.scim_error(401);
    assert_eq!(new.set_active(&lee, false).await.scim(200)["active"], false, "whom the other one made");
    assert_eq!(new.set_active(&lee, true).await.scim(200)["active"], true);
}

async fn each_provider_sees_its_own_company_alone(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let globex = platform.company("Globex").await;
    let (own, foreign) = (Provider::connected(&platform, &acme).await, Provider::connected(&platform, &globex).await);
    let lee = own.user("lee").await;
    let zoe = platform.person(&globex, "zoe", Role::Member).await;
    let (engineers, sales) = (own.group("Engineers", &[&lee]).await, foreign.group("Sales", &[]).await);
    assert_eq!(ids(&own.list("/Users", &[]).await), std::slice::from_ref(&lee));
    assert_eq!(ids(&foreign.list("/Users", &[]).await), [zoe.id.to_string()]);
    assert_eq!(ids(&own.list("/Groups", &[]).await), [engineers]);
    assert_eq!(ids(&foreign.list("/Groups", &[]).await), [sales]);
    let filter = format!("id eq \"{lee}\" or externalId pr or userName eq \"{}\"", address("lee"));
    assert!(foreign.found(&filter).await.is_empty());
    let trail = platform.trail().await;
    assert!(trail.iter().all(|entry| entry.company != Some(globex.id) || entry.person != Some(user_id(&lee))));
}

async fn the_body_is_read_whatever_its_type(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let types = ["application/scim+json", "application/json", "application/scim+json; charset=utf-8", "text/plain", ""];
    for (number, kind) in types.into_iter().enumerate() {
        let call = provider.call(Method::POST, "/Users").header("content-type", kind);
        call.body(person(&address(&format!("lee{number}"))).to_string()).send().await.scim(201);
    }
    provider.call(Method::POST, "/Users").body(person(&address("none")).to_string()).send().await.scim(201);
    let asked = provider.call(Method::GET, "/Users").header("content-type", MEDIA_TYPE);
    let answer = asked.header("accept", "application/json").send().await;
    assert_eq!(answer.scim(200)["totalResults"], 6, "a GET with a type and no body");
}

async fn an_unknown_path_is_404_in_the_words_of_scim(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let nobody = format!("/{NOBODY}");
    for path in ["/Devices", &nobody, "/Users/a/b", "/users", "/Schemas/a/b", "/Users/", "/Bulk/1"] {
        for method in [Method::GET, Method::POST, Method::PATCH] {
            let answer = provider.call(method.clone(), path).send().await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            answer.scim_error(404);
        }
    }
}

async fn another_method_is_405_in_the_words_of_scim(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    let (user, schema) = (format!("/Users/{lee}"), format!("/Schemas/{USER}"));
    let (one, all): (&[&str], &[&str]) = (&["GET", "PUT", "PATCH", "DELETE"], &["GET", "POST"]);
    for (path, allowed) in [
        ("/Users", all),
        ("/Groups", all),
        (user.as_str(), one),
        ("/Bulk", &["POST"][..]),
        ("/.search", &["POST"][..]),
        ("/Users/.search", &["POST"][..]),
        ("/Groups/.search", &["POST"][..]),
        ("/ServiceProviderConfig", &["GET"][..]),
        ("/Schemas", &["GET"][..]),
        (schema.as_str(), &["GET"][..]),
        ("/ResourceTypes", &["GET"][..]),
        ("/ResourceTypes/User", &["GET"][..]),
    ] {
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if allowed.contains(method) {
                continue;
            }
            let answer = provider.call(Method::from_bytes(method.as_bytes()).unwrap(), path).send().await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            answer.scim_error(405);
            let told = answer.header("allow").split(',').map(str::trim).filter(|method| *method != "HEAD");
            assert_eq!(told.collect::<BTreeSet<_>>(), allowed, "{method} {path}");
        }
    }
    assert_eq!(provider.found("active eq true").await, [address("lee")], "nothing was done");
}

async fn over_the_limit_is_429_in_the_words_of_scim(engine: Engine) {
    let platform = Platform::start_with(engine, |settings| {
        settings.rate_limit = Some(Quota::parse("600/1m").unwrap());
        settings.scim_rate_limit = Some(Quota::parse("3/1m").unwrap());
    })
    .await;
    let acme = platform.company("Acme").await;
    let provider = Provider::connected(&platform, &acme).await;
    for _ in 0..3 {
        provider.get("/Users").await.scim(200);
    }
    let answer = provider.post("/Users", &person(&address("lee"))).await;
    answer.scim_error(429);
    assert_eq!(answer.header("retry-after"), "20", "{answer:?}");
    assert!(platform.directory.find_user(&address("lee")).await.is_err(), "429 means that nothing was done");
    let other = Provider::named(&platform, &acme, "other").await;
    other.get("/Users").await.scim(200);
}

async fn a_fault_of_ours_shows_nothing_of_the_inside(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = provider.user("lee").await;
    platform.database.db_execute("ALTER TABLE users RENAME TO hidden").await;
    for answer in [
        provider.get("/Users").await,
        provider.get(&format!("/Users/{lee}")).await,
        provider.post("/Users", &person(&address("max"))).await,
        provider.set_active(&lee, false).await,
    ] {
        let (_, detail) = answer.scim_error(500);
        assert!(!detail.contains("users") && !detail.contains("SELECT"), "{detail}");
    }
    platform.database.db_execute("ALTER TABLE hidden RENAME TO users").await;
    assert_eq!(provider.found("active eq true").await, [address("lee")]);
}
