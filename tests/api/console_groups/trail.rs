//! Each of these forms stands in the trail once, and what changes nothing does not.

use offboard::model::audit::ActorRecord;

use super::{GROUPS, SCIM, Scene, make_group, scene};
use crate::browser::Browser;
use crate::harness::Platform;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    every_form_leaves_exactly_one_entry,
    an_entry_by_the_identity_provider_says_so,
}

/// The action that is recorded, where the form goes, and its fields.
type Submission<'f> = (&'f str, &'f str, &'f [(&'f str, &'f str)]);

/// Sends a form, asserts that it left just this entry, and gives where the browser is sent on.
async fn leaves_one(platform: &Platform, browser: &mut Browser<'_>, (action, path, fields): Submission<'_>) {
    let before = platform.trail().await.len();
    let answer = browser.post(path, fields).await;
    assert!(matches!(answer.status.as_u16(), 200 | 303), "{path}: {answer:?}");
    let entries = platform.trail().await.split_off(before);
    let [entry] = entries.as_slice() else { panic!("{action}: {entries:?}") };
    assert_eq!((entry.action.as_str(), entry.refusal.as_deref()), (action, None));
    assert_eq!((entry.request, entry.door.as_str()), (answer.request_id(), "console"));
}

async fn every_form_leaves_exactly_one_entry(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    let page = make_group(&mut admin, "Platform").await;
    let (lock, members, rights) = (format!("{page}/lock"), format!("{page}/members"), format!("{page}/rights"));
    let remove = format!("{page}/members/{}/remove", lee.id);
    let (authority, guard) = (format!("{SCIM}/authority"), format!("{SCIM}/guard"));
    let settings = [("doors", "all"), ("count", "9"), ("percent", "9"), ("minutes", "9")];
    let repeatable: [Submission; 9] = [
        ("group.change", &page, &[("name", "Platform team"), ("description", "Runs it")]),
        ("group.change", &members, &[("email", &lee.email)]),
        ("group.change", &remove, &[]),
        ("group.change", &rights, &[("role", "member_manager"), ("scope", "mx:audit-logging:read")]),
        ("group.change", &lock, &[("locked", "true")]),
        ("group.change", &lock, &[("locked", "false")]),
        ("company.set_authority", &authority, &[("authority", "true")]),
        ("company.set_guard", &guard, &settings),
        ("company.set_authority", &authority, &[]),
    ];
    for submission in repeatable {
        leaves_one(&platform, &mut admin, submission).await;
        let before = platform.trail().await.len();
        assert_eq!(admin.post(submission.1, submission.2).await.status, 303, "again is fine");
        assert_eq!(platform.trail().await.len(), before, "{} again", submission.0);
    }
    let (tokens, delete) = (format!("{SCIM}/tokens"), format!("{page}/delete"));
    leaves_one(&platform, &mut admin, ("service.create", &tokens, &[("name", "Okta")])).await;
    let scim = admin.get(SCIM).await.value_after("id=\"service-");
    let confirm = format!("{SCIM}/confirm");
    let once: [Submission; 5] = [
        ("service.rotate", &format!("{tokens}/{scim}/rotate"), &[]),
        ("service.delete", &format!("{tokens}/{scim}/delete"), &[]),
        ("company.confirm_guard", &confirm, &[("allowance", "2")]),
        ("group.delete", &delete, &[]),
        ("group.create", GROUPS, &[("name", "Another")]),
    ];
    for submission in once {
        leaves_one(&platform, &mut admin, submission).await;
    }
    let keys = "/settings/api-keys";
    leaves_one(&platform, &mut member, ("api_key.create", keys, &[("name", "old"), ("expires", "30")])).await;
    let key = member.get(keys).await.value_after("id=\"token-");
    leaves_one(&platform, &mut member, ("token.rotate", &format!("{keys}/{key}/rotate"), &[])).await;
    let key = member.get(keys).await.value_after("id=\"token-");
    leaves_one(&platform, &mut member, ("token.delete", &format!("{keys}/{key}/delete"), &[])).await;
}

async fn an_entry_by_the_identity_provider_says_so(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { mut admin, .. } = scene(&platform).await;
    let made = admin.post(&format!("{SCIM}/tokens"), &[("name", "Okta")]).await;
    let secret = format!("obi_{}", made.value_after("value=\"obi_"));
    let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"From Okta"}"#;
    let call =
        platform.call(reqwest::Method::POST, "/scim/v2/Groups").header("authorization", &format!("Bearer {secret}"));
    let answer = call.header("content-type", "application/scim+json").body(body).send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let entries = platform.trail_of("group.create").await;
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    let ActorRecord::Provisioner(service) = entry.actor else { panic!("{entry:?}") };
    let trail = admin.get("/control-center/audit?action=group.create").await;
    assert!(trail.body.contains("Group made") && trail.body.contains("identity provider"), "{}", trail.body);
    let page = admin.get(&format!("/control-center/audit/{}", entry.seq)).await;
    for text in ["identity provider".to_owned(), format!("SCIM token {service}"), "SCIM".to_owned()] {
        assert!(page.body.contains(&text), "{text} in {}", page.body);
    }
    let groups = admin.get(GROUPS).await;
    assert!(groups.body.contains("From Okta") && groups.body.contains(">Locked</span>"), "{}", groups.body);
}
