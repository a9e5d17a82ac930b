//! The pages: who may see which, and what their forms do.

use std::collections::BTreeSet;
use std::path::Path;

use offboard::model::audit::ActorRecord;
use offboard::model::service::Purpose;
use offboard::model::user::{Role, Status};
use reqwest::Method;

use crate::browser::{Browser, OWN_PAGE};
use crate::harness::{Person, Platform, act, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    no_page_opens_without_a_live_session,
    the_control_center_is_for_admins,
    no_page_shows_anything_of_another_company,
    every_form_leaves_exactly_one_audit_entry,
    tokens_are_made_rotated_and_deleted_by_their_owner,
    a_companys_maximum_holds_for_new_tokens_and_shortens_old_ones,
    admin_rights_are_given_and_taken_but_not_from_oneself,
    many_members_get_a_result_each,
    what_people_write_is_text,
    a_file_holds_all_whom_the_list_shows,
    nonsense_gets_an_error_page_and_changes_nothing,
}

/// Every page and form that needs a session: method, path, and whether it is for admins.
const PAGES: [(&str, &str, bool); 77] = [
    ("GET", "/settings", false),
    ("GET", "/settings/profile", false),
    ("POST", "/settings/profile", false),
    ("GET", "/settings/password", false),
    ("POST", "/settings/password", false),
    ("GET", "/settings/sessions", false),
    ("POST", "/settings/sessions/end-others", false),
    ("POST", "/settings/sessions/{id}/end", false),
    ("GET", "/settings/tokens", false),
    ("POST", "/settings/tokens", false),
    ("GET", "/settings/tokens/new", false),
    ("GET", "/settings/tokens/{id}", false),
    ("GET", "/settings/tokens/{id}/rotate", false),
    ("POST", "/settings/tokens/{id}/rotate", false),
    ("GET", "/settings/tokens/{id}/delete", false),
    ("POST", "/settings/tokens/{id}/delete", false),
    ("GET", "/control-center", true),
    ("GET", "/control-center/members", true),
    ("POST", "/control-center/members", true),
    ("GET", "/control-center/members/new", true),
    ("GET", "/control-center/members/export", true),
    ("POST", "/control-center/members/export", true),
    ("GET", "/control-center/members/confirm", true),
    ("POST", "/control-center/members/confirm", true),
    ("GET", "/control-center/members/apply", true),
    ("POST", "/control-center/members/apply", true),
    ("GET", "/control-center/members/{id}", true),
    ("POST", "/control-center/members/{id}/invite", true),
    ("POST", "/control-center/members/{id}/admin", true),
    ("POST", "/control-center/members/{id}/sessions/{session}/end", true),
    ("POST", "/control-center/members/{id}/tokens/{token}/delete", true),
    ("GET", "/control-center/admins", true),
    ("POST", "/control-center/admins", true),
    ("GET", "/control-center/services", true),
    ("POST", "/control-center/services", true),
    ("GET", "/control-center/services/{id}/rotate", true),
    ("POST", "/control-center/services/{id}/rotate", true),
    ("GET", "/control-center/services/{id}/delete", true),
    ("POST", "/control-center/services/{id}/delete", true),
    ("GET", "/control-center/audit", true),
    ("GET", "/control-center/audit/export", true),
    ("GET", "/control-center/audit/{seq}", true),
    ("GET", "/control-center/company", true),
    ("POST", "/control-center/company", true),
    ("POST", "/control-center/company/domains", true),
    ("POST", "/control-center/company/domains/remove", true),
    ("POST", "/control-center/company/policy", true),
    ("GET", "/settings/api-keys", false),
    ("POST", "/settings/api-keys", false),
    ("GET", "/settings/api-keys/new", false),
    ("GET", "/settings/api-keys/{id}", false),
    ("GET", "/settings/api-keys/{id}/rotate", false),
    ("POST", "/settings/api-keys/{id}/rotate", false),
    ("GET", "/settings/api-keys/{id}/delete", false),
    ("POST", "/settings/api-keys/{id}/delete", false),
    ("GET", "/control-center/deprecated-api", true),
    ("GET", "/control-center/groups", true),
    ("POST", "/control-center/groups", true),
    ("GET", "/control-center/groups/new", true),
    ("GET", "/control-center/groups/{id}", true),
    ("POST", "/control-center/groups/{id}", true),
    ("POST", "/control-center/groups/{id}/rights", true),
    ("POST", "/control-center/groups/{id}/lock", true),
    ("POST", "/control-center/groups/{id}/members", true),
    ("POST", "/control-center/groups/{id}/members/{user}/remove", true),
    ("GET", "/control-center/groups/{id}/delete", true),
    ("POST", "/control-center/groups/{id}/delete", true),
    ("GET", "/control-center/scim", true),
    ("POST", "/control-center/scim/authority", true),
    ("POST", "/control-center/scim/guard", true),
    ("POST", "/control-center/scim/confirm", true),
    ("POST", "/control-center/scim/tokens", true),
    ("GET", "/control-center/scim/tokens/{id}/rotate", true),
    ("POST", "/control-center/scim/tokens/{id}/rotate", true),
    ("GET", "/control-center/scim/tokens/{id}/delete", true),
    ("POST", "/control-center/scim/tokens/{id}/delete", true),
    ("GET", "/control-center/members?q=x", true),
];

#[test]
fn every_route_of_the_console_is_tried() {
    const OPEN: [&str; 8] = [
        "/",
        "/sign-in",
        "/sign-out",
        "/forgot-password",
        "/set-password/{secret}",
        "/break-glass/{secret}",
        "/events",
        "/assets/{name}",
    ];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console/mod.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let routes: BTreeSet<&str> =
        source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let known = PAGES.iter().map(|(_, path, _)| path.split('?').next().unwrap()).chain(OPEN).collect();
    assert_eq!(routes, known, "a route came or went");
}

struct Scene<'p> {
    ada: Person,
    lee: Person,
    admin: Browser<'p>,
    member: Browser<'p>,
}

/// An admin and a member of Acme, both signed in.
async fn scene(platform: &Platform) -> Scene<'_> {
    let acme = platform.company("Acme").await;
    let (ada, lee) = (platform.admin(&acme, "ada").await, platform.member(&acme, "lee").await);
    platform.with_password(ada.id).await;
    platform.with_password(lee.id).await;
    let (admin, member) =
        (Browser::signed_in(platform, &ada.email).await, Browser::signed_in(platform, &lee.email).await);
    Scene { ada, lee, admin, member }
}

fn filled(path: &str, person: &Person) -> String {
    let id = person.id.to_string();
    let token = person.token_id.to_string();
    let own = if path.contains("/settings/tokens/") || path.contains("/settings/api-keys/") { &token } else { &id };
    path.replace("{id}", own).replace("{token}", &token).replace("{session}", &id).replace("{seq}", "1")
}

async fn visit(browser: &mut Browser<'_>, method: &str, path: &str) -> crate::harness::Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let fields = (method == Method::POST).then_some(&[][..]);
    browser.send(method, path, fields, &OWN_PAGE).await
}

async fn no_page_opens_without_a_live_session(engine: Engine) {
    let platform = Platform::start(engine).await;
    let acme = platform.company("Acme").await;
    let mut dead = vec![("none", None), ("a token", None)];
    let lee = platform.admin(&acme, "lee").await;
    platform.admin(&acme, "ada").await;
    dead[1].1 = Some(format!("offboard={}", lee.token));
    platform.with_password(lee.id).await;
    let cookie = async || Browser::signed_in(&platform, &lee.email).await.cookie;
    let ended = cookie().await;
    let mut browser = Browser { platform: &platform, cookie: ended.clone() };
    browser.post("/sign-out", &[]).await;
    dead.push(("signed out", ended));
    let suspended = cookie().await;
    platform.directory.suspend(&operator(), lee.id, act()).await.unwrap();
    platform.directory.resume(&operator(), lee.id, act()).await.unwrap();
    dead.push(("before the suspension", suspended));
    let deactivated = cookie().await;
    platform.directory.deactivate(&operator(), lee.id, act()).await.unwrap();
    dead.push(("deactivated", deactivated));
    let before = platform.trail().await.len();
    for (kind, cookie) in &dead {
        for (method, path, _) in PAGES {
            let mut browser = Browser { platform: &platform, cookie: cookie.clone() };
            let answer = visit(&mut browser, method, &filled(path, &lee)).await;
            answer.asks_to_sign_in();
            assert_eq!(answer.body, "", "{kind}: {method} {path}");
        }
        let browser = Browser { platform: &platform, cookie: cookie.clone() };
        assert_eq!(browser.call(Method::GET, "/events", None, &[]).send().await.status, 401, "{kind}");
    }
    assert_eq!(platform.trail().await.len(), before, "strangers leave no durable trace");
}

async fn the_control_center_is_for_admins(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, lee, mut member, .. } = scene(&platform).await;
    let trail = platform.trail().await.len();
    let mut refused = 0;
    for (method, path, for_admins) in PAGES {
        if for_admins {
            let answer = visit(&mut member, method, &filled(path, &ada)).await;
            assert_eq!(answer.status, 403, "{method} {path}");
            assert!(answer.body.contains("Only a Mendix Admin may do this."), "{answer:?}");
            assert!(!answer.body.contains("href=\"/control-center"), "no link that leads nowhere");
            refused += 1;
        }
    }
    let entries = platform.trail().await.split_off(trail);
    assert_eq!(entries.len(), refused);
    for entry in entries {
        assert!(matches!(entry.actor, ActorRecord::User(user, _) if user == lee.id), "{entry:?}");
        assert_eq!(entry.refusal.as_deref(), Some("not_admin"));
    }
    assert_eq!(platform.me(&ada.token).await, 200);
}

async fn no_page_shows_anything_of_another_company(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, mut admin, .. } = scene(&platform).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.admin(&globex, "zoe").await;
    platform.with_password(zoe.id).await;
    Browser::signed_in(&platform, &zoe.email).await;
    let ghost =
        Person { id: offboard::model::id::UserId(uuid::Uuid::from_u128(7)), ..platform.member(&globex, "x").await };
    for (method, path, for_admins) in PAGES {
        if !for_admins {
            continue;
        }
        let (foreign, unknown) = (
            visit(&mut admin, method, &filled(path, &zoe)).await,
            visit(&mut admin, method, &filled(path, &ghost)).await,
        );
        if path.contains("{id}") {
            assert_eq!(foreign.status, 404, "{method} {path}: {foreign:?}");
            let same = |answer: &crate::harness::Answer| answer.body.replace(&answer.request_id().to_string(), "ID");
            assert_eq!((foreign.status, same(&foreign)), (unknown.status, same(&unknown)), "{method} {path}");
        }
        for secret in [&zoe.email, "Globex", "globex"] {
            assert!(!foreign.body.contains(secret), "{method} {path} tells of {secret}");
        }
    }
    for query in ["?q=zoe", "?q=globex", "?sort=-email"] {
        let list = admin.get(&format!("/control-center/members{query}")).await;
        assert!(list.status == 200 && !list.body.contains(&zoe.email), "{query}");
    }
    for query in [format!("?person={}", zoe.email), format!("?actor={}", zoe.id)] {
        let list = admin.get(&format!("/control-center/audit{query}")).await;
        assert!(list.body.contains("No entry fits"), "{query}");
    }
    let foreign_seq = platform.trail().await.iter().find(|entry| entry.company == Some(globex.id)).unwrap().seq;
    assert_eq!(admin.get(&format!("/control-center/audit/{foreign_seq}")).await.status, 404);
    let add = admin.post("/control-center/admins", &[("email", &zoe.email)]).await;
    assert!(add.status == 400 && add.body.contains("Your company has no member with this address."));
    for path in ["/control-center/members/apply", "/control-center/members/confirm"] {
        let id = zoe.id.to_string();
        let answer = admin.post(path, &[("act", "deactivate"), ("user", &id), ("reason", "mischief")]).await;
        assert!(!answer.body.contains(&zoe.email), "{path}");
    }
    let id = zoe.id.to_string();
    assert_eq!(admin.post("/control-center/members/export", &[("format", "csv"), ("user", &id)]).await.status, 404);
    let domain = admin.post("/control-center/company/domains", &[("domain", "globex.example")]).await;
    assert_eq!(domain.status, 400);
    assert_eq!(platform.me(&zoe.token).await, 200);
    let of_globex = platform.trail().await;
    let meddled = of_globex.iter().filter(|entry| entry.company == Some(globex.id));
    assert!(meddled.into_iter().all(|entry| !matches!(entry.actor, ActorRecord::User(user, _) if user == ada.id)));
}

/// The action that is recorded, where the form goes, and its fields.
type Submission<'f> = (&'f str, &'f str, &'f [(&'f str, &'f str)]);

async fn every_form_leaves_exactly_one_audit_entry(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    let id = lee.id.to_string();
    let member_page = format!("/control-center/members/{id}");
    let token = format!("/settings/tokens/{}", lee.token_id);
    let session = platform.directory.list_sessions(lee.id).await.unwrap()[0].id;
    let acme = platform.directory.find_company("Acme").await.unwrap().id;
    let (service, _) =
        platform.directory.create_service(&operator(), "pipeline", Some(acme), Purpose::Checks).await.unwrap();
    let service = format!("/control-center/services/{}", service.id);
    let new = "another horse entirely";
    let own: [Submission; 5] = [
        ("user.rename", "/settings/profile", &[("name", "Lee L.")]),
        ("token.create", "/settings/tokens", &[("name", "script"), ("expires", "30")]),
        ("token.rotate", &format!("{token}/rotate"), &[]),
        ("token.delete", &format!("{token}/delete"), &[]),
        (
            "user.set_password",
            "/settings/password",
            &[("current", crate::browser::PASSWORD), ("password", new), ("again", new)],
        ),
    ];
    for (action, path, fields) in own {
        let before = platform.trail().await.len();
        let answer = member.post(path, fields).await;
        assert!(matches!(answer.status.as_u16(), 200 | 303), "{path}: {answer:?}");
        let entries = platform.trail().await.split_off(before);
        // A token that was rotated is deleted already.
        let expected = usize::from(action != "token.delete");
        assert_eq!(entries.len(), expected, "{action}: {entries:?}");
        assert!(entries.iter().all(|entry| entry.action == action && entry.person == Some(lee.id)), "{entries:?}");
    }
    let acts: [Submission; 16] = [
        ("user.set_role", &format!("{member_page}/admin"), &[("admin", "true")]),
        ("user.set_role", &format!("{member_page}/admin"), &[("admin", "false")]),
        ("link.create", &format!("{member_page}/invite"), &[]),
        ("session.end", &format!("{member_page}/sessions/{session}/end"), &[]),
        ("user.export", "/control-center/members/export", &[("format", "csv"), ("user", &id)]),
        ("user.suspend", "/control-center/members/apply", &[("act", "suspend"), ("user", &id), ("reason", "leave")]),
        ("user.resume", "/control-center/members/apply", &[("act", "resume"), ("user", &id)]),
        (
            "user.deactivate",
            "/control-center/members/apply",
            &[("act", "deactivate"), ("user", &id), ("reason", "left")],
        ),
        ("user.reactivate", "/control-center/members/apply", &[("act", "reactivate"), ("user", &id)]),
        ("service.create", "/control-center/services", &[("name", "gateway")]),
        ("service.rotate", &format!("{service}/rotate"), &[]),
        ("service.delete", &format!("{service}/delete"), &[]),
        ("company.add_domain", "/control-center/company/domains", &[("domain", "acme.test")]),
        ("company.remove_domain", "/control-center/company/domains/remove", &[("domain", "acme.test")]),
        ("company.set_policy", "/control-center/company/policy", &[("days", "90")]),
        ("company.rename", "/control-center/company", &[("name", "Acme Ltd")]),
    ];
    for (action, path, fields) in acts {
        let before = platform.trail().await.len();
        let answer = admin.post(path, fields).await;
        assert!(matches!(answer.status.as_u16(), 200 | 303), "{path}: {answer:?}");
        let entries = platform.trail().await.split_off(before);
        let [entry] = entries.as_slice() else { panic!("{action}: {entries:?}") };
        assert_eq!((entry.action.as_str(), entry.refusal.as_deref()), (action, None));
        assert_eq!((entry.request, entry.door.as_str()), (answer.request_id(), "console"));
        // Again is fine, and says nothing new.
        if path.contains("apply") || path.contains("company") {
            assert!(matches!(admin.post(path, fields).await.status.as_u16(), 200 | 303));
            assert_eq!(platform.trail().await.len(), before + 1, "{action} again");
        }
    }
    let before = platform.trail().await.len();
    let fields = [("email", "new@acme.example"), ("name", "New"), ("admin", "true")];
    let answer = admin.post("/control-center/members", &fields).await;
    assert!(answer.status == 200 && answer.body.contains("/set-password/obl_"), "{answer:?}");
    let made: Vec<String> = platform.trail().await.split_off(before).into_iter().map(|entry| entry.action).collect();
    assert_eq!(made, ["user.create", "link.create"]);
}

async fn tokens_are_made_rotated_and_deleted_by_their_owner(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, lee, mut admin, mut member } = scene(&platform).await;
    let page = member.get("/settings/tokens/new").await;
    assert!(!page.body.contains("mx:user-deactivation:write"), "admin scopes are offered to admins alone");
    assert!(admin.get("/settings/tokens/new").await.body.contains("mx:user-deactivation:write"));
    let fields = [("name", "script"), ("expires", "30"), ("scope", "mx:user-deactivation:write")];
    let forged = member.post("/settings/tokens", &fields).await;
    assert!(forged.status == 400 && forged.body.contains("Only a Mendix Admin may have the scope"), "{forged:?}");

    let made = admin.post("/settings/tokens", &fields).await;
    let secret = format!("obp_{}", made.value_after("value=\"obp_"));
    assert_eq!((made.status.as_u16(), platform.me(&secret).await.as_u16()), (200, 200));
    assert_eq!(
        platform.patch(&secret, &lee.id.to_string(), r#"{"active":true}"#).await.status,
        400,
        "it has the scope"
    );
    let tokens = platform.directory.list_tokens(ada.id).await.unwrap();
    let id = tokens.iter().find(|token| token.name == "script").unwrap().id;
    let page = admin.get(&format!("/settings/tokens/{id}")).await;
    assert!(!page.body.contains(&secret) && page.body.contains("script"), "the secret is shown once");
    assert_eq!(member.get(&format!("/settings/tokens/{id}")).await.status, 404, "nobody else's");
    for act in ["rotate", "delete"] {
        assert_eq!(member.post(&format!("/settings/tokens/{id}/{act}"), &[]).await.status, 404);
    }

    let rotated = admin.post(&format!("/settings/tokens/{id}/rotate"), &[]).await;
    let new = format!("obp_{}", rotated.value_after("value=\"obp_"));
    assert_eq!((platform.me(&secret).await.as_u16(), platform.me(&new).await.as_u16()), (401, 200));
    assert_eq!(
        admin.post(&format!("/settings/tokens/{id}/rotate"), &[]).await.status,
        404,
        "a dead one is not rotated"
    );
    let tokens = platform.directory.list_tokens(ada.id).await.unwrap();
    let id = tokens.iter().find(|token| token.name == "script" && token.ended.is_none()).unwrap().id;
    assert_eq!(
        admin.post(&format!("/settings/tokens/{id}/delete"), &[]).await.sent_on(),
        "/settings/tokens?done=token-deleted"
    );
    assert_eq!(platform.me(&new).await, 401);

    let path = format!("/control-center/members/{}/tokens/{}/delete", lee.id, lee.token_id);
    assert_eq!(admin.post(&path, &[]).await.status, 303, "an admin ends the tokens of members");
    assert_eq!(platform.me(&lee.token).await, 401);
    let mixed = format!("/control-center/members/{}/tokens/{}/delete", lee.id, ada.token_id);
    assert_eq!(admin.post(&mixed, &[]).await.status, 404, "the token must be that member's");
}

async fn a_companys_maximum_holds_for_new_tokens_and_shortens_old_ones(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    for wrong in ["0", "-1", "x", "36501", "1.5"] {
        assert_eq!(admin.post("/control-center/company/policy", &[("days", wrong)]).await.status, 400, "{wrong}");
    }
    assert_eq!(admin.post("/control-center/company/policy", &[("days", "30")]).await.status, 303);
    for (days, status) in [("30", 200), ("31", 400), ("never", 400), ("365", 400)] {
        let answer = member.post("/settings/tokens", &[("name", days), ("expires", days)]).await;
        assert_eq!(answer.status, status, "{days}: {answer:?}");
    }
    let day = std::time::Duration::from_hours(24);
    platform.clock.advance(day * 30);
    assert_eq!(platform.me(&lee.token).await, 401, "one that was for ever ended with the maximum");
    let acme =
        platform.directory.member(platform.directory.find_company("Acme").await.unwrap().id, lee.id).await.unwrap();
    assert_eq!(acme.status, Status::Active);
    let mut admin = Browser::signed_in(&platform, "ada@acme.example").await;
    assert_eq!(admin.post("/control-center/company/policy", &[("days", "")]).await.status, 303);
    let mut member = Browser::signed_in(&platform, &lee.email).await;
    assert_eq!(member.post("/settings/tokens", &[("name", "for ever"), ("expires", "never")]).await.status, 200);
}

async fn admin_rights_are_given_and_taken_but_not_from_oneself(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, lee, mut admin, mut member } = scene(&platform).await;
    let role = async |person: &Person| platform.directory.find_user(&person.email).await.unwrap().role;
    let own = format!("/control-center/members/{}/admin", ada.id);
    let answer = admin.post(&own, &[("admin", "false")]).await;
    assert!(answer.status == 403 && answer.body.contains("nobody may change his own access"), "{answer:?}");
    assert!(admin.get("/control-center/admins").await.body.contains("disabled"), "the control says why");
    assert_eq!(admin.post("/control-center/admins", &[("email", &lee.email)]).await.status, 303);
    assert_eq!(role(&lee).await, Role::MendixAdmin);
    assert_eq!(member.get("/control-center/members").await.status, 200, "at once");
    assert_eq!(member.post(&own, &[("admin", "false")]).await.status, 303);
    assert_eq!(admin.get("/control-center/members").await.status, 403, "at once");
    assert_eq!((role(&ada).await, platform.me(&ada.token).await.as_u16()), (Role::Member, 200));
    let answer = platform.patch(&ada.token, &lee.id.to_string(), r#"{"active":false}"#).await;
    assert_eq!(answer.status, 403, "a token is worth what its owner's role is now");
    platform.directory.deactivate(&operator(), ada.id, act()).await.unwrap();
    let gone = format!("/control-center/members/{}/admin", ada.id);
    let answer = member.post(&gone, &[("admin", "true")]).await;
    assert!(answer.status == 403 && answer.body.contains("deactivated"), "{answer:?}");
}

async fn many_members_get_a_result_each(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, lee, mut admin, .. } = scene(&platform).await;
    let acme = platform.directory.find_company("Acme").await.unwrap();
    let (max, gone) = (platform.member(&acme, "max").await, platform.member(&acme, "gone").await);
    platform.directory.deactivate(&operator(), gone.id, act()).await.unwrap();
    let ids: Vec<String> = [&ada, &lee, &max, &gone, &lee].map(|person| person.id.to_string()).into();
    let mut fields: Vec<(&str, &str)> = ids.iter().map(|id| ("user", id.as_str())).collect();
    fields.push(("act", "deactivate"));
    let confirm = admin.post("/control-center/members/confirm", &fields).await;
    for text in [
        "Deactivate 3 members?",
        "This is you: nobody may change his own access.",
        "1 open session",
        "Token <strong>test</strong>",
    ] {
        assert!(confirm.body.contains(text), "{text} in {}", confirm.body);
    }
    assert_eq!(platform.me(&lee.token).await, 200, "to ask changes nothing");
    let without = admin.post("/control-center/members/apply", &fields).await;
    assert!(without.status == 400 && without.body.contains("Say why"), "{without:?}");
    fields.extend([("reason", "the\nteam was\tclosed"), ("ticket", "HR-9")]);
    let outcome = admin.post("/control-center/members/apply", &fields).await;
    for text in [
        "3 done, 1 not",
        "Deactivated: 1 session ended, 1 token revoked",
        "Deactivated: 0 sessions ended, 1 token revoked",
        "Was deactivated already; nothing to do",
    ] {
        assert!(outcome.body.contains(text), "{text} in {}", outcome.body);
    }
    for (person, status) in [(&ada, 200), (&lee, 401), (&max, 401)] {
        assert_eq!(platform.me(&person.token).await, status);
    }
    let done: Vec<_> = platform.trail_of("user.deactivate").await;
    let noted = done.iter().filter(|entry| entry.ticket.as_deref() == Some("HR-9"));
    assert_eq!(noted.filter(|entry| entry.reason.as_deref() == Some("the team was closed")).count(), 3);
    let page = admin.get(&format!("/control-center/members/{}", lee.id)).await;
    for text in ["the team was closed", "HR-9", &ada.email, "owner was deactivated"] {
        assert!(page.body.contains(text), "{text}");
    }
}

async fn what_people_write_is_text(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    let evil = "<script>alert(1)</script>\"'&amp;{{7*7}}";
    assert_eq!(member.post("/settings/profile", &[("name", evil)]).await.status, 303);
    assert_eq!(member.post("/settings/tokens", &[("name", evil), ("expires", "30")]).await.status, 200);
    let id = lee.id.to_string();
    let fields = [("act", "suspend"), ("user", id.as_str()), ("reason", evil), ("ticket", evil)];
    let mut pages = vec![admin.post("/control-center/members/confirm", &fields).await];
    pages.push(admin.post("/control-center/members/apply", &fields).await);
    pages.push(admin.post("/control-center/services", &[("name", evil)]).await);
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", evil).finish();
    for path in [
        "/control-center/members?status=suspended",
        &format!("/control-center/members/{id}"),
        "/control-center/services",
        "/control-center/audit",
        &format!("/control-center/members?{query}"),
    ] {
        pages.push(admin.get(path).await);
    }
    for page in pages {
        assert!(page.status == 200 && !page.body.contains("<script>alert"), "{page:?}");
        assert!(page.body.contains("&#60;script&#62;") || page.body.contains("&lt;script"), "{page:?}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    }
}

async fn a_file_holds_all_whom_the_list_shows(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { ada, lee, mut admin, mut member } = scene(&platform).await;
    member.post("/settings/profile", &[("name", "=HYPERLINK(\"x\")")]).await;
    let file = admin.get("/control-center/members/export?format=csv&sort=email").await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"members.csv\"");
    let mut lines = file.body.lines();
    assert_eq!(lines.next(), Some("uuid,email,name,role,status,since,created"));
    let rest: Vec<&str> = lines.collect();
    assert!(rest[0].starts_with(&format!("{},ada@acme.example,ada,Mendix Admin,active,", ada.id)), "{rest:?}");
    assert!(
        rest[1].starts_with(&format!("{},lee@acme.example,\"'=HYPERLINK(\"\"x\"\")\",Member,", lee.id)),
        "{rest:?}"
    );
    assert_eq!(rest.len(), 2);
    let found = admin.get("/control-center/members/export?format=csv&q=hyperlink").await;
    assert_eq!(found.body.lines().count(), 2);
    let book = admin.get("/control-center/members/export?format=xlsx").await;
    assert!(book.header("content-type").contains("spreadsheetml"));
    let trail = admin.get("/control-center/audit/export?format=jsonl&action=user.export").await;
    let entries: Vec<serde_json::Value> = trail.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 3, "what is taken out is recorded: {}", trail.body);
    assert!(entries.iter().all(|entry| entry["actor"]["uuid"] == ada.id.to_string()));
    let csv = admin.get("/control-center/audit/export?format=csv").await;
    assert!(csv.body.starts_with("seq,at,actor,action,person,"), "{}", csv.body);
    assert_eq!(admin.get("/control-center/members/export?format=pdf").await.status, 400);
}

async fn nonsense_gets_an_error_page_and_changes_nothing(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, .. } = scene(&platform).await;
    let trail = platform.trail().await.len();
    let long = "x".repeat(4_097);
    for (path, fields, status) in [
        ("/control-center/members/apply", vec![("act", "erase"), ("user", "x")], 400),
        ("/control-center/members/apply", vec![("act", "deactivate"), ("user", "x"), ("reason", "x")], 400),
        ("/control-center/members/confirm", vec![], 400),
        ("/control-center/members/apply", vec![("act", "deactivate"), ("reason", &long)], 413),
        ("/control-center/members", vec![("email", "x"), ("name", "x")], 400),
        ("/control-center/members", vec![("email", "a@b.example"), ("name", "\u{202e}x")], 400),
        ("/control-center/members", vec![("email", &lee.email), ("name", "Lee")], 400),
        ("/control-center/company/domains", vec![("domain", "no domain")], 400),
        ("/control-center/company", vec![("name", "")], 400),
        ("/control-center/services", vec![("name", "")], 400),
        ("/control-center/services/x/delete", vec![], 404),
        ("/settings/profile", vec![("name", "")], 400),
        ("/settings/tokens", vec![("name", ""), ("expires", "30")], 400),
        ("/settings/tokens", vec![("name", "x"), ("expires", "soon")], 400),
        ("/settings/tokens", vec![("name", "x"), ("expires", "30"), ("scope", "mx:everything")], 400),
    ] {
        let answer = admin.post(path, &fields).await;
        assert_eq!(answer.status, status, "{path} {fields:?}: {answer:?}");
        assert!(answer.body.contains("<main"), "a page: {answer:?}");
    }
    for path in [
        "/control-center/members/x",
        "/control-center/members/00000000-0000-0000-0000-000000000000",
        "/control-center/services/x",
        "/control-center/services/x/rotate",
        "/control-center/services/00000000-0000-0000-0000-000000000000/delete",
        "/control-center/audit/x",
        "/control-center/audit/-1",
        "/control-center/audit/999999999",
        "/settings/tokens/x",
        "/control-center/nothing",
    ] {
        let answer = admin.send(Method::GET, path, None, &[("accept", "text/html")]).await;
        assert!(answer.status == 404 && answer.body.contains("<main"), "{path}: {answer:?}");
    }
    for path in [
        "/control-center/members?status=x&sort=x&after=x&q=%00%ff",
        "/control-center/members?q=a%00b&after=00000000-0000-0000-0000-000000000007+=+%00",
        "/control-center/audit?before=x&action=x",
    ] {
        assert_eq!(admin.get(path).await.status, 200, "{path}");
    }
    assert_eq!(admin.get("/control-center/audit?from=yesterday").await.status, 400);
    let answer = admin.send(Method::DELETE, "/control-center/members", None, &OWN_PAGE).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET,HEAD,POST"));
    assert_eq!(platform.trail().await.len(), trail, "nothing was done, so nothing is recorded");
}
