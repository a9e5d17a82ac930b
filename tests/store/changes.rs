//! The log of changed access, on SQLite.

use offboard::model::clock::Timestamp;
use offboard::model::company::Company;
use offboard::model::email::Email;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId, TokenId, UserId};
use offboard::model::secret::PlainToken;
use offboard::model::token::{EndReason, Token};
use offboard::model::user::{Role, Status, User};
use offboard::store::changes::{self, Changes};
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
        let secret = PlainToken::generate(&SystemEntropy);
        let token = TokenId(id::random(&SystemEntropy));
        store
            .write(async move |tx| {
                let name = "Acme".to_owned();
                companies::insert(tx, &Company { id: company, name, domains: Vec::new(), created_at: NOW }).await?;
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

    async fn after(&self, place: i64) -> Changes {
        self.store.read(async move |tx| changes::list_after(tx, place).await).await.unwrap()
    }
}

#[tokio::test]
async fn what_makes_or_notes_is_no_change_of_access() {
    let fixture = Fixture::make().await;
    let token = fixture.token;
    fixture.store.write(async move |tx| tokens::note_use(tx, token, Timestamp(9)).await).await.unwrap();
    assert_eq!(fixture.after(0).await, Changes { last: 0, users: Some(Vec::new()) });
}

#[tokio::test]
async fn each_change_of_access_is_noted_in_order() {
    let fixture = Fixture::make().await;
    let (user, token) = (fixture.user, fixture.token);
    let suspended = Status::Suspended;
    fixture.store.write(async move |tx| users::set_status(tx, user, suspended, NOW).await).await.unwrap();
    assert_eq!(fixture.after(0).await, Changes { last: 1, users: Some(vec![user]) });
    fixture.store.write(async move |tx| tokens::end(tx, token, NOW, EndReason::Deleted).await).await.unwrap();
    assert_eq!(fixture.after(1).await, Changes { last: 2, users: Some(vec![user]) });
    fixture.store.write(async move |tx| users::deactivate(tx, user, NOW).await).await.unwrap();
    assert_eq!(fixture.after(0).await, Changes { last: 3, users: Some(vec![user; 3]) });
    for (before, change) in [(3, "role = 'mendix_admin'"), (4, "email = 'Lee@acme.example'"), (5, "name = 'L'")] {
        fixture.database.db_execute(&format!("UPDATE users SET {change}")).await;
        assert_eq!(fixture.after(before).await.users, Some(vec![user]), "{change}");
    }
    assert_eq!(fixture.after(6).await, Changes { last: 6, users: Some(Vec::new()) });
}

#[tokio::test]
async fn what_can_not_be_told_one_by_one_is_said_so() {
    let fixture = Fixture::make().await;
    let more = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) \
                INSERT INTO access_changes (user_id) SELECT zeroblob(16) FROM n";
    fixture.database.db_execute(more).await;
    assert_eq!(fixture.after(0).await, Changes { last: 12_000, users: None }, "too many");
    assert_eq!(fixture.after(11_000).await.users.map(|users| users.len()), Some(1_000));
    assert_eq!(fixture.after(12_001).await, Changes { last: 12_000, users: None }, "a place that this log never had");
    let pruned = fixture.store.write(async |tx| changes::prune(tx).await).await.unwrap();
    assert_eq!(pruned, 2_000);
    fixture.database.db_execute("DELETE FROM access_changes WHERE seq <= 11500").await;
    assert_eq!(fixture.after(11_400).await, Changes { last: 12_000, users: None }, "pruned");
    assert_eq!(fixture.after(11_500).await.users.map(|users| users.len()), Some(500));
}
