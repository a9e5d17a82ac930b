//! The log of changed access, on SQLite.

use offboard::model::clock::Timestamp;
use offboard::model::company::Company;
use offboard::model::email::Email;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId, TokenId, UserId};
use offboard::model::secret::{Kind, Secret};
use offboard::model::token::{EndReason, Token};
use offboard::model::user::{Role, Status, User};
use offboard::store::changes::{self, Changes, Mark};
use offboard::store::{Store, companies, tokens, users};

use crate::support::database::{Database, Engine};

const NOW: Timestamp = Timestamp(0);

struct Fixture {
    database: Database,
    store: Store,
    user: UserId,
    token: TokenId,
}

impl Fixture {
    async fn make() -> Self {
        let database = Database::fresh(Engine::Sqlite).await;
        let store = database.open().await;
        let (company, user) = (CompanyId(id::random(&SystemEntropy)), UserId(id::random(&SystemEntropy)));
        let secret = Secret::generate(Kind::Token, &SystemEntropy);
        let token = TokenId(id::random(&SystemEntropy));
        store
            .write(async move |tx| {
                let name = "Acme".to_owned();
                companies::insert(
                    tx,
                    &Company { id: company, name, domains: Vec::new(), created_at: NOW, token_days: None },
                )
                .await?;
                let email = Email::parse("lee@acme.example").unwrap();
                let (role, status) = (Role::Member, Status::Active);
                let name = "Lee".to_owned();
                let lee = User { id: user, company, email, name, role, status, status_since: NOW, created_at: NOW };
                users::insert(tx, &lee).await?;
                let token = Token {
                    id: token,
                    user,
                    name: "test".to_owned(),
                    hint: "test".to_owned(),
                    scopes: std::iter::empty().collect(),
                    created_at: NOW,
                    expires_at: None,
                    last_used_at: None,
                    ended: None,
                };
                tokens::insert(tx, &token, secret.digest()).await
            })
            .await
            .unwrap();
        Self { database, store, user, token }
    }

    async fn after(&self, place: Option<&Mark>) -> Changes {
        let place = place.cloned();
        self.store.read(async move |tx| changes::list_after(tx, place.as_ref()).await).await.unwrap()
    }

    /// The last place in the log, whatever came before.
    async fn here(&self) -> Option<Mark> {
        self.after(None).await.last
    }
}

#[tokio::test]
async fn what_makes_or_notes_is_no_change_of_access() {
    let fixture = Fixture::make().await;
    let token = fixture.token;
    fixture.store.write(async move |tx| tokens::note_use(tx, token, Timestamp(9)).await).await.unwrap();
    assert_eq!(fixture.after(None).await, Changes { last: None, users: Some(Vec::new()) });
}

#[tokio::test]
async fn each_change_of_access_is_noted_whoever_makes_it() {
    let fixture = Fixture::make().await;
    let (user, token) = (fixture.user, fixture.token);
    let suspended = Status::Suspended;
    fixture.store.write(async move |tx| users::set_status(tx, user, suspended, NOW).await).await.unwrap();
    assert_eq!(fixture.after(None).await.users, None, "a log that had begun before anybody listened");
    let first = fixture.here().await;
    fixture.store.write(async move |tx| tokens::end(tx, token, NOW, EndReason::Deleted).await).await.unwrap();
    assert_eq!(fixture.after(first.as_ref()).await.users, Some(vec![user]));
    fixture.store.write(async move |tx| users::deactivate(tx, user, NOW).await).await.unwrap();
    assert_eq!(fixture.after(first.as_ref()).await.users, Some(vec![user; 2]));
    for change in [
        "UPDATE users SET role = 'mendix_admin'",
        "UPDATE users SET email = 'Lee@acme.example'",
        "UPDATE OR REPLACE tokens SET scopes = 'x'",
        "REPLACE INTO tokens SELECT * FROM tokens",
        "PRAGMA foreign_keys = OFF; REPLACE INTO users SELECT * FROM users",
        "DELETE FROM tokens",
    ] {
        let before = fixture.here().await;
        assert_eq!(fixture.after(before.as_ref()).await.users, Some(Vec::new()));
        fixture.database.db_execute(change).await;
        assert_eq!(fixture.after(before.as_ref()).await.users, Some(vec![user]), "{change}");
    }
}

#[tokio::test]
async fn what_can_not_be_told_one_by_one_is_said_so() {
    let fixture = Fixture::make().await;
    let more = |count| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO access_changes (user_id) SELECT zeroblob(16) FROM n"
        )
    };
    fixture.database.db_execute(&more(1)).await;
    let place = fixture.here().await;
    fixture.database.db_execute(&more(1_000)).await;
    assert_eq!(fixture.after(place.as_ref()).await.users.map(|users| users.len()), Some(1_000));
    fixture.database.db_execute(&more(1)).await;
    assert_eq!(fixture.after(place.as_ref()).await.users, None, "too many");

    let place = fixture.here().await;
    fixture.database.db_execute(&more(10_500)).await;
    let pruned = fixture.store.write(async |tx| changes::prune(tx).await).await.unwrap();
    assert_eq!(pruned, 1_502);
    fixture.database.db_execute("DELETE FROM access_changes WHERE seq > 11000").await;
    assert_eq!(fixture.after(place.as_ref()).await.users, None, "pruned");
}

#[tokio::test]
async fn another_log_of_the_same_length_is_told_from_the_one_that_was_heard() {
    let fixture = Fixture::make().await;
    let change = "UPDATE users SET role = role";
    fixture.database.db_execute(change).await;
    let heard = fixture.here().await;
    let forget = "DELETE FROM access_changes; UPDATE sqlite_sequence SET seq = 0 WHERE name = 'access_changes'";
    fixture.database.db_execute(forget).await;
    fixture.database.db_execute(change).await;
    let other = fixture.after(heard.as_ref()).await;
    assert_eq!(other.last.as_ref().map(Mark::seq), heard.as_ref().map(Mark::seq));
    assert_eq!(other.users, None);
}
