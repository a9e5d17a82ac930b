//! `/Me`: the resource of whoever signed in (RFC 7644 section 3.11).

use reqwest::Method;
use serde_json::json;

use super::{BASE, OUTSIDE, Provider, scene};
use crate::browser::Browser;
use crate::harness::{act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    who_signed_in_reads_his_own_resource,
    a_scim_token_is_nobody_and_a_stranger_is_refused,
}

async fn who_signed_in_reads_his_own_resource(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let answer = browser.get(&format!("{BASE}/Me")).await;
    let told = answer.scim(200);
    assert_eq!(told, provider.read(&format!("/Users/{}", lee.id)).await);
    assert_eq!(told["meta"]["location"], format!("{OUTSIDE}/Users/{}", lee.id));
    let few = browser.get(&format!("{BASE}/Me?attributes=userName")).await.scim(200);
    assert_eq!((&few["userName"], few.get("active")), (&json!(lee.email), None));
    for path in [format!("{BASE}/Users"), format!("{BASE}/Users/{}", lee.id), format!("{BASE}/Groups")] {
        browser.get(&path).await.scim_error(401);
    }
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    browser.get(&format!("{BASE}/Me")).await.scim_error(401);
}

async fn a_scim_token_is_nobody_and_a_stranger_is_refused(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    provider.get("/Me").await.scim_error(501);
    let stranger = platform.call(Method::GET, &format!("{BASE}/Me"));
    stranger.send().await.scim_error(401);
    let forged = platform.call(Method::GET, &format!("{BASE}/Me")).header("cookie", "offboard=nonsense");
    forged.send().await.scim_error(401);
}
