//! `offboard group …`

use serde_json::{Value, json};

use crate::harness::{ADA, DEACTIVATE, Host, LEE, READ_LOG, Run, array, assert_members, assert_uuid, string};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_group_is_made_and_shown_as_made,
    a_groups_name_belongs_to_one_group_of_its_company,
    groups_are_listed_by_name_and_searched,
    members_come_and_go,
    a_member_of_another_company_is_refused_and_nothing_changes,
    what_is_named_is_changed_and_nothing_else,
    a_deleted_group_is_gone_and_its_members_stay,
    a_group_makes_its_members_admins_for_as_long_as_they_are_members,
    the_last_admin_is_not_lost_by_a_group_either,
    who_or_what_is_unknown_is_refused_with_a_hint,
    every_member_of_a_large_group_is_listed,
    what_was_done_to_a_group_stands_in_the_trail,
}

const GROUP: [&str; 9] =
    ["uuid", "name", "description", "locked", "externalId", "role", "scopes", "memberCount", "companyUuid"];

/// A command on this group of Acme's.
fn on<'a>(command: &'a str, group: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["group", command, group][..], more, &["--company", "Acme"]].concat()
}

async fn with_platform(engine: Engine) -> Host {
    let host = Host::with_people(engine).await;
    host.json(&on("create", "Platform", &[]));
    host
}

fn members(host: &Host, group: &str) -> Vec<String> {
    let document = host.json(&on("members", group, &[]));
    assert_members(&document, &["members"]);
    array(&document, "members").iter().map(|member| string(member, "emailAddress")).collect()
}

async fn a_group_is_made_and_shown_as_made(engine: Engine) {
    let host = Host::with_people(engine).await;
    let made =
        host.json(&on("create", "Platform", &["--description", "Runs the platform", "--scope", READ_LOG, "--locked"]));
    assert_members(&made, &GROUP);
    let uuid = string(&made, "uuid");
    assert_uuid(&uuid);
    let company = &host.user(LEE)["companyUuid"];
    assert_eq!(
        made,
        json!({
            "uuid": uuid, "name": "Platform", "description": "Runs the platform", "locked": true, "externalId": null,
            "role": null, "scopes": [READ_LOG], "memberCount": 0, "companyUuid": company,
        })
    );
    for reference in [uuid.as_str(), "Platform", "PLATFORM"] {
        assert_eq!(host.json(&on("show", reference, &[])), made, "{reference}");
    }
    let told = host.text(&on("show", "Platform", &[]));
    assert!(told.contains("Runs the platform") && told.contains(READ_LOG), "{told}");

    let plain = host.json(&on("create", "Plain", &[]));
    assert_eq!((&plain["description"], &plain["locked"], &plain["scopes"]), (&json!(""), &json!(false), &json!([])));
    assert!(host.text(&on("show", "Plain", &[])).contains("nothing"), "what it gives");
}

async fn a_groups_name_belongs_to_one_group_of_its_company(engine: Engine) {
    let host = with_platform(engine).await;
    for name in ["Platform", "PLATFORM", " platform "] {
        assert!(host.refusal(&on("create", name, &[])).contains("exists already"), "{name}");
    }
    host.json(&on("create", "Data", &[]));
    assert!(host.refusal(&on("change", "Data", &["--name", "platform"])).contains("exists already"));
    host.json(&["company", "create", "Other"]);
    host.json(&["group", "create", "Platform", "--company", "Other"]);
    for name in ["", " ", "A\nB", &"x".repeat(201)] {
        host.refusal(&on("create", name, &[]));
    }
}

async fn groups_are_listed_by_name_and_searched(engine: Engine) {
    let host = Host::with_people(engine).await;
    assert_eq!(host.json(&["group", "list", "--company", "Acme"]), json!({"groups": []}));
    for name in ["Platform", "data science", "Data platform"] {
        host.json(&on("create", name, &[]));
    }
    let names = |search: &[&str]| {
        let document = host.json(&[&["group", "list", "--company", "Acme"][..], search].concat());
        array(&document, "groups").iter().map(|group| string(group, "name")).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["Data platform", "data science", "Platform"]);
    assert_eq!(names(&["--search", "PLAT"]), ["Data platform", "Platform"]);
    assert!(names(&["--search", "%"]).is_empty());
    let told = host.text(&["group", "list", "--company", "Acme"]);
    assert_eq!(told.lines().count(), 3, "{told}");
}

async fn members_come_and_go(engine: Engine) {
    let host = with_platform(engine).await;
    assert!(members(&host, "Platform").is_empty());
    let changed = host.json(&on("add-member", "Platform", &[LEE, ADA]));
    assert_members(&changed, &GROUP);
    assert_eq!(changed["memberCount"], 2);
    assert_eq!(members(&host, "Platform"), [ADA, LEE]);
    // Again is fine, by whatever name.
    assert_eq!(host.json(&on("add-member", "Platform", &[&host.uuid(LEE)])), changed);
    assert_eq!(host.json(&on("members", "Platform", &[]))["members"][1], host.user(LEE));

    let told = host.text(&["user", "show", LEE]);
    assert!(told.contains("Platform"), "{told}");
    assert_eq!(host.user(LEE).get("groups"), None, "the object that scripts know has no more members");

    assert_eq!(host.json(&on("remove-member", "Platform", &[LEE]))["memberCount"], 1);
    assert_eq!(members(&host, "Platform"), [ADA]);
    let again = host.text(&on("remove-member", "Platform", &[LEE]));
    assert!(again.contains('1'), "{again}");
    assert!(!host.text(&["user", "show", LEE]).contains("Platform"));
}

async fn a_member_of_another_company_is_refused_and_nothing_changes(engine: Engine) {
    let host = with_platform(engine).await;
    host.json(&["company", "create", "Other"]);
    host.json(&["user", "create", "eve@other.example", "--company", "Other", "--name", "Eve"]);
    for stranger in ["eve@other.example", "nobody@acme.example"] {
        host.refusal(&on("add-member", "Platform", &[LEE, stranger]));
    }
    assert!(members(&host, "Platform").is_empty(), "all or none");
    // The other company has no such group.
    for command in ["show", "members", "delete"] {
        host.refusal(&["group", command, "Platform", "--company", "Other"]);
    }
}

async fn what_is_named_is_changed_and_nothing_else(engine: Engine) {
    let host = with_platform(engine).await;
    let mut expected = host.json(&on("show", "Platform", &[]));
    let mut changes = |group: &str, arguments: &[&str], changed: &[(&str, Value)]| {
        for (member, value) in changed {
            expected[*member] = value.clone();
        }
        assert_eq!(host.json(&on("change", group, arguments)), expected, "{arguments:?}");
    };
    changes("Platform", &["--name", "Team", "--lock"], &[("name", json!("Team")), ("locked", json!(true))]);
    changes("Team", &["--description", "For all"], &[("description", json!("For all"))]);
    changes("Team", &["--role", "mendix_admin"], &[("role", json!("mendix_admin"))]);
    let scopes = ["--scope", READ_LOG, "--scope", DEACTIVATE, "--unlock"];
    changes("Team", &scopes, &[("scopes", json!([DEACTIVATE, READ_LOG])), ("locked", json!(false))]);
    changes("Team", &["--no-role"], &[("role", Value::Null)]);
    changes("Team", &["--scope", READ_LOG], &[("scopes", json!([READ_LOG]))]);
    changes("Team", &["--no-scopes"], &[("scopes", json!([]))]);
    changes("Team", &["--no-scopes", "--no-role"], &[]);
    changes("Team", &["--name", "TEAM"], &[("name", json!("TEAM"))]);

    assert!(host.refusal(&on("change", "Team", &["--scope", "mx:everything"])).contains(READ_LOG));
    for wrong in [
        &["--lock", "--unlock"][..],
        &[],
        &["--role", "member"],
        &["--role", "king"],
        &["--role", "mendix_admin", "--no-role"],
        &["--scope", READ_LOG, "--no-scopes"],
    ] {
        assert_eq!(host.run(&on("change", "Team", wrong)).status, 2, "{wrong:?}");
    }
}

async fn a_deleted_group_is_gone_and_its_members_stay(engine: Engine) {
    let host = with_platform(engine).await;
    let lee = host.user(LEE);
    let group = host.json(&on("add-member", "Platform", &[LEE]));
    assert_eq!(host.json(&on("delete", "Platform", &[])), json!({"uuid": group["uuid"]}));
    host.refusal(&on("show", "Platform", &[]));
    host.refusal(&on("delete", &string(&group, "uuid"), &[]));
    assert_eq!(host.user(LEE), lee);
    // The name is free again; the identifier is not used again.
    let new = host.json(&on("create", "Platform", &[]));
    assert_ne!(new["uuid"], group["uuid"]);
    assert_eq!(new["memberCount"], 0);
}

async fn a_group_makes_its_members_admins_for_as_long_as_they_are_members(engine: Engine) {
    let host = Host::with_people(engine).await;
    let token = host.token(LEE, DEACTIVATE);
    let server = host.serve(&[]);
    let is_admin = || (host.user(LEE)["admin"].clone(), server.me(&token).json()["admin"].clone());
    let (yes, no) = ((json!(true), json!(true)), (json!(false), json!(false)));
    assert_eq!(is_admin(), no);
    host.json(&on("create", "Admins", &["--locked", "--role", "mendix_admin"]));
    host.json(&on("add-member", "Admins", &[LEE]));
    assert_eq!(is_admin(), yes);
    host.json(&on("change", "Admins", &["--no-role"]));
    assert_eq!(is_admin(), no);
    host.json(&on("change", "Admins", &["--role", "mendix_admin"]));
    assert_eq!(is_admin(), yes);
    host.json(&on("remove-member", "Admins", &[LEE]));
    assert_eq!(is_admin(), no);
    host.json(&on("add-member", "Admins", &[LEE]));
    host.json(&on("delete", "Admins", &[]));
    assert_eq!(is_admin(), no);
}

async fn the_last_admin_is_not_lost_by_a_group_either(engine: Engine) {
    let host = Host::with_people(engine).await;
    host.json(&on("create", "Admins", &["--role", "mendix_admin"]));
    host.json(&on("add-member", "Admins", &[LEE]));
    host.json(&["user", "set-role", ADA, "--role", "member"]);
    let before = host.json(&on("show", "Admins", &[]));
    for arguments in
        [on("remove-member", "Admins", &[LEE]), on("change", "Admins", &["--no-role"]), on("delete", "Admins", &[])]
    {
        let error = Run::of(host.command(&arguments).args(["--format", "json"])).refused();
        assert!(string(&error, "message").contains("without an active Mendix Admin"), "{arguments:?}: {error}");
        assert!(error["hint"].is_string(), "{arguments:?}: {error}");
    }
    assert_eq!(host.json(&on("show", "Admins", &[])), before);
    assert_eq!(host.user(LEE)["admin"], true);
}

async fn who_or_what_is_unknown_is_refused_with_a_hint(engine: Engine) {
    let host = with_platform(engine).await;
    for (arguments, hint) in [
        (on("show", "Nothing", &[]), "group list"),
        (on("members", "0d9b6a8e-2f64-4c86-9c3b-2f1f0a4f7b11", &[]), "group list"),
        (on("add-member", "Platform", &["nobody@acme.example"]), "user list"),
        (vec!["group", "list", "--company", "Nowhere"], "company list"),
    ] {
        let error = Run::of(host.command(&arguments).args(["--format", "json"])).refused();
        assert!(string(&error, "message").starts_with("there is no "), "{arguments:?}: {error}");
        assert!(string(&error, "hint").contains(hint), "{arguments:?}: {error}");
    }
}

async fn every_member_of_a_large_group_is_listed(engine: Engine) {
    const MANY: usize = 1001;
    let host = with_platform(engine).await;
    let emails: Vec<String> = (0..MANY).map(|number| format!("m{number:04}@acme.example")).collect();
    let rows: String = emails.iter().map(|email| format!("{email},Member,false\n")).collect();
    host.write("many.csv", format!("email,name,admin\n{rows}"));
    host.json(&["user", "import", "many.csv", "--company", "Acme"]);
    let all: Vec<&str> = emails.iter().map(String::as_str).collect();
    assert_eq!(host.json(&on("add-member", "Platform", &all))["memberCount"], MANY);
    assert_eq!(members(&host, "Platform"), emails, "by address, each once");
}

async fn what_was_done_to_a_group_stands_in_the_trail(engine: Engine) {
    let host = with_platform(engine).await;
    host.json(&on("add-member", "Platform", &[LEE]));
    host.json(&on("add-member", "Platform", &[LEE]));
    host.json(&on("change", "Platform", &["--name", "Team"]));
    let group = string(&host.json(&on("delete", "Team", &[])), "uuid");
    let trail = host.trail();
    let about = trail.iter().filter(|entry| entry["subject"] == json!({"kind": "group", "uuid": group}));
    let actions: Vec<String> = about.map(|entry| string(entry, "action")).collect();
    assert_eq!(
        actions,
        ["group.create", "group.change", "group.change", "group.delete"],
        "what changed nothing is not"
    );
}
