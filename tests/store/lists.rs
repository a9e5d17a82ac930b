//! Members in lists: by status, in every order, searched, in pages; the same on both engines.

use offboard::model::actor::Door;
use offboard::model::clock::Timestamp;
use offboard::model::company::Company;
use offboard::model::email::Email;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId, UserId};
use offboard::model::text;
use offboard::model::user::{Role, Status, User};
use offboard::store::members::{self, Order, Selection};
use offboard::store::{Store, companies, transitions, users};

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

on_both_engines! {
    every_order_is_that_of_its_key_and_its_reverse,
    pages_neither_skip_nor_repeat_while_users_change,
    who_is_renamed_between_pages_displaces_nobody,
    a_search_finds_the_beginnings_of_words,
    a_search_that_many_fit_gives_everybody_once,
    users_of_an_older_version_are_found_after_the_next_start,
    members_are_counted_up_to_a_limit,
}

const NOW: i64 = 1_795_435_200_000_000;

struct Scene {
    database: Database,
    store: Store,
    company: CompanyId,
}

async fn scene(engine: Engine) -> Scene {
    let database = Database::fresh(engine).await;
    let store = database.open().await;
    let company = CompanyId(id::random(&SystemEntropy));
    let name = "Acme".to_owned();
    let new = Company::new(company, name, Vec::new(), Timestamp(NOW));
    store.write(async move |tx| companies::insert(tx, &new).await).await.unwrap();
    Scene { database, store, company }
}

impl Scene {
    async fn add(&self, name: &str, email: &str, since: i64) -> UserId {
        let user = User {
            id: UserId(id::random(&SystemEntropy)),
            company: self.company,
            email: Email::parse(email).unwrap(),
            name: name.to_owned(),
            role: Role::Member,
            status: Status::Active,
            status_since: Timestamp(NOW + since),
            created_at: Timestamp(NOW),
        };
        let id = user.id;
        self.store.write(async move |tx| users::insert(tx, &user).await).await.unwrap();
        id
    }

    fn all(&self) -> Selection {
        self.found("")
    }

    fn found(&self, search: &str) -> Selection {
        let terms = text::words([search], members::TERMS);
        Selection { company: self.company, status: Status::Active, terms, order: Order::Name, descending: false }
    }

    /// The names of a selection, read by pages of this length.
    async fn names(&self, selection: &Selection, limit: i64) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let (selection, place) = (selection.clone(), after.clone());
            let page = self.store.read(async move |tx| members::list(tx, &selection, place.as_ref(), limit).await);
            let page = page.await.unwrap();
            names.extend(page.users.into_iter().map(|user| user.name));
            match page.next {
                Some(next) => after = Some(next),
                None => return names,
            }
        }
    }
}

async fn every_order_is_that_of_its_key_and_its_reverse(engine: Engine) {
    let scene = scene(engine).await;
    for (name, email, since) in
        [("bob", "x@a.example", 3), ("Ada", "Z@a.example", 1), ("Çem", "y@a.example", 2), ("ada", "w@a.example", 4)]
    {
        scene.add(name, email, since).await;
    }
    for (order, expected) in
        [(Order::Email, ["ada", "bob", "Çem", "Ada"]), (Order::Since, ["Ada", "Çem", "bob", "ada"])]
    {
        for limit in [1, 3, 10] {
            let selection = Selection { order, ..scene.all() };
            assert_eq!(scene.names(&selection, limit).await, expected, "{order:?}");
            let mut reversed = scene.names(&Selection { descending: true, ..selection }, limit).await;
            reversed.reverse();
            assert_eq!(reversed, expected, "{order:?} backwards");
        }
    }
    let names = scene.names(&scene.all(), 1).await;
    let keys: Vec<String> = names.iter().map(|name| text::search_key(name)).collect();
    assert_eq!(keys, ["ada", "ada", "bob", "cem"], "without case and accents");
    let mut reversed = scene.names(&Selection { descending: true, ..scene.all() }, 1).await;
    reversed.reverse();
    assert_eq!(reversed, names, "who have the same name too");
}

async fn pages_neither_skip_nor_repeat_while_users_change(engine: Engine) {
    let scene = scene(engine).await;
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(scene.add(&format!("user {number:02}"), &format!("u{number}@a.example"), 0).await);
    }
    let (mut names, mut after) = (Vec::new(), None);
    for round in 0_usize.. {
        let (selection, place) = (scene.all(), after.clone());
        let page =
            scene.store.read(async move |tx| members::list(tx, &selection, place.as_ref(), 7).await).await.unwrap();
        names.extend(page.users.into_iter().map(|user| user.name));
        // Somebody on the page that was read leaves, and somebody new sorts before everybody.
        let gone = ids[round * 7];
        scene
            .store
            .write(async move |tx| transitions::deactivate(tx, gone, Timestamp(NOW), Timestamp(NOW), Door::Api).await)
            .await
            .unwrap();
        scene.add("aaa", &format!("new{round}@a.example"), 0).await;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let expected: Vec<String> = (0..40).map(|number| format!("user {number:02}")).collect();
    assert_eq!(names, expected);
}

async fn who_is_renamed_between_pages_displaces_nobody(engine: Engine) {
    let scene = scene(engine).await;
    for number in 0..20 {
        scene.add(&format!("user {number:02}"), &format!("u{number}@a.example"), 0).await;
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let (selection, place) = (scene.all(), after.clone());
        let page =
            scene.store.read(async move |tx| members::list(tx, &selection, place.as_ref(), 6).await).await.unwrap();
        // The last on the page, behind whom the next one begins, goes to the beginning.
        let last = page.users.last().unwrap().clone();
        names.extend(page.users.into_iter().map(|user| user.name));
        scene.store.write(async move |tx| users::rename(tx, &last, "Ágnes", Timestamp(NOW)).await).await.unwrap();
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let expected: Vec<String> = (0..20).map(|number| format!("user {number:02}")).collect();
    assert_eq!(names, expected);
    for (search, count) in [("user", 16), ("agnes", 4)] {
        assert_eq!(scene.names(&scene.found(search), 6).await.len(), count, "{search}: by the new name alone");
    }
}

async fn a_search_finds_the_beginnings_of_words(engine: Engine) {
    let scene = scene(engine).await;
    scene.add("José García", "jose.g@acme.example", 0).await;
    scene.add("Josephine O'Hara", "phine@other.example", 0).await;
    scene.add("Max Adamson", "adam@acme.example", 0).await;
    for (search, expected) in [
        ("jos", &["José García", "Josephine O'Hara"][..]),
        ("JOSÉ", &["José García", "Josephine O'Hara"]),
        ("jose garcia", &["José García"]),
        ("garcia acme", &["José García"]),
        ("hara", &["Josephine O'Hara"]),
        ("adam", &["Max Adamson"]),
        ("acme", &["José García", "Max Adamson"]),
        ("osephine", &[]),
        ("jose hara max", &[]),
        ("%", &["José García", "Josephine O'Hara", "Max Adamson"]),
    ] {
        for limit in [1, 10] {
            assert_eq!(scene.names(&scene.found(search), limit).await, expected, "{search}");
        }
    }
    let suspended = Selection { status: Status::Suspended, ..scene.found("jos") };
    assert_eq!(scene.names(&suspended, 10).await, [""; 0]);
}

async fn a_search_that_many_fit_gives_everybody_once(engine: Engine) {
    let scene = scene(engine).await;
    let company = scene.company;
    let new = move |number: usize| User {
        id: UserId(id::random(&SystemEntropy)),
        company,
        // Two words that begin alike, of which one is found first.
        email: Email::parse(&format!("common{number}@a.example")).unwrap(),
        name: format!("Common{} {number:04}", number % 7),
        role: Role::Member,
        status: if number.is_multiple_of(10) { Status::Suspended } else { Status::Active },
        status_since: Timestamp(NOW),
        created_at: Timestamp(NOW),
    };
    let all: Vec<User> = (0..1_500).map(new).collect();
    scene
        .store
        .write(async move |tx| {
            for user in &all {
                users::insert(tx, user).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let selection = scene.found("common");
    let page = scene.store.read(async move |tx| members::list(tx, &selection, None, 5).await).await.unwrap();
    assert!(!page.sorted && page.users.len() == 5 && page.next.is_some(), "it is one that many fit: {page:?}");
    let mut names = scene.names(&scene.found("common"), 50).await;
    assert_eq!(names.len(), 1_350, "everybody who is active, once");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 1_350);
    let rare = scene.names(&scene.found("common 0007"), 50).await;
    assert_eq!(rare, ["Common0 0007"]);
    let both = scene.names(&scene.found("common common3"), 50).await;
    assert!(!both.is_empty() && both.len() < 1_350);
}

async fn users_of_an_older_version_are_found_after_the_next_start(engine: Engine) {
    let scene = scene(engine).await;
    scene.add("José", "jose@acme.example", 0).await;
    scene.database.db_execute("DELETE FROM user_words; UPDATE users SET name_key = NULL").await;
    assert_eq!(scene.names(&scene.found("jose"), 10).await, [""; 0]);
    let scene = Scene { store: scene.database.open().await, ..scene };
    assert_eq!(scene.names(&scene.found("jose"), 10).await, ["José"]);
    assert_eq!(scene.names(&scene.all(), 10).await, ["José"]);
}

async fn members_are_counted_up_to_a_limit(engine: Engine) {
    let scene = scene(engine).await;
    for number in 0..5 {
        scene.add("x", &format!("u{number}@a.example"), 0).await;
    }
    let company = scene.company;
    for (limit, expected) in [(10, 5), (5, 5), (3, 3)] {
        let count =
            async move |tx: &mut offboard::store::Tx<'_>| members::count(tx, company, Status::Active, limit).await;
        assert_eq!(scene.store.read(count).await.unwrap(), expected);
    }
}
