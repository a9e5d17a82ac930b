//! The doors of the checks are called past the router: what is answered there is what their routes would answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use offboard::model::scope::Scope;
use offboard::model::service::Purpose;
use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::browser::Browser;
use crate::harness::{Answer, Platform, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_check_is_answered_as_its_route_would,
    who_is_no_service_is_refused_and_counted_whatever_the_question,
}

/// What an answer says, but for what differs each time.
fn said(answer: &Answer) -> (u16, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    let changing = ["date", "x-request-id", "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-remaining-minute"];
    for name in changing {
        headers.remove(name);
    }
    let id = answer.request_id().to_string();
    (answer.status.as_u16(), headers, answer.body.replace(&id, "…"))
}

async fn a_check_is_answered_as_its_route_would(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let (_, scoped) = platform.token(ada.id, &[Scope::UserDeactivationWrite]).await;
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    platform.with_password(ada.id).await;
    let cookie = Browser::signed_in(&platform, &ada.email).await.cookie.clone().unwrap();
    let (service, secret) =
        platform.directory.create_service(&operator(), "gateway", None, Purpose::Checks).await.unwrap();
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{}:{secret}", service.id)));

    let mut shown: Vec<Vec<(&str, String)>> = vec![vec![]];
    for token in [&scoped, &lee.token, &unknown_token(), "obp_nonsense"] {
        shown.push(vec![("authorization", format!("MxToken {token}"))]);
        shown.push(vec![("authorization", format!("Bearer {token}"))]);
    }
    shown.push(vec![("cookie", cookie.clone())]);
    shown.push(vec![("cookie", cookie), ("authorization", format!("MxToken {scoped}"))]);
    shown.push(vec![("authorization", format!("MxToken {scoped}")), ("authorization", format!("MxToken {scoped}"))]);
    shown.push(vec![("authorization", basic(secret.reveal()))]);
    shown.push(vec![("authorization", basic("obc_nonsense"))]);
    let form = format!("token={scoped}");
    let questions = [
        (Method::GET, "/api/v1/me", ""),
        (Method::GET, "/api/v1/me?x=y", ""),
        (Method::HEAD, "/api/v1/me", ""),
        (Method::POST, "/api/v1/me", ""),
        (Method::GET, "/api/v1/me/", ""),
        (Method::GET, "/api/v1/m%65", ""),
        (Method::GET, "/verify", ""),
        (Method::GET, "/verify?scope=mx:user-deactivation:write", ""),
        (Method::GET, "/verify?scope=mx:audit-logging:read", ""),
        (Method::POST, "/verify", ""),
        (Method::HEAD, "/verify", ""),
        (Method::POST, "/oauth2/introspect", form.as_str()),
        (Method::POST, "/oauth2/introspect", "token=obp_nonsense"),
        (Method::POST, "/oauth2/introspect", "token="),
        (Method::POST, "/oauth2/introspect", ""),
        (Method::GET, "/oauth2/introspect", ""),
    ];
    let (short, long) = (platform.serve_again().await, platform.serve_by_routes_alone().await);
    for (method, path, body) in questions {
        for headers in &shown {
            let mut answers = Vec::new();
            for node in [&short, &long] {
                let mut call = platform.call_at(node, method.clone(), path).body(body.to_owned());
                for (name, value) in headers {
                    call = call.header(name, value);
                }
                answers.push(said(&call.send().await));
            }
            assert_eq!(answers[0], answers[1], "{method} {path} {headers:?}");
        }
    }
    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    for route in ["/api/v1/me", "/verify", "/oauth2/introspect"] {
        let label = format!("route=\"{route}\",status=\"200\"");
        assert!(metrics.contains(&label), "{label} in {metrics}");
    }
    assert!(!metrics.contains(r#"route="unmatched",status="200""#), "{metrics}");
}

async fn who_is_no_service_is_refused_and_counted_whatever_the_question(engine: Engine) {
    let platform = Platform::start_limited(engine, "100/1m").await;
    let (service, secret) =
        platform.directory.create_service(&operator(), "gateway", None, Purpose::Checks).await.unwrap();
    let other = platform.directory.create_service(&operator(), "other", None, Purpose::Checks).await.unwrap().1;
    let large = "token=".to_owned() + &"x".repeat(9 * 1024);
    let ask = async |secret: &str, body: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", service.id)));
        let call = platform.call(Method::POST, "/oauth2/introspect").header("authorization", &basic);
        call.body(body.to_owned()).send().await
    };
    for body in [large.as_str(), "", "token=x"] {
        let answer = ask(other.reveal(), body).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(!answer.header("ratelimit-remaining").is_empty(), "counted: {answer:?}");
    }
    let answer = ask(secret.reveal(), &large).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (413, "close"), "{answer:?}");
    assert!(answer.header("ratelimit-remaining").is_empty(), "a service is not limited: {answer:?}");
}
