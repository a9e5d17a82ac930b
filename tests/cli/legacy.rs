//! `offboard token create --kind api_key`, and `offboard user-management-api callers`.

use serde_json::json;

use crate::harness::{ADA, Host, LEE, READ_LOG, array, assert_members, string};
use crate::http;
use crate::server::Server;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    an_api_key_has_no_scopes_and_is_listed_with_its_kind,
    an_api_key_opens_the_user_management_api_and_nothing_else,
    who_still_calls_is_told,
    when_the_old_api_ends_is_configured,
}

const CREATED: [&str; 5] = ["uuid", "name", "scopes", "expiresAt", "token"];

fn key(host: &Host, owner: &str) -> String {
    let made = host.json(&["token", "create", "--user", owner, "--name", "old script", "--kind", "api_key"]);
    assert_members(&made, &CREATED);
    assert_eq!(made["scopes"], json!([]));
    string(&made, "token")
}

/// What an old script asks.
#[track_caller]
fn ask(server: &Server, path: &str, email: &str, key: &str) -> http::Answer {
    let request = format!(
        "GET /legacy-api/1/{path} HTTP/1.1\r\nHost: offboard\r\nMendix-Username: {email}\r\nMendix-ApiKey: {key}\r\n\r\n"
    );
    http::ask(server.address, &request).unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn an_api_key_has_no_scopes_and_is_listed_with_its_kind(engine: Engine) {
    let host = Host::with_people(engine).await;
    let secret = key(&host, ADA);
    assert!(secret.starts_with("obk_") && secret.len() == 42, "{secret}");
    host.token(ADA, READ_LOG);
    let kinds: Vec<String> = host.tokens(ADA).iter().map(|token| string(token, "kind")).collect();
    assert_eq!(kinds, ["pat", "api_key"], "the newest first");

    let make = ["token", "create", "--user", ADA, "--name", "x", "--kind"];
    let with_scope = host.run(&[&make[..], &["api_key", "--scope", READ_LOG]].concat());
    assert_eq!(with_scope.status, 2, "{with_scope:?}");
    assert!(with_scope.err.contains("--scope"), "{with_scope:?}");
    for wrong in [&["pat"][..], &["password", "--scope", READ_LOG]] {
        assert_eq!(host.run(&[&make[..], wrong].concat()).status, 2, "{wrong:?}");
    }
    host.json(&[&make[..], &["pat", "--scope", READ_LOG]].concat());
    assert_eq!(host.tokens(ADA).len(), 3);
}

async fn an_api_key_opens_the_user_management_api_and_nothing_else(engine: Engine) {
    let host = Host::with_people(engine).await;
    let secret = key(&host, ADA);
    let server = host.serve(&[]);
    assert_eq!(ask(&server, "users", ADA, &secret).status, 200);
    assert_eq!(ask(&server, "users", LEE, &secret).status, 401, "it is not his");
    assert_eq!(ask(&server, "users", ADA, &host.token(ADA, READ_LOG).secret).status, 401, "no API key");
    let me = format!("GET /api/v1/me HTTP/1.1\r\nHost: offboard\r\nAuthorization: MxToken {secret}\r\n\r\n");
    assert_eq!(http::ask(server.address, &me).unwrap().status, 401);
    let uuid = string(&host.tokens(ADA).pop().unwrap(), "uuid");
    host.json(&["token", "delete", &uuid]);
    assert_eq!(ask(&server, "users", ADA, &secret).status, 401);
}

async fn who_still_calls_is_told(engine: Engine) {
    let host = Host::with_people(engine).await;
    let callers = ["user-management-api", "callers"];
    assert_eq!(host.json(&callers), json!({"callers": []}));
    let secret = key(&host, ADA);
    let server = host.serve(&[]);
    for path in ["users", "users", "groups"] {
        assert_eq!(ask(&server, path, ADA, &secret).status, 200, "{path}");
    }
    // What is not yet written down is, when it stops.
    server.stop();
    let document = host.json(&callers);
    let calls = array(&document, "callers");
    assert_eq!(calls.len(), 2, "one a key and call: {document}");
    for call in &calls {
        let members =
            ["companyUuid", "userUuid", "emailAddress", "keyUuid", "keyName", "call", "calls", "firstAt", "lastAt"];
        assert_members(call, &members);
        assert_eq!((&call["emailAddress"], &call["keyName"]), (&json!(ADA), &json!("old script")));
        assert_eq!(call["userUuid"], host.uuid(ADA));
    }
    let mut counts: Vec<i64> = calls.iter().map(|call| call["calls"].as_i64().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
    assert!(host.text(&callers).contains(ADA));

    host.json(&["company", "create", "Other"]);
    assert_eq!(host.json(&["user-management-api", "callers", "--company", "Other"]), json!({"callers": []}));
    assert_eq!(host.json(&["user-management-api", "callers", "--company", "Acme"]), document);
}

async fn when_the_old_api_ends_is_configured(engine: Engine) {
    let host = Host::with_people(engine).await;
    let secret = key(&host, ADA);
    for (value, expected) in [
        ("", Some("Fri, 31 Dec 2027 23:59:59 GMT")),
        ("2028-01-31", Some("Mon, 31 Jan 2028 23:59:59 GMT")),
        ("off", None),
    ] {
        let server = host.serve(&[("OFFBOARD_USER_MANAGEMENT_API_SUNSET", value)]);
        let answer = ask(&server, "users", ADA, &secret);
        assert_eq!((answer.status, answer.header("sunset")), (200, expected), "'{value}'");
        assert!(answer.header("deprecation").is_some(), "{answer:?}");
    }
}
