//! What stands around every call: the notice of the end, limits, counts, faults.

use std::collections::BTreeSet;
use std::time::Duration;

use offboard::model::quota::Quota;
use offboard::model::user::Role;
use reqwest::Method;

use super::{BASE, SUNSET, Script, announced, done, refused, start, told, unknown_key, with};
use crate::harness::Platform;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    every_answer_announces_the_end,
    without_an_end_there_is_no_sunset,
    over_the_limit_is_429_in_the_gateways_words,
    every_call_that_was_let_in_is_counted_and_listed,
    a_fault_of_ours_shows_nothing_of_the_inside,
}

async fn every_answer_announces_the_end(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let (cal, lee) = (
        Script::of(&platform, &acme, "cal", Role::CompanyManager).await,
        Script::of(&platform, &acme, "lee", Role::Member).await,
    );
    let named = r#"{"name":"Developers"}"#;
    let answers = [
        cal.get("/users").await,
        cal.send(Method::POST, "/groups", named).await,
        cal.get("/groups/x").await,
        platform.call(Method::GET, &format!("{BASE}/users")).send().await,
        lee.get("/users").await,
        cal.get("/groups/by-name/Nobody").await,
        cal.get("/x").await,
        cal.call(Method::PATCH, "/users").send().await,
        cal.send(Method::POST, "/groups", named).await,
        cal.send(Method::POST, "/groups", &" ".repeat(5000)).await,
    ];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 201, 400, 401, 403, 404, 404, 405, 409, 413]);
    for answer in &answers {
        announced(answer);
    }
    let elsewhere = platform.call(Method::GET, "/v1/uuids").send().await;
    assert_eq!((elsewhere.header("deprecation"), elsewhere.header("sunset"), elsewhere.header("link")), ("", "", ""));
}

async fn without_an_end_there_is_no_sunset(engine: Engine) {
    let platform = Platform::start_with(engine, |settings| settings.legacy_sunset = None).await;
    let answer = platform.call(Method::GET, &format!("{BASE}/users")).send().await;
    assert_eq!((answer.status.as_u16(), answer.header("sunset")), (401, ""));
    assert_eq!(answer.header("deprecation"), "@1795392000");
    assert!(answer.header("link").contains("rel=\"successor-version\""), "{answer:?}");
}

async fn over_the_limit_is_429_in_the_gateways_words(engine: Engine) {
    let platform = Platform::start_with(engine, |settings| {
        settings.legacy_sunset = Some(SUNSET.to_owned());
        settings.rate_limit = Some(Quota::parse("2/1m").unwrap());
    })
    .await;
    let acme = platform.company("Acme").await;
    let (cal, lee) =
        (Script::of(&platform, &acme, "cal", Role::CompanyManager).await, platform.member(&acme, "lee").await);
    let answer = cal.get("/users").await;
    assert_eq!((answer.header("ratelimit-limit"), answer.header("ratelimit-remaining")), ("2", "1"));
    refused(&cal.get("/groups/x").await, 400, "BAD_PARAMETER");
    let before = platform.trail().await.len();
    let answer = cal.deactivate(lee.id).await;
    answer.rate_limited();
    announced(&answer);
    assert_eq!(answer.header("retry-after"), "30");
    assert_eq!(
        (platform.trail().await.len(), platform.me(&lee.token).await.as_u16()),
        (before, 200),
        "nothing was done"
    );
    let max = Script::of(&platform, &acme, "max", Role::MemberManager).await;
    assert_eq!(max.status().await, 200, "each key is counted alone");

    let key = unknown_key();
    let wrong = [("mendix-username", cal.email.as_str()), ("mendix-apikey", key.as_str())];
    refused(&with(&platform, &[]).await, 401, "UNAUTHORIZED");
    refused(&with(&platform, &wrong).await, 401, "UNAUTHORIZED");
    let strangers: [&[(&str, &str)]; 2] = [&wrong, &[]];
    for headers in strangers {
        let answer = with(&platform, headers).await;
        answer.rate_limited();
        announced(&answer);
    }
    assert_eq!(max.status().await, 200, "nobody locks out his neighbour");
}

async fn every_call_that_was_let_in_is_counted_and_listed(engine: Engine) {
    let platform = start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (max, lee) = (
        Script::of(&platform, &acme, "max", Role::MemberManager).await,
        Script::of(&platform, &acme, "lee", Role::Member).await,
    );
    let zoe = Script::of(&platform, &globex, "zoe", Role::MemberManager).await;
    let first = platform.now();
    told(&max.get("/users").await);
    platform.clock.advance(Duration::from_secs(60));
    told(&max.get("/users?limit=1").await);
    refused(&max.get("/users/by-email/x").await, 400, "BAD_PARAMETER");
    refused(&lee.deactivate(max.id).await, 403, "FORBIDDEN");
    told(&zoe.get("/groups").await);
    refused(&with(&platform, &[]).await, 401, "UNAUTHORIZED");

    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    for (call, count) in [("GET users", 2), ("GET users/by-email", 1), ("PUT users", 1), ("GET groups", 1)] {
        let line = format!("offboard_user_management_calls_total{{call=\"{call}\"}} {count}");
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }

    platform.app.write_legacy_calls().await.unwrap();
    let calls = platform.directory.list_legacy_calls(Some(acme.id)).await.unwrap();
    let found: BTreeSet<_> =
        calls.iter().map(|call| (call.email.clone(), call.key, call.call.clone(), call.calls)).collect();
    let expected = [
        (max.email.clone(), max.key_id, "GET users".to_owned(), 2),
        (max.email.clone(), max.key_id, "GET users/by-email".to_owned(), 1),
        (lee.email.clone(), lee.key_id, "PUT users".to_owned(), 1),
    ];
    assert_eq!(found, BTreeSet::from(expected));
    let listed = calls.iter().find(|call| call.call == "GET users").unwrap();
    assert_eq!((listed.user, listed.key_name.as_str()), (max.id, "script"));
    assert_eq!((listed.first_at, listed.last_at), (first, platform.now()));
}

async fn a_fault_of_ours_shows_nothing_of_the_inside(engine: Engine) {
    let platform = start(engine).await;
    let acme = platform.company("Acme").await;
    let cal = Script::of(&platform, &acme, "cal", Role::CompanyManager).await;
    assert_eq!(cal.status().await, 200);
    platform.database.db_execute("ALTER TABLE user_groups RENAME TO hidden").await;
    let answer = cal.get("/groups").await;
    let text = refused(&answer, 500, "INTERNAL_SERVER_ERROR").to_lowercase();
    for word in ["sql", "table", "select", "relation", "hidden", "postgres"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(text.contains(&answer.request_id().to_string()), "{text}");
    platform.database.db_execute("ALTER TABLE hidden RENAME TO user_groups").await;
    told(&cal.get("/groups").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_is_503_in_this_apis_words() {
    let platform = start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (cal, lee) =
        (Script::of(&platform, &acme, "cal", Role::CompanyManager).await, platform.member(&acme, "lee").await);
    let path = platform.database.url().strip_prefix("sqlite:").unwrap().to_owned();
    let elsewhere = format!("{path}.moved");
    std::fs::rename(&path, &elsewhere).unwrap();
    let answer = cal.deactivate(lee.id).await;
    refused(&answer, 503, "SERVICE_UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), "1");
    std::fs::rename(&elsewhere, &path).unwrap();
    platform.clock.advance(Duration::from_millis(20));
    done(&cal.deactivate(lee.id).await);
}
