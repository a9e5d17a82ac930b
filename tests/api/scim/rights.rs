//! Groups that give rights: an identity provider may say who is a Mendix Admin, where an admin has agreed to that.

use offboard::domain::groups::Edit;
use offboard::model::group::Rights;
use offboard::model::scope::Scope;
use offboard::model::user::Role;
use serde_json::{Value, json};

use super::{
    GROUP, Gateway, NOBODY, Provider, address, group_id, id_of, patch_of, person, refused, scene, sorted, user_id, with,
};
use crate::browser::Browser;
use crate::harness::{Platform, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    membership_makes_an_admin_at_once_and_its_end_unmakes_him,
    every_way_out_of_a_group_takes_its_rights,
    the_last_admin_stays_in_the_group,
    a_role_of_ones_own_outlives_the_group,
    while_a_provider_manages_admins_the_console_does_not,
    a_group_gives_scopes_and_takes_them,
    nothing_that_a_provider_sends_gives_rights,
    a_provider_does_not_become_an_admin_by_his_address,
    what_an_admin_group_let_somebody_give_to_a_token_goes_with_it,
}

/// The role of a Mendix Admin and nothing else.
fn admins() -> Rights {
    Rights { role: Some(Role::MendixAdmin), ..Rights::default() }
}

/// Lets membership of a group give this, as the operator says.
async fn give(provider: &Provider<'_>, group: &str, rights: Rights) {
    let (directory, edits) = (&provider.platform.directory, vec![Edit::SetRights(rights)]);
    directory.edit_group(&operator(), provider.company, group_id(group), None, edits).await.unwrap();
}

/// Whether a token speaks for an admin.
async fn is_admin(platform: &Platform, token: &str) -> bool {
    let me = platform.get("/api/v1/me", token).await;
    assert_eq!(me.status, 200, "{me:?}");
    me.json()["admin"] == true
}

fn add(id: &str) -> Value {
    patch_of(json!([{"op": "add", "path": "members", "value": [{"value": id}]}]))
}

fn remove(id: &str) -> Value {
    patch_of(json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]))
}

async fn membership_makes_an_admin_at_once_and_its_end_unmakes_him(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    platform.admin(&acme, "ada").await;
    let (lee, max) = (platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    let group = provider.group("Platform owners", &[]).await;
    let path = format!("/Groups/{group}");
    give(&provider, &group, admins()).await;
    // Warm what the gate remembers of him.
    assert!(!is_admin(&platform, &lee.token).await && !is_admin(&platform, &lee.token).await);
    platform.deactivate(&lee, max.id).await.error_object(403, "Forbidden");
    provider.patch(&path, &add(&lee.id.to_string())).await.scim(200);
    assert!(is_admin(&platform, &lee.token).await);
    assert_eq!(platform.deactivate(&lee, max.id).await.status, 204);
    let eve = platform.member(&acme, "eve").await;
    provider.patch(&path, &remove(&lee.id.to_string())).await.scim(200);
    assert!(!is_admin(&platform, &lee.token).await);
    platform.deactivate(&lee, eve.id).await.error_object(403, "Forbidden");
    assert_eq!(platform.me(&eve.token).await, 200);
}

async fn every_way_out_of_a_group_takes_its_rights(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    platform.admin(&acme, "ada").await;
    let lee = platform.member(&acme, "lee").await;
    let id = lee.id.to_string();
    for way in ["replace", "remove", "value", "put", "delete", "rights"] {
        let group = provider.group(way, &[&id]).await;
        let path = format!("/Groups/{group}");
        assert!(!is_admin(&platform, &lee.token).await, "{way}");
        give(&provider, &group, admins()).await;
        assert!(is_admin(&platform, &lee.token).await, "{way}: who is a member already gets them too");
        let empty = json!({"schemas": [GROUP], "displayName": way, "members": []});
        match way {
            "replace" => {
                let replace = patch_of(json!([{"op": "replace", "path": "members", "value": []}]));
                provider.patch(&path, &replace).await.scim(200);
            }
            "remove" => {
                provider.patch(&path, &patch_of(json!([{"op": "remove", "path": "members"}]))).await.scim(200);
            }
            "value" => {
                let value = patch_of(json!([{"op": "Remove", "path": "members", "value": [{"value": id}]}]));
                provider.patch(&path, &value).await.scim(200);
            }
            "put" => {
                provider.put(&path, &empty).await.scim(200);
            }
            "delete" => provider.delete(&path).await.scim_nothing(),
            _ => give(&provider, &group, Rights::default()).await,
        }
        assert!(!is_admin(&platform, &lee.token).await, "{way}");
    }
}

async fn the_last_admin_stays_in_the_group(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (lee, max) = (platform.member(&acme, "lee").await, platform.member(&acme, "max").await);
    let (lee_id, max_id) = (lee.id.to_string(), max.id.to_string());
    let group = provider.group("Platform owners", &[&lee_id, &max_id]).await;
    let path = format!("/Groups/{group}");
    give(&provider, &group, admins()).await;
    let empty = json!({"schemas": [GROUP], "displayName": "Platform owners", "members": []});
    let nobody = patch_of(json!([{"op": "remove", "path": "members"}]));
    for answer in
        [provider.patch(&path, &nobody).await, provider.put(&path, &empty).await, provider.delete(&path).await]
    {
        answer.scim_error(409);
        assert_eq!(provider.members(&group).await, sorted(&[&lee_id, &max_id]));
    }
    provider.patch(&path, &remove(&max_id)).await.scim(200);
    assert!(!is_admin(&platform, &max.token).await, "one may go while another stays");
    let user = format!("/Users/{lee_id}");
    for answer in [
        provider.patch(&path, &remove(&lee_id)).await,
        provider.patch(&path, &nobody).await,
        provider.put(&path, &empty).await,
        provider.delete(&path).await,
        provider.set_active(&lee_id, false).await,
        provider.delete(&user).await,
    ] {
        answer.scim_error(409);
    }
    assert!(is_admin(&platform, &lee.token).await);
    assert_eq!(provider.members(&group).await, [lee_id]);
    assert_eq!(refused(&platform, "last_admin").await.len(), 9, "each refused attempt is recorded");
}

async fn a_role_of_ones_own_outlives_the_group(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    let group = provider.group("Platform owners", &[&ada.id.to_string()]).await;
    let path = format!("/Groups/{group}");
    give(&provider, &group, admins()).await;
    provider.patch(&path, &remove(&ada.id.to_string())).await.scim(200);
    assert!(is_admin(&platform, &ada.token).await);
    provider.patch(&path, &add(&ada.id.to_string())).await.scim(200);
    provider.delete(&path).await.scim_nothing();
    assert!(is_admin(&platform, &ada.token).await);
}

async fn while_a_provider_manages_admins_the_console_does_not(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let (ada, bob) = (platform.admin(&acme, "ada").await, platform.admin(&acme, "bob").await);
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(ada.id).await;
    let mut console = Browser::signed_in(&platform, &ada.email).await;
    let group = provider.group("Platform owners", &[]).await;
    assert!(platform.directory.admin_groups(acme.id).await.unwrap().is_empty());
    give(&provider, &group, admins()).await;
    let managing = platform.directory.admin_groups(acme.id).await.unwrap();
    assert_eq!(managing.iter().map(|group| group.id).collect::<Vec<_>>(), [group_id(&group)]);
    let (his, hers) =
        (format!("/control-center/members/{}/admin", bob.id), format!("/control-center/members/{}/admin", lee.id));
    for (path, fields) in [
        ("/control-center/admins", [("email", lee.email.as_str())]),
        (hers.as_str(), [("admin", "true")]),
        (his.as_str(), [("admin", "false")]),
    ] {
        let answer = console.post(path, &fields).await;
        assert!(answer.status.is_client_error() || answer.status == 200, "{path}: {answer:?}");
    }
    assert_eq!(refused(&platform, "managed_by_provider").await.len(), 3);
    assert!(!is_admin(&platform, &lee.token).await && is_admin(&platform, &bob.token).await);
    give(&provider, &group, Rights::default()).await;
    assert_eq!(console.post(&hers, &[("admin", "true")]).await.status, 303, "and does again afterwards");
    assert!(is_admin(&platform, &lee.token).await);
}

async fn a_group_gives_scopes_and_takes_them(engine: Engine) {
    const SCOPE: &str = "mx:mxid3:user-identifiers:uuid:read";
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let gateway = Gateway::registered(&platform).await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let mut browser = Browser::signed_in(&platform, &lee.email).await;
    let group = provider.group("Auditors", &[]).await;
    let path = format!("/Groups/{group}");
    let scopes = [Scope::UserIdentifiersRead].into_iter().collect();
    give(&provider, &group, Rights { scopes, ..Rights::default() }).await;
    let fields = [("name", "script"), ("expires", "30"), ("scope", SCOPE)];
    assert_eq!(browser.post("/settings/tokens", &fields).await.status, 400, "not a member yet");
    provider.patch(&path, &add(&lee.id.to_string())).await.scim(200);
    let made = browser.post("/settings/tokens", &fields).await;
    assert_eq!(made.status, 200, "{made:?}");
    let secret = format!("obp_{}", made.value_after("value=\"obp_"));
    assert_eq!(gateway.told(&secret).await["scope"], SCOPE);
    assert_eq!(platform.get("/api/v1/me", &secret).await.json()["scopes"], json!([SCOPE]));
    provider.patch(&path, &remove(&lee.id.to_string())).await.scim(200);
    assert_eq!(platform.get("/api/v1/me", &secret).await.json()["scopes"], json!([]), "at once");
    let told = gateway.told(&secret).await;
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("")));
    assert_eq!(browser.post("/settings/tokens", &fields).await.status, 400);
}

async fn nothing_that_a_provider_sends_gives_rights(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    platform.admin(&acme, "ada").await;
    let claims = json!({
        "roles": [{"value": "mendix_admin", "primary": true}],
        "entitlements": [{"value": "mendix_admin"}],
        "userType": "mendix_admin",
        "role": "mendix_admin", "admin": true, "own_role": "mendix_admin", "companyUuid": NOBODY,
        "groups": [{"value": NOBODY, "display": "Mendix Admins"}],
    });
    let lee = id_of(&provider.make(&with(person(&address("lee")), claims.clone())).await);
    let path = format!("/Users/{lee}");
    provider.put(&path, &with(person(&address("lee")), claims)).await.scim(200);
    let role = patch_of(json!([{"op": "add", "path": "role", "value": "mendix_admin"}]));
    provider.patch(&path, &role).await.scim_fault(400, "invalidPath");
    let sent = json!({
        "schemas": [GROUP], "displayName": "Mendix Admins", "members": [{"value": lee, "role": "mendix_admin"}],
        "role": "mendix_admin", "scopes": ["mx:user-deactivation:write"], "rights": {"role": "mendix_admin"},
    });
    let group = id_of(&provider.post("/Groups", &sent).await.scim(201));
    let path = format!("/Groups/{group}");
    provider.put(&path, &sent).await.scim(200);
    for name in ["role", "rights", "scopes"] {
        let operations = json!([{"op": "add", "path": name, "value": "mendix_admin"}]);
        provider.patch(&path, &patch_of(operations)).await.scim_fault(400, "invalidPath");
        let operations = json!([{"op": "add", "value": {name: "mendix_admin", "displayName": "Admins"}}]);
        provider.patch(&path, &patch_of(operations)).await.scim(200);
    }
    assert!(platform.directory.group(acme.id, group_id(&group)).await.unwrap().rights.is_empty());
    let known = platform.directory.member(acme.id, user_id(&lee)).await.unwrap();
    assert_eq!((known.role, known.company), (Role::Member, acme.id));
}

async fn a_provider_does_not_become_an_admin_by_his_address(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let ada = platform.admin(&acme, "ada").await;
    let path = format!("/Users/{}", ada.id);
    let elsewhere = json!([{"value": "attacker@elsewhere.example", "primary": true}]);
    let theft = patch_of(json!([{"op": "replace", "path": "emails", "value": elsewhere}]));
    provider.patch(&path, &theft).await.scim_fault(400, "mutability");
    let found = platform.directory.member(acme.id, ada.id).await.unwrap();
    assert_eq!(found.email.as_str(), ada.email);
    let lee = provider.user("lee").await;
    provider.patch(&format!("/Users/{lee}"), &theft).await.scim(200);
}

async fn what_an_admin_group_let_somebody_give_to_a_token_goes_with_it(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let gateway = Gateway::registered(&platform).await;
    platform.admin(&acme, "ada").await;
    let lee = provider.user("lee").await;
    let group = provider.group("Mendix Admins", &[&lee]).await;
    give(&provider, &group, admins()).await;
    let (_, token) = platform.token(user_id(&lee), &[Scope::UserDeactivationWrite]).await;
    assert_eq!(gateway.told(&token).await["scope"], "mx:user-deactivation:write");
    provider.patch(&format!("/Groups/{group}"), &remove(&lee)).await.scim(200);
    assert_eq!(gateway.told(&token).await["scope"], "");
}
