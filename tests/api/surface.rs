//! What is not an API: health, metrics, the page, unknown paths, and the headers on everything.

use offboard::model::user::Role;
use reqwest::Method;

use crate::harness::Platform;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    health_tells_whether_it_runs_and_whether_it_serves,
    metrics_count_requests_by_route_and_status,
    an_unknown_path_is_a_problem_with_a_request_id,
    every_answer_carries_careful_headers_and_an_id_of_its_own,
    me_tells_whom_a_token_speaks_for,
    the_api_page_is_served_from_the_binary,
    an_answer_comes_even_when_a_next_request_has_begun,
    browsers_are_told_to_stay_with_https_where_clients_come_by_it,
}

async fn health_tells_whether_it_runs_and_whether_it_serves(engine: Engine) {
    let platform = Platform::start(engine).await;
    let status = async |path: &str| platform.call(Method::GET, path).send().await.status.as_u16();
    assert_eq!((status("/health/live").await, status("/health/ready").await), (200, 200));
    platform.app.stop();
    assert_eq!((status("/health/live").await, status("/health/ready").await), (200, 503));
}

async fn metrics_count_requests_by_route_and_status(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.deactivate(&ada, lee.id).await;
    platform.deactivate(&ada, lee.id).await;
    platform.deactivate(&ada, ada.id).await;
    platform.call(Method::GET, "/no/such/path").send().await;
    let answer = platform.call(Method::GET, "/metrics").send().await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        r#"offboard_requests_total{method="PATCH",route="/v1/platform-users/{uuid}",status="204"} 2"#,
        r#"offboard_requests_total{method="PATCH",route="/v1/platform-users/{uuid}",status="403"} 1"#,
        r#"offboard_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"offboard_request_duration_seconds_count{route="/v1/platform-users/{uuid}"} 3"#,
        "offboard_deactivations_total 1",
        r#"offboard_refusals_total{reason="oneself"} 1"#,
    ] {
        assert!(answer.body.contains(line), "{line} in\n{}", answer.body);
    }
    assert!(!answer.body.contains("/no/such/path"), "a stranger must not make labels");
}

async fn an_unknown_path_is_a_problem_with_a_request_id(engine: Engine) {
    let platform = Platform::start(engine).await;
    for path in ["/v1", "/v1/platform-users", "/v1/platform-users/", "/v1/uuids/", "/api/v2/me", "/%ff"] {
        let answer = platform.call(Method::GET, path).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
        assert_eq!(answer.json()["instance"], format!("urn:uuid:{}", answer.request_id()));
    }
}

async fn every_answer_carries_careful_headers_and_an_id_of_its_own(engine: Engine) {
    let platform = Platform::start(engine).await;
    let mut ids = std::collections::HashSet::new();
    for path in ["/health/live", "/metrics", "/docs/", "/openapi.json", "/v1/uuids", "/api/v1/me"] {
        let answer = platform.call(Method::GET, path).header("x-request-id", "mine").send().await;
        assert!(ids.insert(answer.request_id()), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(["no-store", "no-cache"].contains(&answer.header("cache-control")), "{path}");
        assert_eq!(answer.header("strict-transport-security"), "");
        assert_eq!(answer.header("server"), "");
    }
}

async fn me_tells_whom_a_token_speaks_for(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    for role in Role::ALL {
        let person = platform.person(&acme, role.as_str(), role).await;
        let answer = platform.get("/api/v1/me", &person.token).await;
        assert_eq!(
            answer.json(),
            serde_json::json!({
                "uuid": person.id.to_string(), "emailAddress": person.email, "name": role.as_str(),
                "companyUuid": acme.id.to_string(), "admin": role == Role::MendixAdmin, "status": "active",
                "scopes": ["mx:user-deactivation:write", "mx:mxid3:user-identifiers:uuid:read", "mx:audit-logging:read"],
            })
        );
    }
}

async fn the_api_page_is_served_from_the_binary(engine: Engine) {
    let platform = Platform::start(engine).await;
    let page = platform.call(Method::GET, "/docs/").send().await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("swagger-ui"), "{}", page.body);
    assert!(!page.body.contains("http://") && !page.body.contains("https://"), "nothing from elsewhere");
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-initializer.js"]
    {
        assert_eq!(platform.call(Method::GET, &format!("/docs/{asset}")).send().await.status, 200, "{asset}");
    }
    assert_eq!(platform.call(Method::GET, "/docs").send().await.header("location"), "/docs/");
}

async fn an_answer_comes_even_when_a_next_request_has_begun(engine: Engine) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let platform = Platform::start(engine).await;
    let mut stream = tokio::net::TcpStream::connect(platform.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\nGET /hea").await.unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stream.write_all(b"lth/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest.matches("live\n").count(), 2, "{rest}");
}

async fn browsers_are_told_to_stay_with_https_where_clients_come_by_it(engine: Engine) {
    let platform =
        Platform::start_with(engine, |settings| "https://offboard.example".clone_into(&mut settings.public_url)).await;
    let answer = platform.call(Method::GET, "/health/live").send().await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}
