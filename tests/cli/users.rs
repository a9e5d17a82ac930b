//! `offboard user create|show|list|set-role|set-password`

use std::process::Command;

use serde_json::json;

use crate::harness::{ADA, Host, LEE, Run, USER, array, assert_members, assert_uuid, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_user_is_made_and_shown_as_made,
    every_user_is_listed,
    a_user_is_found_by_every_spelling_of_the_address,
    nobody_gets_an_address_that_somebody_has_in_another_spelling,
    a_domain_of_another_company_is_refused,
    who_or_what_is_unknown_is_refused_with_a_hint,
    what_is_no_address_or_name_is_refused,
    a_role_is_given_and_taken,
    a_password_is_read_from_standard_input,
    a_password_that_does_not_do_is_refused,
}

async fn a_user_is_made_and_shown_as_made(engine: Engine) {
    let host = Host::fresh(engine).await;
    let company = host.json(&["company", "create", "Acme"]);
    let made = host.json(&["user", "create", ADA, "--company", "ACME", "--name", "Ada Admin", "--admin"]);
    assert_members(&made, &USER);
    assert_uuid(&string(&made, "uuid"));
    assert_eq!(made["companyUuid"], company["uuid"]);
    assert_eq!((&made["emailAddress"], &made["name"]), (&json!(ADA), &json!("Ada Admin")));
    assert_eq!((&made["admin"], &made["status"]), (&json!(true), &json!("active")));
    assert_eq!(host.user(ADA), made);
    assert_eq!(host.user(&string(&made, "uuid")), made);

    let member = host.json(&["user", "create", LEE, "--company", &string(&company, "uuid"), "--name", "Lee"]);
    assert_eq!(member["admin"], json!(false));
    let told = host.text(&["user", "show", LEE]);
    assert!(told.contains(LEE) && told.contains(&string(&member, "uuid")) && told.contains("active"), "{told}");
}

async fn every_user_is_listed(engine: Engine) {
    let host = Host::fresh(engine).await;
    assert_eq!(host.json(&["user", "list"]), json!({"users": []}));
    let host = Host::with_people(engine).await;
    let document = host.json(&["user", "list"]);
    assert_members(&document, &["users"]);
    let users = array(&document, "users");
    assert_eq!(users.len(), 2);
    for email in [ADA, LEE] {
        assert!(users.contains(&host.user(email)), "{email}: {users:?}");
    }
    let told = host.text(&["user", "list"]);
    assert!(told.lines().count() == 2 && told.contains(ADA) && told.contains(LEE), "{told}");
}

/// One address in other writings: case, composed and decomposed letters, international and ASCII domain.
const SPELLINGS: [&str; 5] = [
    "jos\u{e9}@b\u{fc}cher.example",
    "JOS\u{c9}@B\u{dc}CHER.EXAMPLE",
    "jose\u{301}@bu\u{308}cher.example",
    "jos\u{e9}@xn--bcher-kva.example",
    " Jose\u{301}@XN--BCHER-KVA.example ",
];

async fn a_user_is_found_by_every_spelling_of_the_address(engine: Engine) {
    let host = Host::with_people(engine).await;
    let made = host.json(&["user", "create", SPELLINGS[0], "--company", "Acme", "--name", "Jos\u{e9}"]);
    for spelling in SPELLINGS {
        assert_eq!(host.user(spelling), made, "{spelling}");
    }
}

async fn nobody_gets_an_address_that_somebody_has_in_another_spelling(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["user", "create", SPELLINGS[0], "--company", "Acme", "--name", "Jos\u{e9}"]);
    for spelling in SPELLINGS {
        let refusal = host.refusal(&["user", "create", spelling, "--company", "Acme", "--name", "Twin"]);
        assert!(refusal.contains("exists already"), "{spelling}: {refusal}");
    }
}

async fn a_domain_of_another_company_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&["company", "create", "Other", "--domain", "b\u{fc}cher.example"]);
    for email in ["eve@acme.example", "eve@ACME.Example"] {
        let refusal = host.refusal(&["user", "create", email, "--company", "Other", "--name", "Eve"]);
        assert!(refusal.contains("belongs to another company"), "{email}: {refusal}");
    }
    let refusal = host.refusal(&["user", "create", SPELLINGS[3], "--company", "Acme", "--name", "Eve"]);
    assert!(refusal.contains("belongs to another company"), "{refusal}");
    // A domain that nobody owns is everybody's.
    host.json(&["user", "create", "eve@free.example", "--company", "Other", "--name", "Eve"]);
}

async fn who_or_what_is_unknown_is_refused_with_a_hint(engine: Engine) {
    const NOBODY: &str = "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11";
    let host = Host::with_people(engine).await;
    for arguments in [
        &["user", "show", "nobody@acme.example"][..],
        &["user", "show", NOBODY],
        &["user", "show", "nonsense"],
        &["user", "create", "x@acme.example", "--company", "Nowhere", "--name", "X"],
        &["user", "create", "x@acme.example", "--company", NOBODY, "--name", "X"],
        &["user", "set-password", "nobody@acme.example", "--stdin"],
    ] {
        let error = Run::of(host.command(arguments).args(["--format", "json"])).refused();
        assert!(string(&error, "message").starts_with("there is no "), "{arguments:?}: {error}");
        assert!(error["hint"].is_string(), "{arguments:?}: {error}");

        let told = host.run(arguments);
        assert_eq!((told.status, told.out.as_str()), (1, ""), "{arguments:?}: {told:?}");
        assert!(told.err.starts_with("error: ") && told.err.contains("\nhint: "), "{arguments:?}: {told:?}");
    }
}

async fn what_is_no_address_or_name_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    let long = format!("{}@{}.example", "a".repeat(64), "b".repeat(200));
    for email in ["", "ada", "ada@", "@acme.example", "a b@acme.example", "a@b@acme.example", &long] {
        host.refusal(&["user", "create", email, "--company", "Acme", "--name", "X"]);
    }
    for name in ["", " ", "A\nB", &"x".repeat(201)] {
        host.refusal(&["user", "create", "x@acme.example", "--company", "Acme", "--name", name]);
    }
    assert_eq!(array(&host.json(&["user", "list"]), "users").len(), 2);
}

async fn a_role_is_given_and_taken(engine: Engine) {
    let host = Host::with_people(engine).await;
    let set = |email: &str, role: &str| host.json(&["user", "set-role", email, "--role", role]);
    for (role, label) in
        [("member_manager", "Member Manager"), ("company_manager", "Company Manager"), ("mendix_admin", "Mendix Admin")]
    {
        let changed = set(LEE, role);
        assert_members(&changed, &USER);
        assert_eq!(changed["admin"], role == "mendix_admin");
        assert_eq!(host.user(LEE), changed);
        let told = host.text(&["user", "show", LEE]);
        assert!(told.contains(label), "{role}: {told}");
    }
    assert_eq!(set(ADA, "member")["admin"], false, "there is another admin");
    assert!(host.refusal(&["user", "set-role", LEE, "--role", "member"]).contains("without an active Mendix Admin"));
    assert_eq!(host.user(LEE)["admin"], true);
    for wrong in [&["user", "set-role", LEE][..], &["user", "set-role", LEE, "--role", "king"]] {
        assert_eq!(host.run(wrong).status, 2, "{wrong:?}");
    }
    host.json(&["user", "deactivate", ADA]);
    assert!(host.refusal(&["user", "set-role", ADA, "--role", "mendix_admin"]).contains("deactivated"));
}

fn set_password(host: &Host, email: &str) -> Command {
    host.command(&["user", "set-password", email, "--stdin", "--format", "json"])
}

async fn a_password_is_read_from_standard_input(engine: Engine) {
    let host = Host::with_people(engine).await;
    let set = Run::fed(&mut set_password(&host, LEE), b"correct horse battery\n");
    assert_eq!(set.json(), json!({"uuid": host.uuid(LEE)}));
    let trail = host.text(&["audit", "export"]);
    assert!(trail.contains("user.set_password") && !trail.contains("horse"), "{trail}");
}

async fn a_password_that_does_not_do_is_refused(engine: Engine) {
    let host = Host::with_people(engine).await;
    for password in ["", "\n", "seven77\n", &"x".repeat(1025), &"x".repeat(1 << 20)] {
        let error = Run::fed(&mut set_password(&host, LEE), password.as_bytes()).refused();
        assert!(string(&error, "message").contains("password"), "{error}");
    }
    Run::fed(&mut set_password(&host, LEE), b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe").refused();
    host.json(&["user", "deactivate", LEE]);
    Run::fed(&mut set_password(&host, LEE), b"correct horse battery").refused();
    let trail = host.trail();
    let attempts = trail.iter().filter(|entry| entry["action"] == "user.set_password");
    let refusals: Vec<&serde_json::Value> = attempts.map(|entry| &entry["refusal"]).collect();
    assert_eq!(refusals, ["wrong_status"], "the one that only the rules refused");
}
