//! Rate limits that nodes count together, at a real Redis server.

use std::time::Duration;

use offboard::http::SharedLimit;
use offboard::model::quota::Quota;
use reqwest::{Method, StatusCode};

use crate::harness::Platform;
use crate::redis_server::RedisServer;
use crate::support::database::Engine;

async fn platform(redis: &RedisServer, quota: &str) -> Platform {
    let shared = SharedLimit::open(&redis.url()).unwrap();
    let quota = Quota::parse(quota).unwrap();
    Platform::start_with(Engine::Postgres, move |settings| {
        settings.rate_limit = Some(quota);
        settings.shared_limit = Some(shared);
    })
    .await
}

/// How many of so many requests are let in, sent to each of the nodes in turn.
async fn let_in(platform: &Platform, nodes: &[&str], token: &str, requests: usize) -> usize {
    let mut allowed = 0;
    for url in nodes.iter().cycle().take(requests) {
        match platform.me_at(url, token).await {
            StatusCode::OK => allowed += 1,
            StatusCode::TOO_MANY_REQUESTS => {}
            other => panic!("{other}"),
        }
    }
    allowed
}

async fn shared_limit_up(platform: &Platform) -> bool {
    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    metrics.lines().any(|line| line == "offboard_shared_limit_up 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_count_together() {
    let redis = RedisServer::start().await;
    let platform = platform(&redis, "6/1d").await;
    let other = platform.another_node().await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    assert_eq!(let_in(&platform, &[&platform.url, &other], &ada.token, 10).await, 6);
    assert_eq!(let_in(&platform, &[&other], &lee.token, 10).await, 6, "each token is counted alone");
    assert!(shared_limit_up(&platform).await);
    let answer = platform.get("/api/v1/me", &ada.token).await;
    assert_eq!((answer.status, answer.header("ratelimit-remaining")), (StatusCode::TOO_MANY_REQUESTS, "0"));
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_at_two_nodes_get_no_more_than_the_quota() {
    let redis = RedisServer::start().await;
    let platform = platform(&redis, "20/1d").await;
    let other = platform.another_node().await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let nodes = [platform.url.clone(), other];
    let requests = (0..60).map(|number| platform.me_at(&nodes[number % 2], &ada.token));
    let statuses = futures_util::future::join_all(requests).await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_node_holds_the_limit_by_itself_and_says_so() {
    let mut redis = RedisServer::start().await;
    let platform = platform(&redis, "6/1d").await;
    let other = platform.another_node().await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    assert_eq!(let_in(&platform, &[&platform.url, &other], &ada.token, 4).await, 4);
    redis.kill();
    // Each node has counted two of them: what came to it counts on.
    assert_eq!(let_in(&platform, &[&platform.url], &ada.token, 10).await, 4);
    assert_eq!(let_in(&platform, &[&other], &ada.token, 10).await, 4);
    assert!(!shared_limit_up(&platform).await);

    redis.start_again().await;
    // Asked again after a second, of which the connection may need some to find out.
    let lee = platform.member(&acme, "lee").await;
    for _ in 0..100 {
        platform.clock.advance(Duration::from_secs(2));
        platform.me(&lee.token).await;
        if shared_limit_up(&platform).await {
            break;
        }
    }
    assert!(shared_limit_up(&platform).await);
    let bob = platform.member(&acme, "bob").await;
    assert_eq!(let_in(&platform, &[&platform.url, &other], &bob.token, 10).await, 6, "together again");
}

#[test]
fn a_wrong_address_is_told_without_its_password() {
    for wrong in ["", "localhost", "http://user:hidden@localhost", "redis:hidden"] {
        let error = SharedLimit::open(wrong).unwrap_err().to_string();
        assert!(error.contains("redis://HOST") && !error.contains("hidden"), "{error}");
    }
}
