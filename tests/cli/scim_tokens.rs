//! `offboard scim-token …`, and what such a token opens in the running server.

use serde_json::{Value, json};

use crate::harness::{Host, LEE, READ_LOG, Run, array, assert_members, assert_uuid, string};
use crate::http::{self, Answer};
use crate::server::Server;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_scim_token_is_shown_once,
    in_text_the_secret_stands_alone_on_standard_output,
    a_name_belongs_to_one_token_of_a_company,
    of_one_company_only_its_own_tokens_are_listed,
    what_is_unknown_is_refused_with_a_hint,
    a_service_is_no_scim_token_and_no_scim_token_is_a_service,
    a_rotated_or_deleted_token_opens_nothing_from_then_on,
    two_tokens_replace_one_another_without_a_gap,
    who_is_deactivated_by_it_is_deactivated_everywhere,
    where_rate_limits_are_off_a_sync_is_not_limited,
    a_sync_that_is_too_fast_is_limited_by_itself,
}

const CREATED: [&str; 3] = ["uuid", "name", "token"];

fn create<'a>(company: &'a str, name: &'a str) -> [&'a str; 6] {
    ["scim-token", "create", "--company", company, "--name", name]
}

fn secret(host: &Host, name: &str) -> String {
    string(&host.json(&create("Acme", name)), "token")
}

/// What an identity provider asks with this token.
#[track_caller]
fn ask(server: &Server, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} /scim/v2{path} HTTP/1.1\r\nHost: offboard\r\nAuthorization: Bearer {token}\r\n\
        Content-Type: application/scim+json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    http::ask(server.address, &request).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

#[track_caller]
fn opens(server: &Server, token: &str) -> u16 {
    ask(server, "GET", "/Users", token, "").status
}

async fn a_scim_token_is_shown_once(engine: Engine) {
    let host = Host::with_people(engine).await;
    let made = host.json(&create("Acme", "okta"));
    assert_members(&made, &CREATED);
    assert_uuid(&string(&made, "uuid"));
    assert_eq!(made["name"], "okta");
    let secret = string(&made, "token");
    assert!(secret.starts_with("obi_") && secret.len() == 42, "{secret}");

    let listed = host.json(&["scim-token", "list"]);
    assert_members(&listed, &["scimTokens"]);
    let [token]: [Value; 1] = array(&listed, "scimTokens").try_into().unwrap();
    assert_members(&token, &["uuid", "name", "companyUuid", "hint", "createdAt"]);
    assert_eq!([&token["uuid"], &token["name"]], [&made["uuid"], &made["name"]]);
    assert_eq!(token["companyUuid"], host.user(LEE)["companyUuid"]);
    assert_eq!(string(&token, "hint"), secret[38..]);
    for arguments in [&["scim-token", "list"][..], &["service", "list"], &["audit", "export"]] {
        assert!(!host.text(arguments).contains(&secret), "{arguments:?} shows the secret again");
    }
}

async fn in_text_the_secret_stands_alone_on_standard_output(engine: Engine) {
    let host = Host::with_people(engine).await;
    for arguments in [&create("Acme", "okta")[..], &["scim-token", "rotate", "okta"]] {
        let run = host.run(arguments);
        assert_eq!(run.status, 0, "{run:?}");
        let secret = run.out.strip_suffix('\n').unwrap();
        assert!(secret.starts_with("obi_") && secret.len() == 42, "{run:?}");
        assert!(run.err.contains("only time") && !run.err.contains("obi_"), "{run:?}");
        assert!(run.err.contains("http://127.0.0.1:8080/scim/v2"), "the address to paste: {run:?}");
    }
}

async fn a_name_belongs_to_one_token_of_a_company(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["company", "create", "Other"]);
    let first = host.json(&create("Acme", "okta"));
    assert!(host.refusal(&create("ACME", " OKTA ")).contains("exists already"));
    let second = host.json(&create("Other", "Okta"));
    // Which of the two is meant, only the UUID tells.
    for command in ["rotate", "delete"] {
        assert!(host.refusal(&["scim-token", command, "okta"]).contains("UUID"), "{command}");
    }
    for token in [first, second] {
        let uuid = string(&token, "uuid");
        assert_eq!(host.json(&["scim-token", "delete", &uuid]), json!({"uuid": uuid}));
    }
    // A name is free again when its token is gone.
    host.json(&create("Acme", "okta"));
    for name in ["", " ", "A\nB", &"x".repeat(201)] {
        host.refusal(&create("Acme", name));
    }
}

async fn of_one_company_only_its_own_tokens_are_listed(engine: Engine) {
    let host = Host::with_people(engine).await;
    assert!(host.text(&["scim-token", "list"]).contains("offboard scim-token create"), "what to do");
    host.json(&["company", "create", "Other"]);
    host.json(&create("Other", "entra"));
    host.json(&create("Acme", "okta"));
    let names = |arguments: &[&str]| {
        let tokens = array(&host.json(&[&["scim-token", "list"][..], arguments].concat()), "scimTokens");
        tokens.iter().map(|token| string(token, "name")).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["entra", "okta"]);
    assert_eq!(names(&["--company", "Acme"]), ["okta"]);
    assert_eq!(names(&["--company", "Other"]), ["entra"]);
}

async fn what_is_unknown_is_refused_with_a_hint(engine: Engine) {
    let host = Host::with_people(engine).await;
    for (arguments, hint) in [
        (&["scim-token", "rotate", "okta"][..], "scim-token list"),
        (&["scim-token", "delete", "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11"][..], "scim-token list"),
        (&["scim-token", "list", "--company", "Nowhere"][..], "company list"),
        (&create("Nowhere", "okta")[..], "company list"),
    ] {
        let error = Run::of(host.command(arguments).args(["--format", "json"])).refused();
        assert!(string(&error, "message").starts_with("there is no "), "{arguments:?}: {error}");
        assert!(string(&error, "hint").contains(hint), "{arguments:?}: {error}");
    }
}

async fn a_service_is_no_scim_token_and_no_scim_token_is_a_service(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&create("Acme", "okta"));
    // One name, two purposes.
    host.json(&["service", "create", "okta", "--company", "Acme"]);
    host.json(&["service", "create", "gateway"]);
    assert_eq!(array(&host.json(&["scim-token", "list"]), "scimTokens").len(), 1);
    assert_eq!(array(&host.json(&["service", "list"]), "services").len(), 2);
    host.refusal(&["scim-token", "delete", "gateway"]);
    host.json(&["service", "delete", "okta"]);
    assert!(host.refusal(&["service", "delete", "okta"]).contains("there is no service"), "the token is none");
    host.json(&["scim-token", "delete", "okta"]);
    assert!(host.refusal(&["scim-token", "delete", "okta"]).contains("there is no SCIM token"));
}

async fn a_rotated_or_deleted_token_opens_nothing_from_then_on(engine: Engine) {
    let host = Host::with_people(engine).await;
    let first = secret(&host, "okta");
    let server = host.serve(&[]);
    assert_eq!(opens(&server, &first), 200);
    let rotated = host.json(&["scim-token", "rotate", "OKTA"]);
    assert_members(&rotated, &CREATED);
    let second = string(&rotated, "token");
    assert_eq!([opens(&server, &first), opens(&server, &second)], [401, 200]);
    assert_eq!(host.json(&["scim-token", "delete", "okta"]), json!({"uuid": rotated["uuid"]}));
    assert_eq!([opens(&server, &first), opens(&server, &second)], [401, 401]);
    let actions = host.trail().iter().map(|entry| string(entry, "action")).collect::<Vec<_>>();
    assert!(
        actions.ends_with(&["service.create", "service.rotate", "service.delete"].map(str::to_owned)),
        "{actions:?}"
    );
}

async fn two_tokens_replace_one_another_without_a_gap(engine: Engine) {
    let host = Host::with_people(engine).await;
    let old = secret(&host, "okta 2026");
    let server = host.serve(&[]);
    let new = secret(&host, "okta 2027");
    assert_eq!([opens(&server, &old), opens(&server, &new)], [200, 200]);
    host.json(&["scim-token", "delete", "okta 2026"]);
    assert_eq!([opens(&server, &old), opens(&server, &new)], [401, 200]);
}

async fn who_is_deactivated_by_it_is_deactivated_everywhere(engine: Engine) {
    const OFF: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations":[{"op":"replace","value":{"active":false}}]}"#;
    let host = Host::with_people(engine).await;
    let (okta, lee, token) = (secret(&host, "okta"), host.uuid(LEE), host.token(LEE, READ_LOG));
    let server = host.serve(&[]);
    assert_eq!(server.me(&token).status, 200);
    let answer = ask(&server, "PATCH", &format!("/Users/{lee}"), &okta, OFF);
    assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(false)), "{answer:?}");
    assert_eq!(server.me(&token).status, 401);
    assert_eq!(host.user(LEE)["status"], "deactivated");
    let last = host.trail().pop().unwrap();
    assert_eq!((&last["action"], &last["door"]), (&json!("user.deactivate"), &json!("scim")), "{last}");
    assert_eq!(last["personUuid"], lee);
}

async fn where_rate_limits_are_off_a_sync_is_not_limited(engine: Engine) {
    let host = Host::with_people(engine).await;
    let okta = secret(&host, "okta");
    let server = host.serve(&[("OFFBOARD_RATE_LIMIT", "off"), ("OFFBOARD_SCIM_RATE_LIMIT", "1/1h")]);
    for _ in 0..3 {
        assert_eq!(opens(&server, &okta), 200);
    }
}

async fn a_sync_that_is_too_fast_is_limited_by_itself(engine: Engine) {
    let host = Host::with_people(engine).await;
    let (okta, token) = (secret(&host, "okta"), host.token(LEE, READ_LOG));
    let server = host.serve(&[("OFFBOARD_SCIM_RATE_LIMIT", "2/1h")]);
    assert_eq!([opens(&server, &okta), opens(&server, &okta), opens(&server, &okta)], [200, 200, 429]);
    let answer = ask(&server, "GET", "/Users", &okta, "");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.json()["status"], "429", "in SCIM's own form: {answer:?}");
    assert_eq!(server.me(&token).status, 200, "nobody else is");
}
