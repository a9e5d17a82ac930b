//! API 1: every row of the contract.

use offboard::model::audit::{ActorRecord, Proof};
use offboard::model::scope::Scope;
use offboard::model::user::{Role, Status};
use reqwest::Method;
use serde_json::Value;

use crate::harness::{Answer, Platform, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    deactivating_answers_204_and_ends_the_tokens_at_once,
    deactivating_again_changes_nothing_and_keeps_the_first_time_stamp,
    a_suspended_user_can_be_deactivated,
    whatever_is_not_active_false_is_400,
    a_uuid_of_another_form_is_400,
    members_besides_active_are_ignored,
    the_body_is_read_whatever_its_content_type,
    a_token_without_the_scope_is_403,
    who_is_no_mendix_admin_is_403,
    nobody_deactivates_himself,
    a_foreign_user_is_as_unknown_as_none,
    checks_come_in_the_contracts_order,
    another_method_is_405,
    a_large_body_is_413,
    refused_attempts_stand_in_the_audit_trail,
    one_deactivation_is_one_entry_with_all_that_an_auditor_asks,
    strangers_leave_no_durable_trace,
}

async fn deactivating_answers_204_and_ends_the_tokens_at_once(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee, max) =
        (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    let (_, second) = platform.token(lee.id, &[Scope::AuditLoggingRead]).await;
    assert_eq!(
        (platform.me(&lee.token).await, platform.me(&second).await),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );

    let answer = platform.deactivate(&ada, lee.id).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("content-length"), "");

    for dead in [&lee.token, &second] {
        assert_eq!(platform.me(dead).await, 401);
        platform.patch(dead, &max.id.to_string(), r#"{"active":false}"#).await.error_object(401, "Unauthorized");
    }
    assert_eq!(platform.me(&max.token).await, 200, "the others are as before");
    assert_eq!(platform.me(&ada.token).await, 200);
}

async fn deactivating_again_changes_nothing_and_keeps_the_first_time_stamp(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
    let first = platform.directory.find_user(&lee.email).await.unwrap().status_since;
    platform.clock.advance(std::time::Duration::from_secs(60));

    let calls = (0..50).map(|_| platform.deactivate(&ada, lee.id));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    }
    assert_eq!(platform.directory.find_user(&lee.email).await.unwrap().status_since, first);
    assert_eq!(platform.trail_of("user.deactivate").await.len(), 1);
}

async fn a_suspended_user_can_be_deactivated(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(platform.deactivate(&ada, lee.id).await.status, 204);
    assert_eq!(platform.directory.find_user(&lee.email).await.unwrap().status, Status::Deactivated);
}

async fn whatever_is_not_active_false_is_400(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let bodies = [
        "",
        " ",
        "{",
        "{}",
        "null",
        "false",
        "[]",
        "[false]",
        "\"active\"",
        "active=false",
        "{\"active\":}",
        r#"{"active":null}"#,
        r#"{"active":true}"#,
        r#"{"active":0}"#,
        r#"{"active":"false"}"#,
        r#"{"active":[false]}"#,
        r#"{"Active":false}"#,
        r#"{"active":false,"active":false}"#,
        r#"{"active":true,"active":false}"#,
        r#"{"active":false,"\u0061ctive":false}"#,
        r#"{"active":false} {}"#,
        r#"{"active":false}x"#,
        "\u{feff}{\"active\":false}",
        r#"{"active":false,}"#,
        "{'active':false}",
        r#"{"active":False}"#,
    ];
    for body in bodies {
        let detail =
            platform.patch(&ada.token, &lee.id.to_string(), body).await.error_object(400, "The request is not valid");
        assert!(!detail.is_empty(), "{body}");
    }
    let not_utf8 = b"{\"active\":false,\"x\":\"\xff\"}".to_vec();
    let path = format!("/v1/platform-users/{}", lee.id);
    let answer = platform.call(Method::PATCH, &path).token(&ada.token).body(not_utf8).send().await;
    answer.error_object(400, "The request is not valid");
    assert_eq!(platform.me(&lee.token).await, 200, "nothing was done");
}

async fn a_uuid_of_another_form_is_400(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let uuid = lee.id.to_string();
    let paths = [
        uuid.to_uppercase(),
        uuid.replace('-', ""),
        format!("{uuid}0"),
        uuid[..35].to_owned(),
        "x".to_owned(),
        "%20".to_owned(),
        "%ff".to_owned(),
        "..%2f".to_owned(),
        format!("{{{uuid}}}"),
        "0".repeat(5000),
    ];
    for path in paths {
        platform.patch(&ada.token, &path, r#"{"active":false}"#).await.error_object(400, "The request is not valid");
    }
}

async fn members_besides_active_are_ignored(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let deep = format!(r#"{{"a":{}{},"active":false}}"#, "[".repeat(1000), "]".repeat(1000));
    let bodies = [
        r#"{"active":false}"#,
        " \n{ \"active\" : false }\t",
        r#"{"uuid":"x","active":false,"n":{"active":true}}"#,
        r#"{"x":1,"x":2,"active":false,"y":1e999}"#,
        r#"{"\u0061ctive":false}"#,
        r#"{"x":"\ud83d","active":false}"#,
        &deep,
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let leaver = platform.member(&acme, &format!("lee{number}")).await;
        let answer = platform.patch(&ada.token, &leaver.id.to_string(), body).await;
        assert_eq!(answer.status, 204, "{body}: {answer:?}");
    }
}

async fn the_body_is_read_whatever_its_content_type(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for kind in ["application/json", "application/x-www-form-urlencoded", "text/plain", "nonsense", ""] {
        let leaver = platform.member(&acme, &format!("lee{}", kind.len())).await;
        let path = format!("/v1/platform-users/{}", leaver.id);
        let call = platform.call(Method::PATCH, &path).token(&ada.token).header("content-type", kind);
        assert_eq!(call.body(r#"{"active":false}"#).send().await.status, 204, "{kind}");
    }
}

async fn a_token_without_the_scope_is_403(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let (_, other) = platform.token(ada.id, &[Scope::UserIdentifiersRead, Scope::AuditLoggingRead]).await;
    let answer = platform.patch(&other, &lee.id.to_string(), r#"{"active":false}"#).await;
    let detail = answer.error_object(403, "Forbidden");
    assert!(detail.contains("mx:user-deactivation:write"), "{detail}");
    assert_eq!(platform.me(&lee.token).await, 200);
}

async fn who_is_no_mendix_admin_is_403(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    for role in [Role::Member, Role::MemberManager, Role::CompanyManager] {
        let caller = platform.person(&acme, role.as_str(), role).await;
        platform.deactivate(&caller, lee.id).await.error_object(403, "Forbidden");
    }
    assert_eq!(platform.me(&lee.token).await, 200);
}

async fn nobody_deactivates_himself(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, _) = (platform.admin(&acme, "ada").await, platform.admin(&acme, "bob").await);
    platform.deactivate(&ada, ada.id).await.error_object(403, "Forbidden");
    assert_eq!(platform.me(&ada.token).await, 200);
}

/// Status, body and headers, without what names the request or counts it.
fn shape(answer: &Answer) -> (u16, Value, Vec<String>) {
    let mut body = answer.json();
    body["error"]["instance"] = Value::Null;
    let headers = answer.headers.iter().filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    (answer.status.as_u16(), body, headers.map(|(name, value)| format!("{name}: {value:?}")).collect())
}

async fn a_foreign_user_is_as_unknown_as_none(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (ada, zoe) = (platform.admin(&acme, "ada").await, platform.member(&globex, "zoe").await);
    let foreign = platform.deactivate(&ada, zoe.id).await;
    let unknown = platform.patch(&ada.token, "00000000-0000-4000-8000-000000000000", r#"{"active":false}"#).await;
    foreign.error_object(403, "Forbidden");
    assert_eq!(shape(&foreign), shape(&unknown));
    assert_eq!(platform.me(&zoe.token).await, 200);

    platform.directory.deactivate(&operator(), zoe.id, act()).await.unwrap();
    assert_eq!(shape(&platform.deactivate(&ada, zoe.id).await), shape(&unknown), "whatever the status");
}

async fn checks_come_in_the_contracts_order(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, max) = (platform.admin(&acme, "ada").await, platform.member(&acme, "max").await);
    let (_, scopeless_member) = platform.token(max.id, &[Scope::AuditLoggingRead]).await;
    let detail = platform.patch(&scopeless_member, "x", "{").await.error_object(403, "Forbidden");
    assert!(detail.contains("scope"), "scope before role: {detail}");
    let detail = platform.patch(&max.token, "x", "{").await.error_object(403, "Forbidden");
    assert!(detail.contains("Mendix Admin"), "role before form: {detail}");
    platform.patch(&ada.token, &ada.id.to_string(), "{").await.error_object(400, "The request is not valid");
    platform.patch(&unknown_token(), "x", "{").await.error_object(401, "Unauthorized");
}

async fn another_method_is_405(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let path = format!("/v1/platform-users/{}", ada.id);
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        for call in [platform.call(method.clone(), &path).token(&ada.token), platform.call(method.clone(), &path)] {
            let answer = call.send().await;
            answer.error_object(405, "Method Not Allowed");
            assert_eq!(answer.header("allow"), "PATCH");
        }
    }
}

async fn a_large_body_is_413(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let body = |size: usize| format!("{}{}", r#"{"active":false}"#, " ".repeat(size - 16));
    let answer = platform.patch(&ada.token, &lee.id.to_string(), &body(4097)).await;
    answer.error_object(413, "Payload Too Large");
    assert_eq!(platform.me(&lee.token).await, 200);
    assert_eq!(platform.patch(&ada.token, &lee.id.to_string(), &body(4096)).await.status, 204);
}

async fn refused_attempts_stand_in_the_audit_trail(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (ada, lee, zoe) = (
        platform.admin(&acme, "ada").await,
        platform.member(&acme, "lee").await,
        platform.member(&globex, "zoe").await,
    );
    let (id, scopeless) = platform.token(ada.id, &[Scope::AuditLoggingRead]).await;
    let scopeless_ada = ActorRecord::User(ada.id, Proof::Token(id));
    let attempts = [
        (platform.patch(&scopeless, &lee.id.to_string(), "").await, scopeless_ada, lee.id, "missing_scope"),
        (platform.deactivate(&lee, ada.id).await, lee.by_token(), ada.id, "not_admin"),
        (platform.deactivate(&ada, ada.id).await, ada.by_token(), ada.id, "oneself"),
        (platform.deactivate(&ada, zoe.id).await, ada.by_token(), zoe.id, "no_such_user"),
    ];
    let entries = platform.trail_of("user.deactivate").await;
    assert_eq!(entries.len(), attempts.len());
    for (entry, (answer, actor, target, refusal)) in entries.iter().zip(attempts) {
        assert_eq!(entry.refusal.as_deref(), Some(refusal));
        assert_eq!(entry.request, answer.request_id());
        assert_eq!((entry.actor, entry.subject), (actor, Some(target.0)));
        assert_eq!(entry.company, Some(acme.id), "never in the trail of the other company");
        assert_eq!(entry.at, platform.now());
    }
}

async fn one_deactivation_is_one_entry_with_all_that_an_auditor_asks(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let answer = platform.deactivate(&ada, lee.id).await;
    let entries = platform.trail_of("user.deactivate").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.actor, entry.subject, entry.person), (ada.by_token(), Some(lee.id.0), Some(lee.id)));
    assert_eq!((entry.refusal.as_deref(), entry.door.as_str()), (None, "user_deactivation_api"));
    assert_eq!((entry.request, entry.address.as_deref()), (answer.request_id(), Some("127.0.0.1")));
    assert_eq!((entry.at, entry.company), (platform.now(), Some(acme.id)));
    let detail: Value = serde_json::from_str(entry.detail.as_deref().unwrap()).unwrap();
    assert_eq!(
        detail,
        serde_json::json!({"from": "active", "to": "deactivated", "sessionsEnded": 0, "tokensRevoked": 1})
    );
}

async fn strangers_leave_no_durable_trace(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.deactivate(&ada, lee.id).await;
    let before = platform.trail().await.len();
    platform.deactivate(&lee, ada.id).await.error_object(401, "Unauthorized");
    platform.patch(&unknown_token(), &ada.id.to_string(), "{}").await.error_object(401, "Unauthorized");
    platform.patch("nonsense", &ada.id.to_string(), "{}").await.bare_string(401);
    assert_eq!(platform.trail().await.len(), before);
    let metrics = platform.call(Method::GET, "/metrics").send().await.body;
    for reason in ["ended_token", "unknown_token", "malformed_credential"] {
        let line = format!("offboard_refusals_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}
