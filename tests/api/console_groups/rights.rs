//! What membership gives, who says so, and the lock.

use offboard::domain::groups::{Edit, NewGroup};
use offboard::model::group::Rights;
use offboard::model::user::Role;

use super::{GROUPS, Scene, conceals, given_group, make_group, new_group, rejected, says, scene};
use crate::browser::Browser;
use crate::harness::{Platform, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_group_gives_a_role_and_takes_it_back,
    a_group_gives_scopes_for_tokens_and_takes_them_back,
    the_last_admin_stays_whatever_becomes_of_the_group,
    while_a_locked_group_makes_admins_the_console_does_not,
    a_locked_group_is_managed_elsewhere,
    what_was_changed_meanwhile_is_looked_at_again,
}

/// What the page says beside a form that would leave nobody.
const LAST_ADMIN: &str = "This is the last active Mendix Admin of the company.";

fn admin_rights() -> Rights {
    Rights { role: Some(Role::MendixAdmin), ..Rights::default() }
}

async fn is_admin(browser: &mut Browser<'_>) -> bool {
    match browser.get("/control-center/members").await.status.as_u16() {
        200 => true,
        403 => false,
        status => panic!("{status}"),
    }
}

async fn a_group_gives_a_role_and_takes_it_back(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    let page = make_group(&mut admin, "Platform").await;
    assert_eq!(admin.post(&format!("{page}/members"), &[("email", &lee.email)]).await.status, 303);
    let rights = format!("{page}/rights");
    for (role, why) in [("member", "A group can&#39;t give this role."), ("king", "A group can&#39;t give this role.")]
    {
        rejected(&admin.post(&rights, &[("role", role)]).await, why);
    }
    rejected(&admin.post(&rights, &[("scope", "mx:everything")]).await, "There is no scope");
    assert!(!is_admin(&mut member).await);

    let given = admin.post(&rights, &[("role", "mendix_admin")]).await;
    assert_eq!(given.sent_on(), format!("{page}?done=rights-set"));
    assert!(is_admin(&mut member).await, "at once");
    says(&admin.get(&page).await, &["<option value=\"mendix_admin\" selected>", "tag-loud\">Mendix Admin"]);
    says(&admin.get(GROUPS).await, &["tag-loud\">Mendix Admin"]);
    says(&admin.get(&format!("{page}/delete")).await, &["1 member is in the group", "<dd>Mendix Admin</dd>"]);
    let profile = format!("/control-center/members/{}", lee.id);
    says(&admin.get(&profile).await, &["By the group", ">Platform</a>", "The admin role comes from a group"]);
    says(&admin.get("/control-center/admins").await, &[&lee.email, "Make Mendix Admin"]);
    let taken = admin.post(&format!("{profile}/admin"), &[("admin", "false")]).await;
    assert_eq!(taken.sent_on(), format!("{profile}?done=admin-by-group"), "nobody is told what is not so");
    assert!(is_admin(&mut member).await);

    assert_eq!(admin.post(&rights, &[]).await.status, 303);
    assert!(!is_admin(&mut member).await, "at once");
    says(&admin.get(&page).await, &["<option value=\"\" selected>"]);
    assert_eq!(admin.post(&rights, &[("role", "mendix_admin")]).await.status, 303);
    assert!(is_admin(&mut member).await);
    assert_eq!(admin.post(&format!("{page}/delete"), &[]).await.status, 303);
    assert!(!is_admin(&mut member).await, "at once");
}

async fn a_group_gives_scopes_for_tokens_and_takes_them_back(engine: Engine) {
    const SCOPE: &str = "mx:audit-logging:read";
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    let page = make_group(&mut admin, "Auditors").await;
    assert_eq!(admin.post(&format!("{page}/members"), &[("email", &lee.email)]).await.status, 303);
    conceals(&member.get("/settings/tokens/new").await, &[SCOPE]);
    assert_eq!(admin.post(&format!("{page}/rights"), &[("scope", SCOPE)]).await.status, 303);
    says(&admin.get(&page).await, &[&format!("value=\"{SCOPE}\" checked"), "1 scope"]);
    says(&admin.get(&format!("{page}/delete")).await, &[SCOPE, "The scopes go from their tokens too."]);
    let offered = member.get("/settings/tokens/new").await;
    says(&offered, &[SCOPE]);
    conceals(&offered, &["mx:user-deactivation:write"]);
    let fields = [("name", "reader"), ("expires", "30"), ("scope", SCOPE)];
    assert_eq!(member.post("/settings/tokens", &fields).await.status, 200);
    let scopes = async || {
        let tokens = platform.directory.list_tokens(lee.id).await.unwrap();
        tokens.iter().find(|token| token.name == "reader").unwrap().scopes.names()
    };
    assert_eq!(scopes().await, [SCOPE]);
    assert_eq!(admin.post(&format!("{page}/members/{}/remove", lee.id), &[]).await.status, 303);
    assert_eq!(scopes().await, [""; 0]);
    conceals(&member.get("/settings/tokens/new").await, &[SCOPE]);
}

async fn the_last_admin_stays_whatever_becomes_of_the_group(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, ada, lee, mut member, .. } = scene(&platform).await;
    let (_, page) = given_group(&platform, &acme, new_group("Admins", admin_rights(), &[lee.id])).await;
    platform.directory.set_role(&operator(), ada.id, Role::Member).await.unwrap();
    rejected(&member.post(&format!("{page}/rights"), &[]).await, LAST_ADMIN);
    rejected(&member.post(&format!("{page}/members/{}/remove", lee.id), &[]).await, LAST_ADMIN);
    rejected(&member.post(&format!("{page}/delete"), &[]).await, LAST_ADMIN);
    assert!(is_admin(&mut member).await, "nothing has changed");
    let refused = platform.trail().await.into_iter().filter(|entry| entry.refusal.as_deref() == Some("last_admin"));
    assert_eq!(refused.count(), 3, "each attempt stands in the trail");
}

async fn while_a_locked_group_makes_admins_the_console_does_not(engine: Engine) {
    const MANAGED: &str = "Your identity provider says who is a Mendix Admin";
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, .. } = scene(&platform).await;
    let page = make_group(&mut admin, "IdP admins").await;
    let lock = format!("{page}/lock");
    assert_eq!(admin.post(&format!("{page}/rights"), &[("role", "mendix_admin")]).await.status, 303);
    says(&admin.get("/control-center/admins").await, &["Make Mendix Admin", "Remove admin role"]);
    let locked = admin.post(&lock, &[("locked", "true")]).await;
    assert_eq!(locked.sent_on(), format!("{page}?done=group-locked"));

    let admins = admin.get("/control-center/admins").await;
    says(&admins, &[MANAGED, &format!("href=\"{page}\">IdP admins</a>")]);
    conceals(&admins, &["Make Mendix Admin", "Remove admin role"]);
    rejected(&admin.post("/control-center/admins", &[("email", &lee.email)]).await, MANAGED);
    let profile = format!("/control-center/members/{}", lee.id);
    let shown = admin.get(&profile).await;
    says(&shown, &[MANAGED]);
    conceals(&shown, &["Make Mendix Admin"]);
    let answer = admin.post(&format!("{profile}/admin"), &[("admin", "true")]).await;
    assert!(answer.status == 403 && answer.body.contains(MANAGED), "{answer:?}");
    let invite = admin.get("/control-center/members/new").await;
    says(&invite, &[MANAGED]);
    conceals(&invite, &["name=\"admin\""]);

    let unlocked = admin.post(&lock, &[("locked", "false")]).await;
    assert_eq!(unlocked.sent_on(), format!("{page}?done=group-unlocked"));
    assert_eq!(admin.post("/control-center/admins", &[("email", &lee.email)]).await.status, 303);
    assert_eq!(admin.post(&lock, &[("locked", "perhaps")]).await.status, 400);
}

async fn a_locked_group_is_managed_elsewhere(engine: Engine) {
    const LOCKED: &str = "The group is locked";
    let platform = Platform::start(engine).await;
    let Scene { acme, ada, lee, mut admin, .. } = scene(&platform).await;
    let new = NewGroup {
        locked: true,
        external_id: Some("00g1".to_owned()),
        ..new_group("Okta", Rights::default(), &[lee.id])
    };
    let (group, page) = given_group(&platform, &acme, new).await;
    let shown = admin.get(&page).await;
    says(&shown, &["managed by the identity provider", "<code>00g1</code>", &lee.email, ">Locked</span>", ">Unlock<"]);
    conceals(&shown, &["Add to the group", "/remove\"", "/delete\"", "id=\"description\""]);
    conceals(&admin.get(&format!("{page}/delete")).await, &["Delete group</button>"]);
    rejected(&admin.post(&page, &[("name", "Mine")]).await, LOCKED);
    rejected(&admin.post(&format!("{page}/members"), &[("email", &ada.email)]).await, LOCKED);
    rejected(&admin.post(&format!("{page}/members/{}/remove", lee.id), &[]).await, LOCKED);
    rejected(&admin.post(&format!("{page}/delete"), &[]).await, LOCKED);
    assert_eq!(platform.directory.group(acme.id, group.id).await.unwrap(), group, "nothing has changed");
    let refused = platform.trail().await.into_iter().filter(|entry| entry.refusal.as_deref() == Some("group_locked"));
    assert_eq!(refused.count(), 4, "each attempt stands in the trail");

    assert_eq!(admin.post(&format!("{page}/rights"), &[("role", "member_manager")]).await.status, 303);
    assert_eq!(admin.post(&format!("{page}/lock"), &[("locked", "false")]).await.status, 303);
    assert_eq!(admin.post(&page, &[("name", "Mine")]).await.status, 303);
    says(&admin.get(&page).await, &["Add to the group", "<h1>Mine", ">Lock<"]);
    let nameless = NewGroup { locked: true, ..new_group("Script", Rights::default(), &[]) };
    let (_, page) = given_group(&platform, &acme, nameless).await;
    says(&admin.get(&page).await, &["managed by an identity provider or a script"]);
}

async fn what_was_changed_meanwhile_is_looked_at_again(engine: Engine) {
    const CHANGED: &str = "Somebody changed this meanwhile.";
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let (group, page) = given_group(&platform, &acme, new_group("Platform", Rights::default(), &[])).await;
    let revision = admin.get(&page).await.value_after("name=\"revision\" value=\"");
    let edit = vec![Edit::Describe("another".to_owned())];
    platform.directory.edit_group(&operator(), acme.id, group.id, None, edit).await.unwrap();
    let outdated = ("revision", revision.as_str());
    rejected(&admin.post(&format!("{page}/rights"), &[outdated, ("role", "mendix_admin")]).await, CHANGED);
    rejected(&admin.post(&format!("{page}/delete"), &[outdated]).await, CHANGED);
    let answer = admin.post(&page, &[outdated, ("name", "Renamed")]).await;
    rejected(&answer, CHANGED);
    assert!(answer.body.contains("value=\"Renamed\"") && answer.body.contains("<h1>Platform"), "{answer:?}");
    let now = answer.value_after("name=\"revision\" value=\"");
    assert_ne!(now, revision);
    assert_eq!(admin.post(&page, &[("revision", &now), ("name", "Renamed")]).await.status, 303);
    says(&admin.get(&page).await, &["<h1>Renamed"]);
}
