//! The pages about groups, what they give, the identity provider and its guard, API keys, and who still needs them.

mod guard;
mod keys;
mod pages;
mod provider;
mod rights;
mod trail;

use offboard::domain::groups::NewGroup;
use offboard::model::company::Company;
use offboard::model::group::{Group, Rights};
use offboard::model::id::UserId;

use crate::browser::Browser;
use crate::harness::{Answer, Person, Platform, operator};

const GROUPS: &str = "/control-center/groups";
const SCIM: &str = "/control-center/scim";

struct Scene<'p> {
    acme: Company,
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
    Scene { acme, ada, lee, admin, member }
}

/// Makes a group by its form, and gives the address of its page.
async fn make_group(admin: &mut Browser<'_>, name: &str) -> String {
    let answer = admin.post(GROUPS, &[("name", name)]).await;
    answer.sent_on().strip_suffix("?done=group-made").unwrap().to_owned()
}

/// One that nobody made by a form.
async fn given_group(platform: &Platform, company: &Company, new: NewGroup) -> (Group, String) {
    let group = platform.directory.create_group(&operator(), company.id, new).await.unwrap();
    let page = format!("{GROUPS}/{}", group.id);
    (group, page)
}

fn new_group(name: &str, rights: Rights, members: &[UserId]) -> NewGroup {
    NewGroup { name: name.to_owned(), rights, members: members.to_vec(), ..NewGroup::default() }
}

/// Asserts that a form was not taken, and that the page beside it says why.
fn rejected(answer: &Answer, why: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("id=\"form-error\"") && answer.body.contains(why), "{why} in {}", answer.body);
}

/// Asserts that a page says all of this.
fn says(page: &Answer, texts: &[&str]) {
    assert_eq!(page.status, 200, "{page:?}");
    for text in texts {
        assert!(page.body.contains(text), "{text} in {}", page.body);
    }
}

/// Asserts that a page says nothing of this.
fn conceals(page: &Answer, texts: &[&str]) {
    assert_eq!(page.status, 200, "{page:?}");
    for text in texts {
        assert!(!page.body.contains(text), "no {text} in {}", page.body);
    }
}
