//! Signing in and out, and how sessions live and end.

use std::time::Duration;

use offboard::model::session;
use reqwest::Method;

use crate::browser::{Browser, OWN_PAGE, PASSWORD};
use crate::harness::{Platform, act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    somebody_signs_in_with_any_spelling_of_the_address,
    every_refusal_looks_the_same,
    failed_tries_stand_in_the_trail_of_those_who_exist,
    each_sign_in_is_a_new_session_and_ends_the_one_before_in_this_browser,
    an_identifier_that_we_did_not_issue_is_no_session,
    signing_out_ends_the_session_and_succeeds_with_a_dead_one,
    an_unused_session_ends_and_a_used_one_ends_later,
    what_a_page_does_by_itself_keeps_no_session_alive,
    the_cookie_is_careful,
    what_another_site_sends_is_refused,
    a_session_reads_our_api_and_opens_no_vendor_api,
    a_password_change_ends_every_other_session,
    nobody_is_sent_on_to_another_site,
    sessions_are_limited_each_by_itself,
}

async fn somebody_signs_in_with_any_spelling_of_the_address(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    platform.with_password(ada.id).await;
    for email in ["ada@acme.example", " ADA@acme.EXAMPLE "] {
        let mut browser = Browser::signed_in(&platform, email).await;
        assert!(browser.is_let_in().await);
        assert_eq!(browser.get("/").await.sent_on(), "/control-center/members");
        assert_eq!(browser.get("/sign-in").await.sent_on(), "/");
    }
    let me = Browser::signed_in(&platform, &ada.email).await.get("/api/v1/me").await.json();
    assert_eq!((&me["uuid"], &me["admin"]), (&ada.id.to_string().into(), &true.into()));
    assert_eq!(me["scopes"].as_array().unwrap().len(), 3, "a session may all that the role allows");
}

async fn every_refusal_looks_the_same(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let mut answers = Vec::new();
    for name in ["wrong", "deactivated", "suspended", "none"] {
        let user = platform.member(&acme, name).await;
        if name != "none" {
            platform.with_password(user.id).await;
        }
        match name {
            "deactivated" => drop(platform.directory.deactivate(&operator(), user.id, act()).await.unwrap()),
            "suspended" => drop(platform.directory.suspend(&operator(), user.id, act()).await.unwrap()),
            _ => {}
        }
        let password = if name == "wrong" { "wrong password 1" } else { PASSWORD };
        answers.push(Browser::new(&platform).sign_in(&user.email, password).await);
    }
    for unknown in ["nobody@acme.example", "no address", "", "nobody@globex.example"] {
        answers.push(Browser::new(&platform).sign_in(unknown, PASSWORD).await);
    }
    let shown = |index: usize, email: &str| {
        let answer = &answers[index];
        let mut headers = answer.headers.clone();
        for own in ["date", "x-request-id", "content-length"] {
            headers.remove(own);
        }
        let names: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        (answer.status, names, answer.body.replace(email, "EMAIL"))
    };
    let first = shown(0, "wrong@acme.example");
    assert_eq!(first.0, 401);
    assert!(first.2.contains("E-mail and password do not match, or access has ended."));
    for (index, email) in [
        (1, "deactivated@acme.example"),
        (2, "suspended@acme.example"),
        (3, "none@acme.example"),
        (4, "nobody@acme.example"),
        (5, "no address"),
        (7, "nobody@globex.example"),
    ] {
        assert_eq!(shown(index, email), first, "{email}");
    }
    assert_eq!(answers[6].status, 401);
}

async fn failed_tries_stand_in_the_trail_of_those_who_exist(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    Browser::new(&platform).sign_in("nobody@acme.example", PASSWORD).await;
    assert_eq!(platform.trail_of("session.start").await.len(), 0, "strangers leave no durable trace");
    Browser::new(&platform).sign_in(&lee.email, "wrong password 1").await;
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    Browser::new(&platform).sign_in(&lee.email, PASSWORD).await;
    // They are written beside the answers.
    let mut tries = Vec::new();
    while tries.len() < 2 {
        tries = platform.trail_of("session.start").await;
        tokio::task::yield_now().await;
    }
    let mut refusals: Vec<_> = tries.iter().map(|entry| entry.refusal.as_deref().unwrap()).collect();
    refusals.sort_unstable();
    assert_eq!(refusals, ["wrong_password", "wrong_status"]);
    for entry in &tries {
        assert_eq!((entry.actor, entry.person), (offboard::model::audit::ActorRecord::Stranger, Some(lee.id)));
        assert_eq!((entry.company, entry.door.as_str()), (Some(acme.id), "console"));
        assert_eq!(entry.address.as_deref(), Some("127.0.0.1"));
    }
}

async fn each_sign_in_is_a_new_session_and_ends_the_one_before_in_this_browser(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    platform.with_password(ada.id).await;
    let mut browser = Browser::signed_in(&platform, &ada.email).await;
    let mut elsewhere = Browser::signed_in(&platform, &ada.email).await;
    let mut before = Browser { platform: &platform, cookie: browser.cookie.clone() };
    assert_eq!(browser.sign_in(&ada.email, PASSWORD).await.sent_on(), "/");
    assert_ne!(browser.cookie, before.cookie);
    assert!(browser.is_let_in().await && elsewhere.is_let_in().await);
    assert!(!before.is_let_in().await);
    assert_eq!(platform.directory.list_sessions(ada.id).await.unwrap().len(), 2);
}

async fn an_identifier_that_we_did_not_issue_is_no_session(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    platform.with_password(ada.id).await;
    let made_up = offboard::model::secret::Secret::generate(
        offboard::model::secret::Kind::Session,
        &offboard::model::entropy::SystemEntropy,
    );
    for planted in [made_up.reveal(), &ada.token, "obs_", "x", ""] {
        let mut browser = Browser { platform: &platform, cookie: Some(format!("offboard={planted}")) };
        assert!(!browser.is_let_in().await, "{planted}");
    }
    let mut browser = Browser { platform: &platform, cookie: Some(format!("offboard={}", made_up.reveal())) };
    browser.sign_in(&ada.email, PASSWORD).await;
    assert!(browser.cookie.as_ref().is_some_and(|cookie| !cookie.contains(made_up.reveal())));
}

async fn signing_out_ends_the_session_and_succeeds_with_a_dead_one(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let ada = platform.admin(&acme, "ada").await;
    platform.with_password(ada.id).await;
    let mut browser = Browser::signed_in(&platform, &ada.email).await;
    let mut kept = Browser { platform: &platform, cookie: browser.cookie.clone() };
    let answer = browser.post("/sign-out", &[]).await;
    assert_eq!(answer.sent_on(), "/sign-in?done=signed-out");
    assert!(answer.header("clear-site-data").contains("cache") && browser.cookie.is_none());
    assert!(!kept.is_let_in().await, "the server has forgotten it, not the browser alone");
    assert_eq!(kept.post("/sign-out", &[]).await.sent_on(), "/sign-in?done=signed-out");
    assert_eq!(Browser::new(&platform).post("/sign-out", &[]).await.status, 303);
    assert_eq!(platform.trail_of("session.end").await.len(), 1);
}

async fn an_unused_session_ends_and_a_used_one_ends_later(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let session::Limits { idle, lifetime } = session::Limits::default();
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let begun = platform.now();
    let second = Duration::from_secs(1);
    while platform.now() < begun.after(lifetime - idle) {
        platform.clock.advance(idle - second);
        assert!(browser.is_let_in().await, "used in time, {} after its begin", platform.now().since(begun).as_secs());
        platform.gate.write_uses().await.unwrap();
    }
    platform.clock.advance(begun.after(lifetime).since(platform.now()));
    assert!(!browser.is_let_in().await, "its lifetime is over, however much it is used");

    let mut unused = Browser::signed_in(&platform, &lee.email).await;
    platform.clock.advance(idle);
    assert!(!unused.is_let_in().await);
    assert_eq!(platform.directory.list_sessions(lee.id).await.unwrap(), []);
}

async fn what_a_page_does_by_itself_keeps_no_session_alive(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let live = [("x-offboard-live", "1")];
    for _ in 0..2 {
        platform.clock.advance(Duration::from_mins(14));
        assert_eq!(browser.send(Method::GET, "/settings/profile", None, &live).await.status, 200);
        platform.gate.write_uses().await.unwrap();
    }
    platform.clock.advance(Duration::from_mins(2));
    assert!(!browser.is_let_in().await);
}

async fn the_cookie_is_careful(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let answer = Browser::new(&platform).sign_in(&lee.email, PASSWORD).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("offboard=obs_") && !cookie.contains("Secure"), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");

    let platform = Platform::start_with(engine, |settings| {
        "https://offboard.example".clone_into(&mut settings.public_url);
    })
    .await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let answer = Browser::new(&platform).sign_in(&lee.email, PASSWORD).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-offboard=obs_"), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{cookie}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

async fn what_another_site_sends_is_refused(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.with_password(ada.id).await;
    let mut browser = Browser::signed_in(&platform, &ada.email).await;
    let id = lee.id.to_string();
    let form = [("act", "deactivate"), ("user", id.as_str()), ("reason", "mischief")];
    for foreign in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let answer = browser.send(Method::POST, "/control-center/members/apply", Some(&form), foreign).await;
        assert_eq!(answer.status, 403, "{foreign:?}");
    }
    assert_eq!(platform.me(&lee.token).await, 200);
    let answer = browser.send(Method::POST, "/control-center/members/apply", Some(&form), &OWN_PAGE).await;
    assert_eq!((answer.status.as_u16(), platform.me(&lee.token).await.as_u16()), (200, 401), "{answer:?}");
}

async fn a_session_reads_our_api_and_opens_no_vendor_api(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.with_password(ada.id).await;
    let browser = Browser::signed_in(&platform, &ada.email).await;
    let path = format!("/v1/platform-users/{}", lee.id);
    let answer = browser.call(Method::PATCH, &path, None, &OWN_PAGE).body(r#"{"active":false}"#).send().await;
    answer.error_object(401, "Unauthorized");
    let answer = browser.call(Method::POST, "/v1/uuids", None, &OWN_PAGE).body("{}").send().await;
    answer.bare_string(401);
    assert_eq!(platform.me(&lee.token).await, 200);
    // A token that is shown counts, and the cookie beside it does not.
    let answer = browser.call(Method::GET, "/api/v1/me", None, &[]).token(&lee.token).send().await;
    assert_eq!(answer.json()["uuid"], lee.id.to_string());
    let wrong = crate::harness::unknown_token();
    assert_eq!(browser.call(Method::GET, "/api/v1/me", None, &[]).token(&wrong).send().await.status, 401);
}

async fn a_password_change_ends_every_other_session(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let mut other = Browser::signed_in(&platform, &lee.email).await;
    let change = |current, new, again| [("current", current), ("password", new), ("again", again)];
    let new = "another horse entirely";
    for (form, said) in [
        (change("wrong password", new, new), "The password is not right."),
        (change(PASSWORD, new, "x"), "The two new passwords are not the same."),
        (change(PASSWORD, "password1", "password1"), "among the first that somebody would try"),
        (change(PASSWORD, "lee@acme.example", "lee@acme.example"), "among the first that somebody would try"),
    ] {
        let answer = browser.post("/settings/password", &form).await;
        assert!(answer.status == 400 && answer.body.contains(said), "{said}: {answer:?}");
    }
    assert!(other.is_let_in().await);
    assert_eq!(
        browser.post("/settings/password", &change(PASSWORD, new, new)).await.sent_on(),
        "/settings/profile?done=password"
    );
    assert!(browser.is_let_in().await && !other.is_let_in().await);
    assert_eq!(Browser::new(&platform).sign_in(&lee.email, PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&platform).sign_in(&lee.email, new).await.status, 303);
    assert_eq!(platform.me(&lee.token).await, 200, "tokens are not the password's");
}

async fn nobody_is_sent_on_to_another_site(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    for (next, place) in [
        ("/settings/tokens", "/settings/tokens"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
    ] {
        let form = [("email", lee.email.as_str()), ("password", PASSWORD), ("next", next)];
        let answer = Browser::new(&platform).post("/sign-in", &form).await;
        assert_eq!(answer.sent_on(), place, "{next}");
    }
    let asked = Browser::new(&platform).get("/settings/tokens?x=1").await;
    assert_eq!(asked.sent_on(), "/sign-in?next=%2Fsettings%2Ftokens%3Fx%3D1");
}

async fn sessions_are_limited_each_by_itself(engine: Engine) {
    let platform = Platform::start_limited(engine, "5/1m").await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut one = Browser::signed_in(&platform, &lee.email).await;
    let mut other = Browser::signed_in(&platform, &lee.email).await;
    for _ in 0..5 {
        assert_eq!(one.get("/settings/profile").await.status, 200);
    }
    let answer = one.get("/settings/profile").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "12"));
    assert!(answer.body.contains("Too many requests"));
    assert_eq!(other.get("/settings/profile").await.status, 200);
}
