//! Walks the API document: no operation, today's or tomorrow's, opens to a dead credential or without one, and every
//! mutation leaves exactly one audit entry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use offboard::http::document;
use offboard::model::scope::Scope;
use reqwest::Method;
use serde_json::Value;

use crate::harness::{Answer, Person, Platform, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    no_operation_opens_to_a_dead_credential_or_without_one,
    an_operation_with_a_scope_refuses_a_token_without_it,
    every_mutation_leaves_exactly_one_audit_entry,
}

/// Operations that need no scope: any valid token may call them.
const WITHOUT_SCOPE: [&str; 1] = ["get_me"];
/// Operations with a method that may change something, which do not: they leave no entry.
const READ_BY_POST: [&str; 2] = ["look_up_users", "look_up_users_by_guide"];

struct Operation {
    id: String,
    method: Method,
    path: String,
    scopes: Vec<String>,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(document()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            // What services ask about, and gateways, has tests of its own: `services.rs`; so has API 4: `legacy.rs`.
            if operation["tags"][0] == "Services" || operation["tags"][0] == "User Management (deprecated)" {
                continue;
            }
            let scopes = operation["security"][0]["MxToken"].as_array().unwrap();
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                scopes: scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    assert!(operations.len() >= 5);
    operations
}

/// A good request to an operation. A new operation without one fails here.
fn request(operation: &Operation, target: &Person) -> (String, String) {
    let bodies = BTreeMap::from([
        ("deactivate_user", r#"{"active":false}"#.to_owned()),
        ("look_up_users", format!(r#"{{"emailAddresses":[{{"emailAddress":"{}"}}]}}"#, target.email)),
        ("look_up_users_by_guide", format!(r#"{{"emailAddresses":[{{"emailAddress":"{}"}}]}}"#, target.email)),
        ("look_up_users_by_guide_with_get", format!(r#"{{"emailAddresses":[{{"emailAddress":"{}"}}]}}"#, target.email)),
        ("get_me", String::new()),
    ]);
    let known: BTreeSet<String> = operations().into_iter().map(|operation| operation.id).collect();
    assert_eq!(known, bodies.keys().map(|id| (*id).to_owned()).collect(), "an operation came or went");
    (operation.path.replace("{uuid}", &target.id.to_string()), bodies[operation.id.as_str()].clone())
}

async fn send(platform: &Platform, operation: &Operation, target: &Person, token: Option<&str>) -> Answer {
    let (path, body) = request(operation, target);
    let call = platform.call(operation.method.clone(), &path).body(body);
    match token {
        Some(token) => call.token(token).send().await,
        None => call.send().await,
    }
}

/// One token of each kind that must open nothing.
async fn dead_credentials(platform: &Platform) -> Vec<(&'static str, String)> {
    let company = platform.company("Graves").await;
    let keeper = platform.admin(&company, "keeper").await;
    let (deleted_id, deleted) = platform.token(keeper.id, &Scope::ALL).await;
    platform.directory.delete_token(&operator(), deleted_id).await.unwrap();
    let (_, expired) = platform.token_for(keeper.id, &Scope::ALL, Some(Duration::from_secs(1))).await;
    platform.clock.advance(Duration::from_secs(2));
    let (suspended, deactivated, returned) = (
        platform.admin(&company, "suspended").await,
        platform.admin(&company, "deactivated").await,
        platform.admin(&company, "returned").await,
    );
    platform.directory.suspend(&operator(), suspended.id, act()).await.unwrap();
    platform.directory.deactivate(&operator(), deactivated.id, act()).await.unwrap();
    platform.directory.deactivate(&operator(), returned.id, act()).await.unwrap();
    platform.directory.reactivate(&operator(), returned.id, act()).await.unwrap();
    vec![
        ("deleted", deleted),
        ("expired", expired),
        ("of a suspended user", suspended.token),
        ("of a deactivated user", deactivated.token),
        ("of a reactivated user, from before", returned.token),
        ("never made", unknown_token()),
        ("malformed", "obp_nonsense".to_owned()),
    ]
}

async fn no_operation_opens_to_a_dead_credential_or_without_one(engine: Engine) {
    let platform = Platform::start(engine).await;
    let dead = dead_credentials(&platform).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    let before = platform.trail().await.len();
    for operation in operations() {
        assert_eq!(send(&platform, &operation, &lee, None).await.status, 401, "{} without", operation.id);
        for (kind, token) in &dead {
            let answer = send(&platform, &operation, &lee, Some(token)).await;
            assert_eq!(answer.status, 401, "{} with a token {kind}: {answer:?}", operation.id);
        }
    }
    assert_eq!(platform.trail().await.len(), before, "no side effect");
    assert_eq!(platform.me(&lee.token).await, 200);
    for operation in operations() {
        let control = send(&platform, &operation, &lee, Some(&ada.token)).await;
        assert!(control.status.is_success(), "{} works with a live token: {control:?}", operation.id);
    }
}

async fn an_operation_with_a_scope_refuses_a_token_without_it(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    for operation in operations() {
        assert_eq!(operation.scopes.is_empty(), WITHOUT_SCOPE.contains(&operation.id.as_str()), "{}", operation.id);
        if operation.scopes.is_empty() {
            continue;
        }
        let others: Vec<Scope> =
            Scope::ALL.into_iter().filter(|scope| !operation.scopes.contains(&scope.as_str().to_owned())).collect();
        let (_, token) = platform.token(ada.id, &others).await;
        assert_eq!(send(&platform, &operation, &lee, Some(&token)).await.status, 403, "{}", operation.id);
    }
}

async fn every_mutation_leaves_exactly_one_audit_entry(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for (number, operation) in operations().into_iter().enumerate() {
        let lee = platform.member(&acme, &format!("lee{number}")).await;
        let before = platform.trail().await.len();
        let answer = send(&platform, &operation, &lee, Some(&ada.token)).await;
        assert!(answer.status.is_success(), "{}: {answer:?}", operation.id);
        let entries = platform.trail().await.split_off(before);
        let reads = operation.method.is_safe() || READ_BY_POST.contains(&operation.id.as_str());
        assert_eq!(entries.len(), usize::from(!reads), "{}: {entries:?}", operation.id);
        for entry in entries {
            assert_eq!((entry.request, entry.actor), (answer.request_id(), ada.by_token()));
            assert!(serde_json::from_str::<Value>(entry.detail.as_deref().unwrap_or("null")).is_ok());
        }
    }
}
