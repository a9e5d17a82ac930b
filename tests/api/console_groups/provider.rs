//! The page about the identity provider: its tokens, and who has the last word.

use offboard::model::service::Purpose;
use reqwest::{Method, StatusCode};

use super::{SCIM, Scene, conceals, rejected, says, scene};
use crate::harness::{Platform, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    scim_tokens_are_made_rotated_and_deleted,
    a_scim_token_is_none_of_the_services,
    the_company_says_who_has_the_last_word,
}

/// Whether a SCIM token opens anything.
async fn opens(platform: &Platform, token: &str) -> StatusCode {
    let call = platform.call(Method::GET, "/scim/v2/Users").header("authorization", &format!("Bearer {token}"));
    call.send().await.status
}

async fn scim_tokens_are_made_rotated_and_deleted(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { mut admin, .. } = scene(&platform).await;
    says(&admin.get(SCIM).await, &["No identity provider is connected yet", "value=\"http://localhost/scim/v2\""]);
    rejected(&admin.post(&format!("{SCIM}/tokens"), &[("name", " ")]).await, "name is empty");
    let made = admin.post(&format!("{SCIM}/tokens"), &[("name", "Okta")]).await;
    says(&made, &["Okta is ready", "value=\"http://localhost/scim/v2\"", "Authorization: Bearer obi_"]);
    let secret = format!("obi_{}", made.value_after("value=\"obi_"));
    assert_eq!(opens(&platform, &secret).await, 200);
    let twice = admin.post(&format!("{SCIM}/tokens"), &[("name", "OKTA")]).await;
    rejected(&twice, "already");
    assert!(twice.body.contains("value=\"OKTA\""), "what was typed stays");

    let services = platform.directory.list_services(&operator(), Purpose::Provisions).await.unwrap();
    let path = format!("{SCIM}/tokens/{}", services[0].id);
    let page = admin.get(SCIM).await;
    says(&page, &["Okta", &services[0].hint, &format!("{path}/rotate"), &format!("{path}/delete")]);
    conceals(&page, &[&secret]);
    says(&admin.get(&format!("{path}/rotate")).await, &["Rotate the secret of Okta?", &services[0].hint]);
    let rotated = admin.post(&format!("{path}/rotate"), &[]).await;
    let new = format!("obi_{}", rotated.value_after("value=\"obi_"));
    assert_eq!((opens(&platform, &secret).await.as_u16(), opens(&platform, &new).await.as_u16()), (401, 200));
    says(&admin.get(&format!("{path}/delete")).await, &["Delete Okta?"]);
    assert_eq!(opens(&platform, &new).await, 200, "to ask changes nothing");
    let deleted = admin.post(&format!("{path}/delete"), &[]).await;
    assert_eq!(deleted.sent_on(), "/control-center/scim?done=scim-token-deleted");
    assert_eq!(opens(&platform, &new).await, 401);
    for act in ["rotate", "delete"] {
        assert_eq!(admin.post(&format!("{path}/{act}"), &[]).await.status, 404);
    }
}

async fn a_scim_token_is_none_of_the_services(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let mut made = Vec::new();
    for (name, purpose) in [("gateway", Purpose::Checks), ("entra", Purpose::Provisions)] {
        made.push(platform.directory.create_service(&operator(), name, Some(acme.id), purpose).await.unwrap().0);
    }
    let (services, tokens) = ("/control-center/services", format!("{SCIM}/tokens"));
    conceals(&admin.get(services).await, &["entra"]);
    conceals(&admin.get(SCIM).await, &["gateway"]);
    for (path, service) in [(services, &made[1]), (tokens.as_str(), &made[0])] {
        for act in ["rotate", "delete"] {
            let address = format!("{path}/{}/{act}", service.id);
            assert_eq!(admin.get(&address).await.status, 404, "{address}");
            assert_eq!(admin.post(&address, &[]).await.status, 404, "{address}");
        }
    }
    for (purpose, service) in [(Purpose::Checks, &made[0]), (Purpose::Provisions, &made[1])] {
        let listed = platform.directory.list_services(&operator(), purpose).await.unwrap();
        assert_eq!(listed.as_slice(), std::slice::from_ref(service), "nothing has changed");
    }
}

async fn the_company_says_who_has_the_last_word(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let is_authority = async || platform.directory.company(acme.id).await.unwrap().provider_is_authority;
    let path = format!("{SCIM}/authority");
    assert!(!is_authority().await);
    for expected in [true, false] {
        let fields: &[(&str, &str)] = if expected { &[("authority", "true")] } else { &[] };
        assert_eq!(admin.post(&path, fields).await.sent_on(), "/control-center/scim?done=saved");
        assert_eq!(is_authority().await, expected);
        let checked = admin.get(SCIM).await.body.contains("name=\"authority\" value=\"true\" checked");
        assert_eq!(checked, expected);
    }
    assert_eq!(platform.trail_of("company.set_authority").await.len(), 2);
}
