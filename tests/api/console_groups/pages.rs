//! Groups: made, described, filled, deleted; and by whom not.

use offboard::domain::users::{Made, NewUser};
use offboard::model::group::Rights;
use offboard::model::user::Role;
use reqwest::Method;

use super::{GROUPS, Scene, conceals, given_group, make_group, new_group, rejected, says, scene};
use crate::browser::{Browser, OWN_PAGE};
use crate::harness::{Answer, Platform, operator};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    a_group_is_made_described_and_deleted,
    members_are_added_by_address_and_removed,
    groups_and_their_members_are_paged,
    only_an_admin_sees_or_changes_groups,
    a_foreign_group_is_as_unknown_as_none,
    what_another_site_sends_changes_no_group,
    what_people_write_about_groups_is_text,
}

/// Every page and form about a group.
const ABOUT_ONE: [(&str, &str); 8] = [
    ("GET", ""),
    ("POST", ""),
    ("POST", "/rights"),
    ("POST", "/lock"),
    ("POST", "/members"),
    ("POST", "/members/00000000-0000-4000-8000-000000000000/remove"),
    ("GET", "/delete"),
    ("POST", "/delete"),
];

/// A form that would be taken, whichever it is.
const FORM: [(&str, &str); 4] =
    [("name", "Mine now"), ("role", "mendix_admin"), ("locked", "true"), ("email", "lee@acme.example")];

async fn try_one(browser: &mut Browser<'_>, method: &str, path: &str) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let fields = (method == Method::POST).then_some(&FORM[..]);
    browser.send(method, path, fields, &OWN_PAGE).await
}

async fn a_group_is_made_described_and_deleted(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { mut admin, .. } = scene(&platform).await;
    says(&admin.get(GROUPS).await, &["There is no group yet", "/control-center/groups/new"]);
    says(&admin.get("/control-center/groups/new").await, &["New group"]);
    let page = make_group(&mut admin, "Platform").await;
    let twice = admin.post(GROUPS, &[("name", "PLATFORM"), ("description", "again")]).await;
    rejected(&twice, "There is a group of this name already.");
    assert!(twice.body.contains("value=\"again\""), "what was typed stays");
    rejected(&admin.post(GROUPS, &[("name", " ")]).await, "The group&#39;s name is empty.");

    let fields = [("name", "Platform team"), ("description", "Runs the platform")];
    assert_eq!(admin.post(&page, &fields).await.sent_on(), format!("{page}?done=saved"));
    says(&admin.get(&page).await, &["<h1>Platform team", "Runs the platform", "Nobody is in the group."]);
    rejected(&admin.post(&page, &[("name", "")]).await, "The group&#39;s name is empty.");
    says(&admin.get(&format!("{GROUPS}?q=TEAM")).await, &["Platform team", "0 members"]);
    says(&admin.get(&format!("{GROUPS}?q=nowhere")).await, &["No group found for “nowhere”"]);
    says(&admin.get(&format!("{GROUPS}?q=%00&offset=x&done=x")).await, &["Platform team"]);

    let texts = ["Delete Platform team?", "Nobody is in the group.", "the group gives no role and no scope"];
    says(&admin.get(&format!("{page}/delete")).await, &texts);
    says(&admin.get(&page).await, &["Platform team"]);
    let deleted = admin.post(&format!("{page}/delete"), &[]).await;
    assert_eq!(deleted.sent_on(), "/control-center/groups?done=group-deleted");
    assert_eq!(admin.get(&page).await.status, 404);
    says(&admin.get(&format!("{GROUPS}?done=group-deleted")).await, &["The group was deleted.", "no group yet"]);
}

async fn members_are_added_by_address_and_removed(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, .. } = scene(&platform).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.member(&globex, "zoe").await;
    let page = make_group(&mut admin, "Platform").await;
    let add = format!("{page}/members");
    for (email, why) in [
        ("nobody@acme.example", "Your company has no member with this address."),
        (&zoe.email, "Your company has no member with this address."),
        ("x", "An e-mail address is written as name@example.com."),
        ("", "An e-mail address is written as name@example.com."),
    ] {
        let answer = admin.post(&add, &[("email", email)]).await;
        rejected(&answer, why);
        assert!(answer.body.contains(&format!("value=\"{email}\"")), "what was typed stays");
    }
    for _ in 0..2 {
        let added = admin.post(&add, &[("email", "LEE@acme.example")]).await;
        assert_eq!(added.sent_on(), format!("{page}?done=member-added"));
    }
    says(&admin.get(&page).await, &[&lee.email, "Members <span class=\"count\">1</span>"]);
    says(&admin.get(&format!("{page}/delete")).await, &["1 member is in the group"]);
    says(&admin.get(&format!("/control-center/members/{}", lee.id)).await, &[&format!("href=\"{page}\">Platform</a>")]);
    let remove = format!("{page}/members/{}/remove", lee.id);
    for _ in 0..2 {
        let removed = admin.post(&remove, &[("offset", "50")]).await;
        assert_eq!(removed.sent_on(), format!("{page}?done=member-removed&offset=50"));
    }
    says(&admin.get(&page).await, &["Nobody is in the group."]);
    assert_eq!(admin.post(&format!("{page}/members/x/remove"), &[]).await.status, 404);
}

async fn groups_and_their_members_are_paged(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, mut admin, .. } = scene(&platform).await;
    let new = (0..51).map(|n| NewUser::parse(&format!("m{n:02}@acme.example"), "M", Role::Member).unwrap()).collect();
    let made = platform.directory.create_users(&operator(), acme.id, new).await.unwrap();
    let members: Vec<_> = made
        .into_iter()
        .map(|made| match made {
            Made::Created(user) => user.id,
            other => panic!("{other:?}"),
        })
        .collect();
    let (_, page) = given_group(&platform, &acme, new_group("All", Rights::default(), &members)).await;
    let first = admin.get(&page).await;
    says(&first, &["m49@acme.example", "rel=\"next\""]);
    conceals(&first, &["m50@acme.example", "First page"]);
    let second = admin.get(&format!("{page}?offset=50")).await;
    says(&second, &["m50@acme.example", "First page", "name=\"offset\" value=\"50\""]);
    conceals(&second, &["m49@acme.example", "rel=\"next\""]);
    says(&admin.get(&format!("{page}?offset=100")).await, &["go back to the first page"]);

    for number in 0..50 {
        let new = new_group(&format!("group {number:02}"), Rights::default(), &[]);
        platform.directory.create_group(&operator(), acme.id, new).await.unwrap();
    }
    // `All` stands before them.
    let first = admin.get(GROUPS).await;
    says(&first, &[">group 48<", "rel=\"next\"", "51 members"]);
    conceals(&first, &[">group 49<"]);
    let second = admin.get(&format!("{GROUPS}?offset=50")).await;
    says(&second, &[">group 49<", "First page"]);
    conceals(&second, &[">group 48<"]);
    let found = admin.get(&format!("{GROUPS}?q=group+1")).await;
    says(&found, &[">group 10<", ">group 19<", "data-announce=\"10 groups\""]);
    conceals(&found, &[">group 20<", "rel=\"next\""]);
}

async fn only_an_admin_sees_or_changes_groups(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, lee, mut member, .. } = scene(&platform).await;
    let (group, page) = given_group(&platform, &acme, new_group("Platform", Rights::default(), &[lee.id])).await;
    let mut browsers = Vec::new();
    for (name, role) in [("mia", Role::MemberManager), ("cleo", Role::CompanyManager)] {
        let person = platform.person(&acme, name, role).await;
        platform.with_password(person.id).await;
        browsers.push(Browser::signed_in(&platform, &person.email).await);
    }
    for browser in browsers.iter_mut().chain([&mut member]) {
        for (method, path) in ABOUT_ONE {
            let answer = try_one(browser, method, &format!("{page}{path}")).await;
            assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
            assert!(answer.body.contains("Only a Mendix Admin may do this."), "{answer:?}");
        }
        for (method, path) in [("GET", GROUPS), ("POST", GROUPS), ("GET", "/control-center/groups/new")] {
            assert_eq!(try_one(browser, method, path).await.status, 403, "{method} {path}");
        }
    }
    assert_eq!(platform.directory.group(acme.id, group.id).await.unwrap(), group, "nothing has changed");
    assert_eq!(platform.directory.list_groups(acme.id, "", 0, None).await.unwrap().1, 1);
}

async fn a_foreign_group_is_as_unknown_as_none(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { mut admin, .. } = scene(&platform).await;
    let globex = platform.company("Globex").await;
    let zoe = platform.member(&globex, "zoe").await;
    let (group, foreign) = given_group(&platform, &globex, new_group("Secret", Rights::default(), &[zoe.id])).await;
    let none = format!("{GROUPS}/00000000-0000-4000-8000-000000000007");
    for (method, path) in ABOUT_ONE {
        let answers = [
            try_one(&mut admin, method, &format!("{foreign}{path}")).await,
            try_one(&mut admin, method, &format!("{none}{path}")).await,
        ];
        let [one, other] = answers.map(|answer| {
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
            answer.body.replace(&answer.request_id().to_string(), "ID")
        });
        assert_eq!(one, other, "{method} {path}");
        assert_eq!(try_one(&mut admin, method, &format!("{GROUPS}/x{path}")).await.status, 404, "{method} {path}");
    }
    conceals(&admin.get(&format!("{GROUPS}?q=secret")).await, &[">Secret<"]);
    assert_eq!(platform.directory.group(globex.id, group.id).await.unwrap(), group, "nothing has changed");
}

async fn what_another_site_sends_changes_no_group(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { acme, lee, mut admin, .. } = scene(&platform).await;
    let (group, page) = given_group(&platform, &acme, new_group("Platform", Rights::default(), &[lee.id])).await;
    let mut paths: Vec<String> = ABOUT_ONE.iter().map(|(_, path)| format!("{page}{path}")).collect();
    paths.push(GROUPS.to_owned());
    for form in ["authority", "guard", "confirm", "tokens"] {
        paths.push(format!("{}/{form}", super::SCIM));
    }
    paths.push("/settings/api-keys".to_owned());
    let trail = platform.trail().await.len();
    for path in paths {
        for foreign in
            [&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..], &[("origin", "null")]]
        {
            let answer = admin.send(Method::POST, &path, Some(&FORM), foreign).await;
            assert_eq!(answer.status, 403, "{path} {foreign:?}");
        }
    }
    assert_eq!(platform.directory.group(acme.id, group.id).await.unwrap(), group, "nothing has changed");
    assert_eq!(platform.trail().await.len(), trail, "nothing was done");
}

async fn what_people_write_about_groups_is_text(engine: Engine) {
    let platform = Platform::start(engine).await;
    let Scene { lee, mut admin, mut member, .. } = scene(&platform).await;
    let evil = "<script>alert(1)</script>\"'&amp;{{7*7}}";
    let page = make_group(&mut admin, evil).await;
    assert_eq!(admin.post(&page, &[("name", evil), ("description", evil)]).await.status, 303);
    assert_eq!(admin.post(&format!("{page}/members"), &[("email", &lee.email)]).await.status, 303);
    let rights = [("role", "member_manager")];
    assert_eq!(admin.post(&format!("{page}/rights"), &rights).await.status, 303);
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", evil).finish();
    let mut pages = vec![
        admin.post(&format!("{}/tokens", super::SCIM), &[("name", evil)]).await,
        member.post("/settings/api-keys", &[("name", evil), ("expires", "30")]).await,
    ];
    for path in [GROUPS, &format!("{GROUPS}?{query}"), &page, &format!("{page}/delete"), super::SCIM] {
        pages.push(admin.get(path).await);
    }
    pages.push(admin.get(&format!("/control-center/members/{}", lee.id)).await);
    pages.push(member.get("/settings/api-keys").await);
    for page in pages {
        assert!(page.status == 200 && !page.body.contains("<script>alert"), "{page:?}");
        assert!(page.body.contains("&#60;script&#62;") || page.body.contains("&lt;script"), "{page:?}");
    }
}
