//! When the store fails: 503 in each door's words, nothing half done, and well again without a restart.

use std::time::Duration;

use reqwest::Method;

use crate::harness::Platform;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_broken_statement_is_500_and_shows_nothing_of_the_inside,
}

/// The tables are gone: a fault of ours, not an absence.
async fn a_broken_statement_is_500_and_shows_nothing_of_the_inside(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    platform.database.db_execute("ALTER TABLE tokens RENAME TO hidden").await;
    let answers = [
        platform.patch(&ada.token, "x", "").await,
        platform.call(Method::POST, "/v1/uuids").token(&ada.token).send().await,
        platform.get("/api/v1/me", &ada.token).await,
    ];
    answers[0].error_object(500, "Internal Server Error");
    answers[1].error_fields(500, "INTERNAL_SERVER_ERROR");
    assert_eq!((answers[2].status.as_u16(), answers[2].json()["status"].as_u64()), (500, Some(500)));
    for answer in answers {
        let body = answer.body.to_lowercase();
        for word in ["token", "sql", "table", "select", "relation", "rusqlite", "postgres"] {
            assert!(!body.contains(word), "{word} in {body}");
        }
    }
    platform.database.db_execute("ALTER TABLE hidden RENAME TO tokens").await;
    assert_eq!(platform.me(&ada.token).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_sqlite_file_is_503_until_it_is_back() {
    let platform = Platform::start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let max = platform.member(&acme, "max").await;
    assert_eq!(platform.me(&max.token).await, 200);
    let path = platform.database.url().strip_prefix("sqlite:").unwrap().to_owned();
    let elsewhere = format!("{path}.moved");
    std::fs::rename(&path, &elsewhere).unwrap();
    for _ in 0..2 {
        platform.deactivate(&ada, lee.id).await.unavailable();
        platform.call(Method::POST, "/v1/uuids").token(&ada.token).send().await.unavailable();
        let own = platform.get("/api/v1/me", &ada.token).await;
        assert_eq!((own.status.as_u16(), own.header("content-type")), (503, "application/problem+json"));
        assert_eq!(platform.call(Method::GET, "/health/ready").send().await.status, 503);
        assert_eq!(platform.call(Method::GET, "/health/live").send().await.status, 200);
    }
    platform.clock.advance(Duration::from_millis(20));
    assert_eq!(platform.me(&max.token).await, 503, "memory is not trusted either");
    std::fs::write(&path, "").unwrap();
    platform.deactivate(&ada, lee.id).await.unavailable();
    std::fs::rename(&elsewhere, &path).unwrap();
    assert_eq!(platform.me(&lee.token).await, 200, "nothing was half done");
    assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_postgresql_connections_are_replaced_unseen() {
    let platform = Platform::start(Engine::Postgres).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for round in 0..5 {
        let lee = platform.member(&acme, &format!("lee{round}")).await;
        platform.database.db_end_idle_connections().await;
        assert_eq!(platform.me(&lee.token).await, 200);
        platform.database.db_end_idle_connections().await;
        assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
        assert_eq!(platform.me(&lee.token).await, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_503_after_a_while_and_nothing_is_half_done() {
    let platform = Platform::start(Engine::Postgres).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let (client, connection) = tokio_postgres::connect(platform.database.url(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; SELECT * FROM users FOR UPDATE").await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), platform.deactivate(&ada, lee.id)).await.unwrap();
    answer.unavailable();
    assert_eq!(platform.me(&lee.token).await, 200, "checks go on meanwhile");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_write_ahead_log_is_503_and_not_a_promise_that_is_lost_with_it() {
    let platform = Platform::start(Engine::Sqlite).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    assert_eq!(platform.me(&ada.token).await, 200);
    platform.database.db_execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    assert_eq!(platform.me(&ada.token).await, 200, "a log that was emptied is still the log");
    let path = platform.database.url().strip_prefix("sqlite:").unwrap();
    std::fs::remove_file(format!("{path}-wal")).unwrap();
    platform.clock.advance(Duration::from_millis(20));
    platform.deactivate(&ada, lee.id).await.unavailable();
    assert_eq!(platform.call(Method::GET, "/health/ready").send().await.status, 503);
}
