//! Lists: pages by number and by cursor, order, search by POST (RFC 7644 section 3.4, RFC 9865).

use std::collections::BTreeSet;
use std::time::Duration;

use offboard::domain::users::NewUser;
use offboard::model::user::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::filters::{bare, crowd};
use super::{Provider, USER, address, ids, names, person, resources, scene, text, with, with_query};
use crate::harness::operator;
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    pages_by_number_hold_each_user_once,
    a_page_has_100_users_unless_asked_and_1000_at_most,
    pages_by_cursor_hold_each_user_once_whoever_comes_and_goes,
    a_cursor_is_good_for_its_own_list_alone,
    lists_are_sorted_by_what_is_asked,
    a_search_by_post_is_a_list_too,
    numbers_that_are_none_are_refused_or_corrected,
}

async fn pages_by_number_hold_each_user_once(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = crowd(&provider).await;
    let page =
        async |start: &str, count: &str| provider.list("/Users", &[("startIndex", start), ("count", count)]).await;
    for (start, count, expected) in [
        ("1", "2", &made[0..2]),
        ("3", "2", &made[2..4]),
        ("5", "2", &made[4..6]),
        ("6", "5", &made[5..6]),
        ("7", "2", &[][..]),
        ("999999999", "2", &[][..]),
        ("1", "0", &[][..]),
        ("0", "1", &made[0..1]),
        ("-7", "1", &made[0..1]),
        ("1", "-1", &[][..]),
    ] {
        let list = page(start, count).await;
        assert_eq!((&list["totalResults"], ids(&list).as_slice()), (&json!(6), expected), "{start} {count}");
        assert!(list["startIndex"].is_u64() && list.get("nextCursor").is_none(), "{list}");
    }
    assert_eq!(page("0", "1").await["startIndex"], 1);
    assert_eq!(page("3", "2").await["startIndex"], 3);
    let filtered = provider.list("/Users", &[("filter", "active eq true"), ("startIndex", "4"), ("count", "9")]).await;
    assert_eq!(
        (names(&filtered), &filtered["totalResults"]),
        (vec!["jos\u{e9}".to_owned(), "o'hara_1".to_owned()], &json!(5))
    );
}

async fn a_page_has_100_users_unless_asked_and_1000_at_most(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let new = (0..1001).map(|number| NewUser::parse(&address(&format!("user{number}")), "user", Role::Member).unwrap());
    platform.directory.create_users(&operator(), acme.id, new.collect()).await.unwrap();
    for (count, shown) in [(None, 100), (Some("100"), 100), (Some("1000"), 1000), (Some("5000"), 1000)] {
        let query: Vec<(&str, &str)> = count.map(|count| ("count", count)).into_iter().collect();
        let list = provider.list("/Users", &query).await;
        assert_eq!((resources(&list).len(), &list["totalResults"]), (shown, &json!(1001)), "{count:?}");
    }
    let mut seen = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let query = [("cursor", cursor.as_str()), ("count", "400"), ("attributes", "userName")];
        let list = provider.list("/Users", &query).await;
        seen.extend(ids(&list));
        match list["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.len(), 1001);
}

async fn pages_by_cursor_hold_each_user_once_whoever_comes_and_goes(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = crowd(&provider).await;
    let page = async |cursor: &str| provider.list("/Users", &[("cursor", cursor), ("count", "2")]).await;
    let first = page("").await;
    assert_eq!(ids(&first), made[0..2]);
    assert!(first.get("startIndex").is_none() && first.get("previousCursor").is_none(), "{first}");
    let cursor = text(&first["nextCursor"]).to_owned();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    assert!(!cursor.is_empty() && cursor.chars().all(allowed), "{cursor}");
    assert_eq!(page("").await, first, "asked again, told again");
    // Somebody of the first page goes, somebody new comes: the next page is what it would have been.
    provider.delete(&format!("/Users/{}", made[0])).await.scim_nothing();
    let new = provider.user("zoe").await;
    let second = page(&cursor).await;
    assert_eq!(ids(&second), made[2..4]);
    assert_eq!(ids(&page(&cursor).await), made[2..4]);
    let third = page(text(&second["nextCursor"])).await;
    assert_eq!(ids(&third), made[4..6]);
    let fourth = page(text(&third["nextCursor"])).await;
    assert_eq!(ids(&fourth), [new]);
    assert!(fourth.get("nextCursor").is_none(), "{fourth}");
    let whole = provider.list("/Users", &[("cursor", ""), ("count", "100")]).await;
    assert_eq!((resources(&whole).len(), whole.get("nextCursor")), (6, None));
    let by_number = provider.list("/Users", &[]).await;
    assert!(by_number["startIndex"] == 1 && by_number.get("nextCursor").is_none(), "numbers unless asked: {by_number}");
    let groups = provider.list("/Groups", &[("cursor", "")]).await;
    assert!(resources(&groups).is_empty() && groups.get("nextCursor").is_none(), "{groups}");
}

async fn a_cursor_is_good_for_its_own_list_alone(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let globex = platform.company("Globex").await;
    let foreign = Provider::connected(&platform, &globex).await;
    for name in ["eve", "zoe", "max"] {
        foreign.make(&person(&format!("{name}@globex.example"))).await;
    }
    crowd(&provider).await;
    let filter = ("filter", "active eq true");
    let own = provider.list("/Users", &[("cursor", ""), ("count", "2"), filter]).await;
    let own = text(&own["nextCursor"]);
    let other = foreign.list("/Users", &[("cursor", ""), ("count", "2"), filter]).await;
    let other = text(&other["nextCursor"]);
    let mut changed = own.to_owned();
    let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
    changed.insert(0, last);
    for (path, cursor, filter) in [
        ("/Users", "nonsense", "active eq true"),
        ("/Users", "1", "active eq true"),
        ("/Users", changed.as_str(), "active eq true"),
        ("/Users", other, "active eq true"),
        ("/Users", own, "active eq false"),
        ("/Users", own, "userName pr"),
        ("/Groups", own, "displayName pr"),
    ] {
        let query = with_query(path, &[("cursor", cursor), ("count", "2"), ("filter", filter)]);
        provider.get(&query).await.scim_fault(400, "invalidCursor");
    }
    let unfiltered = with_query("/Users", &[("cursor", own), ("count", "2")]);
    provider.get(&unfiltered).await.scim_fault(400, "invalidCursor");
    let next = provider.list("/Users", &[("cursor", own), ("count", "2"), filter]).await;
    assert_eq!(names(&next), ["cyd@acme.example", "jos\u{e9}"]);
}

async fn lists_are_sorted_by_what_is_asked(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    for (user_name, family, title) in
        [("mia", "Babbage", "B"), ("Ada", "lovelace", "A"), ("zed", "Curie", "A"), ("bob", "ada", "A")]
    {
        let more = json!({"name": {"familyName": family}, "title": title});
        provider.make(&bare(user_name, more)).await;
        platform.clock.advance(Duration::from_secs(1));
    }
    provider.make(&bare("none", json!({}))).await;
    for (sort_by, order, expected) in [
        ("userName", "ascending", ["Ada", "bob", "mia", "none", "zed"]),
        ("USERNAME", "descending", ["zed", "none", "mia", "bob", "Ada"]),
        ("userName", "", ["Ada", "bob", "mia", "none", "zed"]),
        ("name.familyName", "ascending", ["bob", "mia", "zed", "Ada", "none"]),
        ("name.familyName", "descending", ["none", "Ada", "zed", "mia", "bob"]),
        ("meta.created", "descending", ["none", "bob", "zed", "Ada", "mia"]),
    ] {
        let query = [("sortBy", sort_by), ("sortOrder", order)];
        let list = provider.list("/Users", if order.is_empty() { &query[..1] } else { &query }).await;
        assert_eq!(names(&list), expected, "{sort_by} {order}");
    }
    let page = |start: &'static str| [("sortBy", "userName"), ("startIndex", start), ("count", "2")];
    let mut seen = Vec::new();
    for start in ["1", "3", "5"] {
        seen.extend(names(&provider.list("/Users", &page(start)).await));
    }
    assert_eq!(seen, ["Ada", "bob", "mia", "none", "zed"], "pages of a sorted list");
    let found = provider.list("/Users", &[("filter", "title eq \"A\""), ("sortBy", "userName")]).await;
    assert_eq!(names(&found), ["Ada", "bob", "zed"]);
}

async fn a_search_by_post_is_a_list_too(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    let made = crowd(&provider).await;
    let group = provider.group("Engineers", &[&made[0]]).await;
    let search = |more: Value| with(json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}), more);
    let asked = json!({"filter": "active eq true", "attributes": ["userName"], "startIndex": 2, "count": 2});
    let answer = provider.post("/Users/.search", &search(asked)).await;
    let list = answer.scim(200);
    let expected = |place: usize, name: &str| json!({"schemas": [USER], "id": made[place], "userName": name});
    assert_eq!(list["Resources"][0], expected(1, "bob"));
    assert_eq!((names(&list).len(), &list["totalResults"], &list["startIndex"]), (2, &json!(5), &json!(2)));
    let by_get = [("filter", "active eq true"), ("attributes", "userName"), ("startIndex", "2"), ("count", "2")];
    assert_eq!(list["Resources"], provider.list("/Users", &by_get).await["Resources"]);

    let less = search(json!({"excludedAttributes": ["members"], "filter": format!("members eq \"{}\"", made[0])}));
    let list = provider.post("/Groups/.search", &less).await.scim(200);
    assert_eq!((ids(&list), resources(&list)[0].get("members")), (vec![group.clone()], None));

    let all = provider.post("/.search", &search(json!({"attributes": ["userName", "displayName"]}))).await.scim(200);
    let found: BTreeSet<String> = ids(&all).into_iter().collect();
    assert_eq!(found, made.iter().chain([&group]).cloned().collect::<BTreeSet<_>>(), "users and groups");
    assert_eq!(all["totalResults"], 7);
    let first = provider.post("/.search", &search(json!({"count": 0}))).await.scim(200);
    assert_eq!((&first["totalResults"], resources(&first).len()), (&json!(7), 0));
    let by_cursor = provider.post("/Users/.search", &search(json!({"cursor": "", "count": 4}))).await.scim(200);
    let next = search(json!({"cursor": by_cursor["nextCursor"], "count": 4}));
    assert_eq!(ids(&provider.post("/Users/.search", &next).await.scim(200)), made[4..6]);
    let bad = provider.post("/Users/.search", &search(json!({"filter": "nonsense"}))).await;
    bad.scim_fault(400, "invalidFilter");
    let broken = provider.call(Method::POST, "/Users/.search").body("{").send().await;
    broken.scim_fault(400, "invalidSyntax");
}

async fn numbers_that_are_none_are_refused_or_corrected(engine: Engine) {
    let (platform, acme) = scene(engine).await;
    let provider = Provider::connected(&platform, &acme).await;
    provider.user("lee").await;
    for query in [("count", "many"), ("startIndex", "first"), ("count", "1.5")] {
        assert_eq!(provider.get(&with_query("/Users", &[query])).await.status, 400, "{query:?}");
    }
    for query in [("count", "99999999999999999999"), ("startIndex", "99999999999999999999")] {
        let answer = provider.get(&with_query("/Users", &[query])).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "no fault of ours: {answer:?}");
    }
    let most = provider.list("/Users", &[("startIndex", "2147483648"), ("count", "2147483648")]).await;
    assert_eq!((resources(&most).len(), &most["totalResults"]), (0, &json!(1)));
}
