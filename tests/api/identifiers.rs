//! API 2: every row of the contract, at both paths.

use offboard::model::scope::Scope;
use offboard::model::user::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Platform, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

const PATH: &str = "/v1/uuids";
const ALIAS: &str = "/api/user-identifiers/v1/uuids";

on_both_engines! {
    found_addresses_come_in_the_order_asked,
    unknown_and_foreign_addresses_are_listed_alike,
    spelling_does_not_matter_and_is_kept,
    many_addresses_are_answered,
    the_alias_answers_get_and_post,
    what_is_no_list_of_addresses_is_400,
    bad_credentials_are_401,
    who_is_no_mendix_admin_is_401,
    a_token_without_the_scope_is_403_and_names_both,
    another_method_is_405_with_an_empty_text,
    a_large_body_is_413,
    deactivated_users_are_found_too,
    a_refused_look_up_stands_in_the_audit_trail,
}

async fn ask(platform: &Platform, token: &str, body: impl Into<String>) -> Answer {
    platform.call(Method::POST, PATH).token(token).body(body.into()).send().await
}

fn question(addresses: &[&str]) -> String {
    let addresses: Vec<Value> = addresses.iter().map(|address| json!({"emailAddress": address})).collect();
    json!({"emailAddresses": addresses}).to_string()
}

async fn found_addresses_come_in_the_order_asked(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee, max) =
        (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    let answer = ask(&platform, &ada.token, question(&[&max.email, &ada.email, &lee.email])).await;
    let identifiers =
        [&max, &ada, &lee].map(|person| json!({"emailAddress": person.email, "uuid": person.id.to_string()}));
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"identifiers": identifiers, "error": {}})));
    assert_eq!(answer.header("content-type"), "application/json");
}

async fn unknown_and_foreign_addresses_are_listed_alike(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (ada, zoe) = (platform.admin(&acme, "ada").await, platform.member(&globex, "zoe").await);
    let answer = ask(&platform, &ada.token, question(&[&zoe.email, &ada.email, "nobody@acme.example"])).await.json();
    assert_eq!(answer["identifiers"], json!([{"emailAddress": ada.email, "uuid": ada.id.to_string()}]));
    let unknown = json!([{"emailAddress": zoe.email}, {"emailAddress": "nobody@acme.example"}]);
    assert_eq!(answer["error"]["emailAddresses"], unknown);
    assert!(answer["error"]["message"].is_string());

    let none = ask(&platform, &ada.token, question(&[&zoe.email])).await.json();
    assert_eq!(none["identifiers"], json!([]));
}

async fn spelling_does_not_matter_and_is_kept(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "jos\u{e9}").await);
    let asked = ["JOSE\u{301}@Acme.EXAMPLE", "jos\u{e9}@acme.example", "No@Acme.Example", "NO@acme.example"];
    let answer = ask(&platform, &ada.token, question(&asked)).await.json();
    assert_eq!(answer["identifiers"], json!([{"emailAddress": asked[0], "uuid": lee.id.to_string()}]));
    assert_eq!(answer["error"]["emailAddresses"], json!([{"emailAddress": asked[2]}]), "a repeated one once");
}

async fn many_addresses_are_answered(engine: Engine) {
    let platform = Platform::start_with(engine, |settings| settings.body_limit = 262_144).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let addresses: Vec<String> = (0..1000).map(|number| format!("user{number}@acme.example")).collect();
    let mut asked: Vec<&str> = addresses.iter().map(String::as_str).collect();
    asked.insert(500, &ada.email);
    let answer = ask(&platform, &ada.token, question(&asked)).await.json();
    assert_eq!(answer["identifiers"].as_array().unwrap().len(), 1);
    assert_eq!(answer["error"]["emailAddresses"].as_array().unwrap().len(), 1000);
}

async fn the_alias_answers_get_and_post(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let expected = ask(&platform, &ada.token, question(&[&ada.email])).await;
    for method in [Method::GET, Method::POST] {
        let answer = platform.call(method, ALIAS).token(&ada.token).body(question(&[&ada.email])).send().await;
        assert_eq!((answer.status, &answer.body), (expected.status, &expected.body));
    }
}

async fn what_is_no_list_of_addresses_is_400(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let long = format!("{}@acme.example", "a".repeat(200));
    let bodies = [
        String::new(),
        "{".into(),
        "{}".into(),
        "[]".into(),
        "null".into(),
        question(&[]),
        r#"{"emailAddresses":null}"#.into(),
        r#"{"emailAddresses":{}}"#.into(),
        r#"{"emailAddresses":["a@acme.example"]}"#.into(),
        r#"{"emailAddresses":[["a@acme.example"]]}"#.into(),
        r#"{"emailAddresses":[{}]}"#.into(),
        r#"{"emailAddresses":[{"emailAddress":null}]}"#.into(),
        r#"[[{"emailAddress":"a@acme.example"}]]"#.into(),
        r#"{"emailAddresses":[{"emailAddress":"a@b.example"}],"emailAddresses":[]}"#.into(),
        question(&["nonsense"]),
        question(&["a@acme.example", "@"]),
        question(&[""]),
        question(&[&long]),
    ];
    for body in bodies {
        ask(&platform, &ada.token, &*body).await.error_fields(400, "INVALID_REQUEST");
    }
    let of_length = |length: usize| format!("{}@acme.example", "a".repeat(length - "@acme.example".len()));
    assert_eq!(ask(&platform, &ada.token, question(&[&of_length(200)])).await.status, 200);
    ask(&platform, &ada.token, question(&[&of_length(201)])).await.error_fields(400, "INVALID_REQUEST");
}

async fn bad_credentials_are_401(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, bob) = (platform.admin(&acme, "ada").await, platform.admin(&acme, "bob").await);
    platform.call(Method::POST, PATH).send().await.bare_string(401);
    ask(&platform, "nonsense", "").await.bare_string(401);
    ask(&platform, &unknown_token(), "").await.error_fields(401, "UNAUTHORIZED");
    platform.directory.delete_token(&operator(), bob.token_id).await.unwrap();
    ask(&platform, &bob.token, "").await.error_fields(401, "UNAUTHORIZED");
    let (_, second) = platform.token(bob.id, &Scope::ALL).await;
    platform.deactivate(&ada, bob.id).await;
    ask(&platform, &second, "").await.error_fields(401, "UNAUTHORIZED");
}

async fn who_is_no_mendix_admin_is_401(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    for role in [Role::Member, Role::MemberManager, Role::CompanyManager] {
        let person = platform.person(&acme, role.as_str(), role).await;
        let answer = ask(&platform, &person.token, question(&[&person.email])).await;
        answer.error_fields(401, "UNAUTHORIZED");
        assert_eq!(answer.header("www-authenticate"), "MxToken realm=\"offboard\"");
    }
}

async fn a_token_without_the_scope_is_403_and_names_both(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let (_, token) = platform.token(ada.id, &[Scope::UserDeactivationWrite]).await;
    let text = ask(&platform, &token, "{").await.error_fields(403, "FORBIDDEN");
    for scope in ["mx:mxid3:user-identifiers:uuid:read", "mx:user-deactivation:write"] {
        assert!(text.contains(scope), "{text}");
    }
}

async fn another_method_is_405_with_an_empty_text(engine: Engine) {
    let platform = Platform::start(engine).await;
    for (path, methods, allow) in [
        (PATH, vec!["GET", "PUT", "PATCH", "DELETE", "OPTIONS"], "POST"),
        (ALIAS, vec!["PUT", "PATCH", "DELETE"], "GET,HEAD,POST"),
    ] {
        for method in methods {
            let answer = platform.call(Method::from_bytes(method.as_bytes()).unwrap(), path).send().await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (405, ""), "{method} {path}");
            assert!(answer.header("content-type").starts_with("text/plain"));
            let mut allowed: Vec<&str> = answer.header("allow").split(',').collect();
            allowed.sort_unstable();
            assert_eq!(allowed.join(","), allow);
        }
    }
}

async fn a_large_body_is_413(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let answer = ask(&platform, &ada.token, " ".repeat(5000)).await;
    answer.error_fields(413, "PAYLOAD_TOO_LARGE");
}

async fn deactivated_users_are_found_too(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    let answer = ask(&platform, &ada.token, question(&[&lee.email])).await.json();
    assert_eq!(answer["identifiers"][0]["uuid"], lee.id.to_string());
}

async fn a_refused_look_up_stands_in_the_audit_trail(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let answer = ask(&platform, &lee.token, question(&[&lee.email])).await;
    let entries = platform.trail_of("user.look_up").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.refusal.as_deref(), entry.request), (Some("not_admin"), answer.request_id()));
    assert_eq!(entry.door, "user_identifiers_api");
}
