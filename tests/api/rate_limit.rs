//! Limits: per token, per address without a good one, with what Kong sends.

use std::time::Duration;

use offboard::model::scope::Scope;
use reqwest::Method;

use crate::harness::{Answer, Platform, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_token_has_its_quota_and_gets_it_back_evenly,
    each_token_is_counted_alone,
    strangers_are_counted_by_address_and_do_not_use_up_a_tokens_limit,
    a_crowd_of_wrong_tokens_does_not_keep_a_neighbour_waiting,
    a_refused_request_changed_nothing_and_left_no_entry,
    every_door_answers_429_in_its_own_words,
    a_trusted_proxys_clients_are_counted_apart,
    without_a_limit_there_are_no_headers,
}

/// Limit, remaining, reset, per minute, remaining per minute.
fn headers(answer: &Answer) -> [&str; 5] {
    let names = [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-limit-minute",
        "x-ratelimit-remaining-minute",
    ];
    names.map(|name| answer.header(name))
}

async fn a_token_has_its_quota_and_gets_it_back_evenly(engine: Engine) {
    let platform = Platform::start_limited(engine, "3/1m").await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let ask = async || platform.patch(&ada.token, "x", "").await;
    for (remaining, reset) in [("2", "20"), ("1", "40"), ("0", "60")] {
        let answer = ask().await;
        assert_eq!(answer.status, 400);
        assert_eq!(headers(&answer), ["3", remaining, reset, "3", remaining]);
        assert_eq!(answer.header("retry-after"), "");
    }
    let refused = ask().await;
    refused.rate_limited();
    assert_eq!(headers(&refused), ["3", "0", "20", "3", "0"]);
    assert_eq!(refused.header("retry-after"), "20");
    platform.clock.advance(Duration::from_secs(19));
    ask().await.rate_limited();
    platform.clock.advance(Duration::from_secs(1));
    assert_eq!(ask().await.status, 400);
    ask().await.rate_limited();
}

async fn each_token_is_counted_alone(engine: Engine) {
    let platform = Platform::start_limited(engine, "1/1m").await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let (_, second) = platform.token(ada.id, &Scope::ALL).await;
    assert_eq!(platform.me(&ada.token).await, 200);
    assert_eq!(platform.me(&ada.token).await, 429);
    assert_eq!(platform.me(&second).await, 200);
}

async fn strangers_are_counted_by_address_and_do_not_use_up_a_tokens_limit(engine: Engine) {
    let platform = Platform::start_limited(engine, "3/1m").await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let path = "/v1/platform-users/x";
    platform.call(Method::PATCH, path).send().await.error_object(401, "Unauthorized");
    platform.patch("nonsense", "x", "").await.bare_string(401);
    platform.patch(&unknown_token(), "x", "").await.error_object(401, "Unauthorized");
    for answer in [
        platform.call(Method::PATCH, path).send().await,
        platform.patch("nonsense", "x", "").await,
        platform.patch(&unknown_token(), "x", "").await,
    ] {
        answer.rate_limited();
        assert_eq!(answer.header("retry-after"), "20");
    }
    assert_eq!(platform.me(&ada.token).await, 200, "nobody locks out his neighbour");
}

async fn a_refused_request_changed_nothing_and_left_no_entry(engine: Engine) {
    let platform = Platform::start_limited(engine, "1/1h").await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    assert_eq!(platform.me(&ada.token).await, 200);
    let before = platform.trail().await.len();
    let answer = platform.deactivate(&ada, lee.id).await;
    answer.rate_limited();
    assert_eq!((answer.header("x-ratelimit-limit-hour"), answer.header("retry-after")), ("1", "3600"));
    assert_eq!(platform.trail().await.len(), before);
    assert_eq!(platform.me(&lee.token).await, 200);
    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    assert!(metrics.contains("offboard_rate_limited_total{reason=\"credential\"} 1"), "{metrics}");
}

async fn every_door_answers_429_in_its_own_words(engine: Engine) {
    let platform = Platform::start_limited(engine, "1/1m").await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    assert_eq!(platform.me(&ada.token).await, 200);
    platform.patch(&ada.token, "x", "").await.rate_limited();
    platform.call(Method::POST, "/v1/uuids").token(&ada.token).send().await.rate_limited();
    let own = platform.get("/api/v1/me", &ada.token).await;
    assert_eq!((own.status.as_u16(), own.header("content-type")), (429, "application/problem+json"));
    assert_eq!(own.json()["status"], 429);
}

async fn a_trusted_proxys_clients_are_counted_apart(engine: Engine) {
    let quota = offboard::model::quota::Quota::parse("1/1m").unwrap();
    let platform = Platform::start_with(engine, |settings| {
        settings.rate_limit = Some(quota);
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let from = async |client: &str| {
        platform.call(Method::GET, "/api/v1/me").header("x-forwarded-for", client).send().await.status.as_u16()
    };
    assert_eq!(from("192.0.2.1").await, 401);
    assert_eq!(from("192.0.2.1").await, 429);
    assert_eq!(from("192.0.2.2").await, 401);
    assert_eq!(from("203.0.113.9, 192.0.2.2").await, 429, "what a client prepends is not believed");
}

async fn without_a_limit_there_are_no_headers(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for _ in 0..20 {
        platform.patch(&unknown_token(), "x", "").await.error_object(401, "Unauthorized");
    }
    assert_eq!(headers(&platform.get("/api/v1/me", &ada.token).await), [""; 5]);
}

async fn a_crowd_of_wrong_tokens_does_not_keep_a_neighbour_waiting(engine: Engine) {
    let platform = std::sync::Arc::new(Platform::start_limited(engine, "40/1m").await);
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for _ in 0..40 {
        platform.call(Method::PATCH, "/v1/platform-users/x").send().await.error_object(401, "Unauthorized");
    }
    let crowd: Vec<_> = (0..30)
        .map(|_| {
            let platform = std::sync::Arc::clone(&platform);
            tokio::spawn(async move { platform.patch(&unknown_token(), "x", "").await.rate_limited() })
        })
        .collect();
    assert_eq!(platform.me(&ada.token).await, 200);
    // Each of the crowd waits a second for its answer.
    let waiting = crowd.iter().filter(|call| !call.is_finished()).count();
    assert!(waiting > 0, "whoever has a good token is answered before those who guess");
    for call in crowd {
        call.await.unwrap();
    }
}
