//! Links that work once: invitations, resets, break-glass.

use std::time::Duration;

use futures_util::future::join_all;
use offboard::domain::Policy;
use offboard::domain::links::BREAK_GLASS_SESSION;
use offboard::model::audit::{ActorRecord, Note};
use offboard::model::id::UserId;
use offboard::model::secret::{Kind, Secret};
use offboard::model::user::Role;

use crate::browser::{Browser, PASSWORD};
use crate::harness::{Platform, act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_new_user_comes_in_by_a_link_that_works_once,
    a_link_dies_at_its_time_and_when_a_newer_one_is_made,
    a_link_dies_with_its_users_access_and_sleeps_while_it_does,
    of_many_who_use_a_link_at_once_one_succeeds,
    a_link_to_reset_ends_every_session,
    an_admins_links_for_others_end_with_his_access_or_role,
    strangers_get_one_link_in_a_while_and_end_none,
    what_is_no_link_opens_nothing,
    the_answer_to_a_request_for_a_link_tells_nothing,
    the_operator_comes_in_by_break_glass_and_everybody_can_see_it,
}

async fn link(platform: &Platform, user: UserId) -> String {
    let (_, secret) = platform.directory.make_link(&operator(), user).await.unwrap();
    format!("/set-password/{}", secret.reveal())
}

const FORM: [(&str, &str); 2] = [("password", PASSWORD), ("again", PASSWORD)];

async fn a_new_user_comes_in_by_a_link_that_works_once(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let link = link(&platform, lee.id).await;
    let mut browser = Browser::new(&platform);
    for _ in 0..2 {
        let page = browser.get(&link).await;
        assert!(page.status == 200 && page.body.contains(&lee.email), "looking does not use it up: {page:?}");
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let mismatch = browser.post(&link, &[("password", PASSWORD), ("again", "x")]).await;
    assert!(mismatch.status == 400 && mismatch.body.contains("are not the same"));
    let weak = browser.post(&link, &[("password", "12345678"), ("again", "12345678")]).await;
    assert!(weak.status == 400 && weak.body.contains("somebody would try"), "{weak:?}");
    assert_eq!(browser.post(&link, &FORM).await.sent_on(), "/sign-in?done=password-set");
    assert_eq!(
        (browser.get(&link).await.status, browser.post(&link, &FORM).await.status),
        (410.try_into().unwrap(), 410.try_into().unwrap())
    );
    assert!(browser.cookie.is_none(), "a link alone is no session");
    assert!(Browser::signed_in(&platform, &lee.email).await.is_let_in().await);
    let set = platform.trail_of("user.set_password").await;
    assert!(matches!(set[0].actor, ActorRecord::User(user, _) if user == lee.id) && set.len() == 1, "{set:?}");
}

async fn a_link_dies_at_its_time_and_when_a_newer_one_is_made(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let old = link(&platform, lee.id).await;
    let new = link(&platform, lee.id).await;
    let mut browser = Browser::new(&platform);
    assert_eq!(browser.post(&old, &FORM).await.status, 410);
    platform.clock.advance(Policy::default().invitation - Duration::from_micros(1));
    assert_eq!(browser.get(&new).await.status, 200);
    platform.clock.advance(Duration::from_micros(1));
    assert_eq!(browser.get(&new).await.status, 410);
    assert_eq!(browser.post(&new, &FORM).await.status, 410);
    assert_eq!(browser.sign_in(&lee.email, PASSWORD).await.status, 401);
}

async fn a_link_dies_with_its_users_access_and_sleeps_while_it_does(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let slept = link(&platform, lee.id).await;
    let mut browser = Browser::new(&platform);
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(
        (browser.get(&slept).await.status.as_u16(), browser.post(&slept, &FORM).await.status.as_u16()),
        (410, 410)
    );
    assert!(platform.directory.make_link(&operator(), lee.id).await.is_err());
    platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(browser.get(&slept).await.status, 200);
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(browser.post(&slept, &FORM).await.status, 410);
    assert!(platform.directory.make_link(&operator(), lee.id).await.is_err());
    platform.directory.reactivate(&operator(), lee.id, act()).await.unwrap();
    assert_eq!(browser.post(&slept, &FORM).await.status, 410, "reactivated, somebody starts with nothing");
    assert_eq!(browser.sign_in(&lee.email, PASSWORD).await.status, 401);
}

async fn of_many_who_use_a_link_at_once_one_succeeds(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let link = link(&platform, lee.id).await;
    let mut browsers: Vec<_> = (0..8).map(|_| Browser::new(&platform)).collect();
    let answers = join_all(browsers.iter_mut().map(|browser| browser.post(&link, &FORM))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410, 410, 410, 410, 410, 410, 410]);
    assert_eq!(platform.trail_of("user.set_password").await.len(), 1);
}

async fn a_link_to_reset_ends_every_session(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let link = link(&platform, lee.id).await;
    assert!(browser.is_let_in().await, "making the link changes nothing yet");
    platform.clock.advance(Policy::default().reset - Duration::from_secs(1));
    let new = "another horse entirely";
    let answer = Browser::new(&platform).post(&link, &[("password", new), ("again", new)]).await;
    assert_eq!(answer.sent_on(), "/sign-in?done=password-set");
    assert!(!browser.is_let_in().await);
    assert_eq!(Browser::new(&platform).sign_in(&lee.email, PASSWORD).await.status, 401);
    assert_eq!(Browser::new(&platform).sign_in(&lee.email, new).await.status, 303);
}

async fn an_admins_links_for_others_end_with_his_access_or_role(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.admin(&acme, "bob").await;
    for act_on_ada in ["deactivate", "suspend", "demote"] {
        let ada = platform.admin(&acme, &format!("ada-{act_on_ada}")).await;
        platform.with_password(ada.id).await;
        let mut browser = Browser::signed_in(&platform, &ada.email).await;
        let page = browser.post(&format!("/control-center/members/{}/invite", lee.id), &[]).await;
        let link = format!("/set-password/obl_{}", page.value_after("/set-password/obl_"));
        assert_eq!(Browser::new(&platform).get(&link).await.status, 200);
        match act_on_ada {
            "deactivate" => drop(platform.directory.deactivate(&operator(), ada.id, act()).await.unwrap()),
            "suspend" => drop(platform.directory.suspend(&operator(), ada.id, act()).await.unwrap()),
            _ => drop(platform.directory.set_role(&operator(), ada.id, Role::Member).await.unwrap()),
        }
        assert_eq!(Browser::new(&platform).post(&link, &FORM).await.status, 410, "{act_on_ada}: she has seen it");
    }
}

async fn strangers_get_one_link_in_a_while_and_end_none(engine: Engine) {
    let (sink, mail) = crate::mail::Sink::start();
    let platform = Platform::start_with_mail(engine, &sink).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let invitation = link(&platform, lee.id).await;
    let ask = async || Browser::new(&platform).post("/forgot-password", &[("email", &lee.email)]).await;
    platform.clock.advance(Duration::from_mins(6));
    for _ in 0..10 {
        assert_eq!(ask().await.status, 200);
    }
    mail.next().await;
    platform.clock.advance(Duration::from_mins(6));
    ask().await;
    mail.next().await;
    assert_eq!(platform.trail_of("link.create").await.len(), 3, "the invitation, and one in a while");
    assert_eq!(Browser::new(&platform).post(&invitation, &FORM).await.status, 303, "it still works");
}

async fn what_is_no_link_opens_nothing(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    let (_, glass) = platform.directory.break_glass(&operator(), acme.id, note()).await.unwrap();
    let unknown = Secret::generate(Kind::Link, &offboard::model::entropy::SystemEntropy);
    let mut browser = Browser::new(&platform);
    for secret in [unknown.reveal(), glass.reveal(), &lee.token, "x", "obl_"] {
        let path = format!("/set-password/{secret}");
        assert_eq!(
            (browser.get(&path).await.status.as_u16(), browser.post(&path, &FORM).await.status.as_u16()),
            (410, 410)
        );
    }
    let invitation = link(&platform, lee.id).await.replace("set-password", "break-glass");
    assert_eq!(
        (browser.get(&invitation).await.status.as_u16(), browser.post(&invitation, &[]).await.status.as_u16()),
        (410, 410)
    );
    assert!(browser.cookie.is_none());
}

async fn the_answer_to_a_request_for_a_link_tells_nothing(engine: Engine) {
    let (sink, mail) = crate::mail::Sink::start();
    let platform = Platform::start_with_mail(engine, &sink).await;
    let acme = platform.company("Acme").await;
    let (lee, gone) = (platform.member(&acme, "lee").await, platform.member(&acme, "gone").await);
    platform.with_password(lee.id).await;
    platform.directory.deactivate(&operator(), gone.id, act()).await.unwrap();
    let mut bodies = Vec::new();
    for email in [&lee.email, &gone.email, "nobody@acme.example", "nobody@elsewhere.example"] {
        let answer = Browser::new(&platform).post("/forgot-password", &[("email", email)]).await;
        assert_eq!(answer.status, 200);
        bodies.push(answer.body);
    }
    assert!(bodies[0].contains("If there is an active account with this address, a link is on its way."));
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(Browser::new(&platform).post("/forgot-password", &[("email", "no address")]).await.status, 400);

    let message = mail.next().await;
    assert_eq!((message.from.as_str(), message.to.as_slice()), ("offboard@platform.example", &[lee.email.clone()][..]));
    assert!(message.text.contains("Subject: Set a new password (Acme)"), "{}", message.text);
    let link = message.text.split_whitespace().find(|word| word.contains("/set-password/")).unwrap();
    assert!(link.starts_with("http://localhost/set-password/obl_"), "{link}");
    let path = link.trim_start_matches("http://localhost").to_owned();
    assert_eq!(Browser::new(&platform).post(&path, &FORM).await.sent_on(), "/sign-in?done=password-set");
    assert!(mail.is_empty(), "nobody else gets mail");

    let plain = Platform::start(engine).await;
    let page = Browser::new(&plain).get("/forgot-password").await;
    assert!(
        page.body.contains("Mendix Admin") && !page.body.contains("<form method=\"post\" action=\"/forgot-password\"")
    );
}

fn note() -> Note {
    Note { reason: Some("both admins are locked out".to_owned()), ticket: Some("OPS-7".to_owned()) }
}

async fn the_operator_comes_in_by_break_glass_and_everybody_can_see_it(engine: Engine) {
    let platform = Platform::start(engine).await;
    let (acme, globex) = (platform.company("Acme").await, platform.company("Globex").await);
    let (ada, lee, zoe) = (
        platform.admin(&acme, "ada").await,
        platform.member(&acme, "lee").await,
        platform.member(&globex, "zoe").await,
    );
    assert!(
        platform.directory.break_glass(&operator(), acme.id, Note::default()).await.is_err(),
        "not without a reason"
    );
    let (_, secret) = platform.directory.break_glass(&operator(), acme.id, note()).await.unwrap();
    let path = format!("/break-glass/{}", secret.reveal());
    let mut browser = Browser::new(&platform);
    assert!(browser.get(&path).await.body.contains("both admins are locked out"));
    assert_eq!(browser.post(&path, &[]).await.sent_on(), "/control-center/members");
    assert_eq!(Browser::new(&platform).post(&path, &[]).await.status, 410, "once");
    let page = browser.get("/control-center/members").await;
    assert!(page.body.contains("Break-glass session of the host") && page.body.contains(&lee.email));
    assert!(!page.body.contains(&zoe.email));
    assert_eq!(browser.get(&format!("/control-center/members/{}", zoe.id)).await.status, 404);
    assert_eq!(browser.get("/settings/tokens").await.status, 403, "the operator is nobody with settings");
    assert_eq!(browser.get("/api/v1/me").await.status, 403);

    let id = lee.id.to_string();
    let form = [("act", "deactivate"), ("user", id.as_str()), ("reason", "left"), ("ticket", "HR-1")];
    assert_eq!(browser.post("/control-center/members/apply", &form).await.status, 200);
    assert_eq!(platform.me(&lee.token).await, 401);
    let foreign = zoe.id.to_string();
    let form = [("act", "deactivate"), ("user", foreign.as_str()), ("reason", "mischief")];
    assert!(browser.post("/control-center/members/apply", &form).await.body.contains("Not done"));
    assert_eq!(platform.me(&zoe.token).await, 200);

    let trail = platform.trail().await;
    let acts: Vec<_> = trail.iter().filter(|entry| matches!(entry.actor, ActorRecord::Operator(Some(_)))).collect();
    assert!(acts.iter().all(|entry| entry.company == Some(acme.id) && entry.door == "console"), "{acts:?}");
    let actions: Vec<&str> = acts.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["session.start", "user.deactivate", "user.deactivate"]);
    assert_eq!(acts[2].refusal.as_deref(), Some("no_such_user"));
    let opened = trail.iter().find(|entry| entry.action == "company.break_glass").unwrap();
    assert_eq!(
        (opened.reason.as_deref(), opened.ticket.as_deref()),
        (Some("both admins are locked out"), Some("OPS-7"))
    );
    platform.with_password(ada.id).await;
    let page = Browser::signed_in(&platform, &ada.email).await.get("/control-center/audit").await;
    assert!(page.body.contains("Break-glass session prepared") && page.body.contains("operator (break-glass)"));

    for _ in 0..2 {
        platform.clock.advance(BREAK_GLASS_SESSION / 2 - Duration::from_secs(61));
        assert_eq!(browser.get("/control-center/admins").await.status, 200);
        platform.gate.write_uses().await.unwrap();
    }
    platform.clock.advance(Duration::from_secs(122));
    browser.get("/control-center/admins").await.asks_to_sign_in();
}
