//! What comes in: the form of the header, and each way in which a token can be dead.

use std::time::Duration;

use offboard::domain::passwords::Password;
use offboard::model::scope::Scope;
use offboard::model::token::TokenKind;
use reqwest::Method;

use crate::harness::{Platform, act, operator, unknown_token};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    the_schemes_case_does_not_matter,
    a_header_without_a_well_formed_token_gets_a_bare_string,
    two_authorization_headers_are_malformed,
    a_missing_header_gets_the_error_object_of_api_1_and_a_bare_string_of_api_2,
    a_token_expires_at_its_instant,
    a_deleted_token_is_refused_and_others_are_not,
    a_suspended_owners_tokens_sleep_and_wake,
    a_reactivated_user_starts_without_credentials,
    every_401_names_the_scheme,
    a_use_is_noted_at_most_every_ten_minutes,
}

const PATH: &str = "/v1/platform-users/00000000-0000-4000-8000-000000000000";

async fn the_schemes_case_does_not_matter(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    for scheme in ["MxToken", "mxtoken", "MXTOKEN", "mXtOKEN"] {
        let call = platform.call(Method::GET, "/api/v1/me").header("authorization", &format!("{scheme} {}", ada.token));
        assert_eq!(call.send().await.status, 200, "{scheme}");
    }
}

async fn a_header_without_a_well_formed_token_gets_a_bare_string(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let token = platform.admin(&acme, "ada").await.token;
    let mut changed = token.clone();
    changed.replace_range(10..11, if &token[10..11] == "A" { "B" } else { "A" });
    let values = [
        String::new(),
        "MxToken".into(),
        "MxToken ".into(),
        token.clone(),
        format!("Bearer {token}"),
        format!("Basic {token}"),
        format!("MxToken {changed}"),
        format!("MxToken {token}0"),
        format!("MxToken {}", &token[..41]),
        format!("MxToken {token} {token}"),
        format!("MxToken\t{token}"),
        format!("MxToken=\"{token}\""),
        "MxToken EKNJvk".into(),
        format!("MxToken {}", token.to_lowercase()),
        format!("MxToken {}", "x".repeat(5000)),
    ];
    for value in values {
        for (method, path) in [(Method::PATCH, PATH), (Method::POST, "/v1/uuids")] {
            platform.call(method, path).header("authorization", &value).send().await.bare_string(401);
        }
        let answer = platform.call(Method::GET, "/api/v1/me").header("authorization", &value).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (401, "application/problem+json"));
    }
}

async fn two_authorization_headers_are_malformed(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, bob) = (platform.admin(&acme, "ada").await, platform.admin(&acme, "bob").await);
    platform.call(Method::PATCH, PATH).token(&ada.token).token(&bob.token).send().await.bare_string(401);
    platform.call(Method::PATCH, PATH).token(&ada.token).token(&ada.token).send().await.bare_string(401);
}

async fn a_missing_header_gets_the_error_object_of_api_1_and_a_bare_string_of_api_2(engine: Engine) {
    let platform = Platform::start(engine).await;
    platform.call(Method::PATCH, PATH).send().await.error_object(401, "Unauthorized");
    platform.call(Method::POST, "/v1/uuids").send().await.bare_string(401);
}

async fn a_token_expires_at_its_instant(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let (_, token) = platform.token_for(ada.id, &Scope::ALL, Some(Duration::from_secs(60))).await;
    platform.clock.advance(Duration::from_micros(59_999_999));
    assert_eq!(platform.me(&token).await, 200);
    platform.clock.advance(Duration::from_micros(1));
    assert_eq!(platform.me(&token).await, 401);
    platform.patch(&token, "x", "").await.error_object(401, "Unauthorized");
    assert_eq!(platform.me(&ada.token).await, 200);
}

async fn a_deleted_token_is_refused_and_others_are_not(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let (id, token) = platform.token(ada.id, &Scope::ALL).await;
    assert_eq!(platform.me(&token).await, 200);
    for _ in 0..2 {
        platform.directory.delete_token(&operator(), id).await.unwrap();
        assert_eq!(platform.me(&token).await, 401);
    }
    assert_eq!(platform.me(&ada.token).await, 200);
    assert_eq!(platform.trail_of("token.delete").await.len(), 1);
}

async fn a_suspended_owners_tokens_sleep_and_wake(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (_, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    platform.patch(&lee.token, "x", "").await.error_object(401, "Unauthorized");
    platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(platform.me(&lee.token).await, 200);
}

async fn a_reactivated_user_starts_without_credentials(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform
        .directory
        .set_password(&operator(), lee.id, Password::new("correct horse battery".to_owned()))
        .await
        .unwrap();
    platform.deactivate(&ada, lee.id).await;
    assert!(
        platform
            .directory
            .issue_token(
                &operator(),
                lee.id,
                TokenKind::Pat,
                "x",
                [Scope::AuditLoggingRead].into_iter().collect(),
                None
            )
            .await
            .is_err()
    );
    assert!(
        platform
            .directory
            .set_password(&operator(), lee.id, Password::new("correct horse battery".to_owned()))
            .await
            .is_err()
    );
    platform.directory.reactivate(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(platform.me(&lee.token).await, 401);
    let id = lee.id;
    let hash = platform.store.read(async move |tx| offboard::store::users::find_password_hash(tx, id).await).await;
    assert_eq!(hash.unwrap(), None);
    let (_, fresh) = platform.token(lee.id, &Scope::ALL).await;
    assert_eq!(platform.me(&fresh).await, 200);
}

async fn every_401_names_the_scheme(engine: Engine) {
    let platform = Platform::start(engine).await;
    for token in ["nonsense", &unknown_token()] {
        for (method, path) in [(Method::PATCH, PATH), (Method::POST, "/v1/uuids"), (Method::GET, "/api/v1/me")] {
            let answer = platform.call(method, path).token(token).send().await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("www-authenticate")),
                (401, "MxToken realm=\"offboard\"")
            );
        }
    }
}

async fn a_use_is_noted_at_most_every_ten_minutes(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    let last_used = async || {
        platform.gate.write_uses().await.unwrap();
        platform.directory.list_tokens(ada.id).await.unwrap()[0].last_used_at
    };
    assert_eq!(last_used().await, None);
    let first = platform.now();
    platform.me(&ada.token).await;
    assert_eq!(last_used().await, Some(first));
    platform.clock.advance(Duration::from_secs(599));
    platform.me(&ada.token).await;
    assert_eq!(last_used().await, Some(first));
    platform.clock.advance(Duration::from_secs(1));
    platform.me(&ada.token).await;
    assert_eq!(last_used().await, Some(platform.now()));
    platform.clock.advance(Duration::from_secs(3600));
    platform.patch(&unknown_token(), "x", "").await;
    assert!(last_used().await < Some(platform.now()), "a refused request is no use");
}
