//! `offboard token …`

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{DEACTIVATE, Host, LEE, LOOK_UP, READ_LOG, Run, assert_members, assert_uuid, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_token_is_shown_once,
    in_text_the_secret_stands_alone_on_standard_output,
    a_token_expires_when_asked_to,
    what_a_token_can_not_be_is_refused,
    only_an_active_user_gets_a_token,
    a_deleted_token_stays_deleted,
    a_token_that_is_none_can_not_be_deleted,
}

const CREATED: [&str; 5] = ["uuid", "name", "scopes", "expiresAt", "token"];

fn create<'a>(scopes: &[&'a str]) -> Vec<&'a str> {
    let scopes = scopes.iter().flat_map(|scope| ["--scope", *scope]);
    ["token", "create", "--user", LEE, "--name", "a script"].into_iter().chain(scopes).collect()
}

async fn a_token_is_shown_once(engine: Engine) {
    let host = Host::with_people(engine).await;
    let made = host.json(&create(&[READ_LOG, DEACTIVATE, READ_LOG, LOOK_UP]));
    assert_members(&made, &CREATED);
    assert_uuid(&string(&made, "uuid"));
    assert_eq!(made["name"], "a script");
    assert_eq!(made["scopes"], json!([DEACTIVATE, LOOK_UP, READ_LOG]));
    assert_eq!(made["expiresAt"], Value::Null);
    let secret = string(&made, "token");
    assert!(secret.starts_with("obp_") && secret.len() == 42, "{secret}");

    let listed = host.tokens(LEE);
    assert_eq!(listed.len(), 1);
    for member in ["uuid", "name", "scopes", "expiresAt"] {
        assert_eq!(listed[0][member], made[member], "{member}");
    }
    for arguments in [&["token", "list", "--user", LEE][..], &["audit", "export"], &["user", "show", LEE]] {
        assert!(!host.text(arguments).contains(&secret), "{arguments:?} shows the secret again");
    }
}

async fn in_text_the_secret_stands_alone_on_standard_output(engine: Engine) {
    let host = Host::with_people(engine).await;
    let run = host.run(&create(&[READ_LOG]));
    assert_eq!(run.status, 0, "{run:?}");
    let secret = run.out.strip_suffix('\n').unwrap();
    assert!(secret.starts_with("obp_") && secret.len() == 42, "{run:?}");
    assert!(run.err.contains("only time") && !run.err.contains("obp_"), "{run:?}");
}

async fn a_token_expires_when_asked_to(engine: Engine) {
    let host = Host::with_people(engine).await;
    let made = host.json(&[&create(&[READ_LOG])[..], &["--expires", "90d"]].concat());
    let listed = &host.tokens(LEE)[0];
    assert_eq!(listed["expiresAt"], made["expiresAt"]);
    let instant = |member: &str| string(listed, member).parse::<Timestamp>().unwrap();
    assert_eq!(instant("expiresAt").duration_since(instant("createdAt")), SignedDuration::from_hours(90 * 24));
}

async fn what_a_token_can_not_be_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    let refusal = host.refusal(&create(&["mx:everything"]));
    for known in [DEACTIVATE, LOOK_UP, READ_LOG] {
        assert!(refusal.contains(known), "what there is instead of an unknown scope: {refusal}");
    }
    for expires in ["soon", "90", "0d", "200y", ""] {
        let refusal = host.refusal(&[&create(&[READ_LOG])[..], &["--expires", expires]].concat());
        assert!(refusal.contains(expires), "{expires}: {refusal}");
    }
    host.refusal(&["token", "create", "--user", "nobody@acme.example", "--name", "x", "--scope", READ_LOG]);
    host.refusal(&["token", "create", "--user", LEE, "--name", " ", "--scope", READ_LOG]);
    assert!(host.tokens(LEE).is_empty());
}

async fn only_an_active_user_gets_a_token(engine: Engine) {
    let host = Host::with_people(engine).await;
    for (act, status) in [("suspend", "suspended"), ("deactivate", "deactivated")] {
        host.json(&["user", act, LEE]);
        let error = Run::of(host.command(&create(&[READ_LOG])).args(["--format", "json"])).refused();
        assert!(string(&error, "message").contains(status) && error["hint"].is_string(), "{error}");
    }
    assert!(host.tokens(LEE).is_empty());
}

async fn a_deleted_token_stays_deleted(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (token, other) = (host.token(LEE, READ_LOG), host.token(LEE, READ_LOG));
    let deleted = host.json(&["token", "delete", &token.uuid]);
    assert_eq!(deleted, json!({"uuid": token.uuid}));
    let ended = |uuid: &str| host.tokens(LEE).into_iter().find(|token| token["uuid"] == uuid).unwrap();
    let first = ended(&token.uuid);
    assert!(first["endedAt"].is_string() && first["endReason"] == "deleted", "{first}");
    assert_eq!(ended(&other.uuid)["endedAt"], Value::Null);

    let trail = host.trail().len();
    assert_eq!(host.json(&["token", "delete", &token.uuid.to_uppercase()]), deleted);
    assert_eq!(ended(&token.uuid), first, "the first time stamp stays");
    assert_eq!(host.trail().len(), trail, "deleting again changes nothing");
}

async fn a_token_that_is_none_can_not_be_deleted(engine: Engine) {
    let host = Host::with_people(engine).await;
    let user = host.uuid(LEE);
    for uuid in [user.as_str(), "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11", "nonsense", ""] {
        host.refusal(&["token", "delete", uuid]);
    }
}
