//! The log of changed access.

use offboard::model::actor::Door;
use offboard::model::clock::Timestamp;
use offboard::model::company::Company;
use offboard::model::email::Email;
use offboard::model::entropy::SystemEntropy;
use offboard::model::id::{self, CompanyId, ServiceId, SessionId, TokenId, UserId};
use offboard::model::secret::{Kind, Secret};
use offboard::model::service::{Purpose, Service};
use offboard::model::session::{Opening, Session};
use offboard::model::token::{EndReason, Token, TokenKind};
use offboard::model::user::{Role, Status, User};
use offboard::store::changes::{self, Changes, Mark};
use offboard::store::{Store, companies, services, sessions, tokens, transitions, users};

use crate::support::database::{Database, Engine};
use crate::support::on_both_engines;

const NOW: Timestamp = Timestamp(0);

struct Fixture {
    database: Database,
    store: Store,
    user: UserId,
    token: TokenId,
    service: ServiceId,
}

impl Fixture {
    async fn make(engine: Engine) -> Self {
        let database = Database::fresh(engine).await;
        let store = database.open().await;
        let (company, user) = (CompanyId(id::random(&SystemEntropy)), UserId(id::random(&SystemEntropy)));
        let secret = Secret::generate(Kind::Token, &SystemEntropy);
        let token = TokenId(id::random(&SystemEntropy));
        let service = ServiceId(id::random(&SystemEntropy));
        store
            .write(async move |tx| {
                let name = "Acme".to_owned();
                companies::insert(tx, &Company::new(company, name, Vec::new(), NOW)).await?;
                let email = Email::parse("lee@acme.example").unwrap();
                let (role, status) = (Role::Member, Status::Active);
                let name = "Lee".to_owned();
                let lee = User { id: user, company, email, name, role, status, status_since: NOW, created_at: NOW };
                users::insert(tx, &lee).await?;
                let token = Token {
                    kind: TokenKind::Pat,
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
                tokens::insert(tx, &token, secret.digest()).await?;
                let session = Session {
                    id: SessionId(id::random(&SystemEntropy)),
                    opened_by: Opening::Password,
                    device: String::new(),
                    address: None,
                    created_at: NOW,
                    last_seen_at: NOW,
                    expires_at: Timestamp(5),
                };
                let digest = Secret::generate(Kind::Session, &SystemEntropy).digest();
                sessions::insert(tx, sessions::Owner::User(user), &session, digest).await?;
                let name = "gateway".to_owned();
                let purpose = Purpose::Checks;
                let service =
                    Service { id: service, purpose, company: None, name, hint: "test".to_owned(), created_at: NOW };
                services::insert(tx, &service, Secret::generate(Kind::Service, &SystemEntropy).digest()).await
            })
            .await
            .unwrap();
        Self { database, store, user, token, service }
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

on_both_engines! {
    what_makes_or_notes_is_no_change_of_access,
    each_change_of_access_is_noted_whoever_makes_it,
    a_change_that_concerns_everybody_is_said_so,
    what_can_not_be_told_one_by_one_is_said_so,
    a_mark_that_is_none_of_this_log_tells_nothing,
}

async fn what_makes_or_notes_is_no_change_of_access(engine: Engine) {
    let fixture = Fixture::make(engine).await;
    let (token, before) = (fixture.token, fixture.here().await);
    fixture.store.write(async move |tx| tokens::note_use(tx, token, Timestamp(9)).await).await.unwrap();
    assert_eq!(fixture.after(before.as_ref()).await.users, Some(Vec::new()));
}

async fn each_change_of_access_is_noted_whoever_makes_it(engine: Engine) {
    let fixture = Fixture::make(engine).await;
    let (user, token) = (fixture.user, fixture.token);
    let suspended = Status::Suspended;
    fixture.store.write(async move |tx| users::set_status(tx, user, suspended, NOW, Door::Api).await).await.unwrap();
    assert_eq!(fixture.after(None).await.users, None, "a log that had begun before anybody listened");
    let first = fixture.here().await;
    fixture.store.write(async move |tx| tokens::end(tx, token, NOW, EndReason::Deleted).await).await.unwrap();
    assert_eq!(fixture.after(first.as_ref()).await.users, Some(vec![user]));
    fixture.store.write(async move |tx| transitions::deactivate(tx, user, NOW, NOW, Door::Api).await).await.unwrap();
    let changes = fixture.after(first.as_ref()).await.users.unwrap();
    assert!(changes.len() >= 2 && changes.iter().all(|changed| *changed == user), "{changes:?}");
    let replaced = [
        "UPDATE OR REPLACE tokens SET scopes = 'x'",
        "REPLACE INTO tokens SELECT * FROM tokens",
        "REPLACE INTO sessions SELECT * FROM sessions",
        "PRAGMA foreign_keys = OFF; REPLACE INTO users SELECT * FROM users",
    ];
    let changes = [
        "UPDATE users SET role = 'mendix_admin'",
        "UPDATE users SET email = 'Lee@acme.example'",
        "UPDATE users SET name = 'Lea'",
        "UPDATE tokens SET scopes = 'x'",
        "UPDATE tokens SET expires_at = 1",
        "UPDATE sessions SET expires_at = 9",
        "UPDATE sessions SET ended_at = 9, end_reason = 'ended'",
        "DELETE FROM sessions",
        "DELETE FROM tokens",
    ];
    let replaced = replaced.into_iter().filter(|_| engine == Engine::Sqlite);
    for change in replaced.chain(changes) {
        let before = fixture.here().await;
        assert_eq!(fixture.after(before.as_ref()).await.users, Some(Vec::new()));
        fixture.database.db_execute(change).await;
        assert_eq!(fixture.after(before.as_ref()).await.users, Some(vec![user]), "{change}");
    }
    let before = fixture.here().await;
    fixture.database.db_execute("UPDATE services SET ended_at = 1").await;
    assert_eq!(fixture.after(before.as_ref()).await.users, Some(vec![UserId(fixture.service.0)]));
}

async fn a_change_that_concerns_everybody_is_said_so(engine: Engine) {
    let fixture = Fixture::make(engine).await;
    fixture.database.db_execute("UPDATE users SET role = role").await;
    let before = fixture.here().await;
    fixture.database.db_execute("UPDATE companies SET token_days = 3").await;
    assert_eq!(fixture.after(before.as_ref()).await.users, Some(Vec::new()), "no access hangs on that");
    fixture.database.db_execute("UPDATE companies SET name = 'Acme & Sons'").await;
    assert_eq!(fixture.after(before.as_ref()).await.users, None);
}

async fn what_can_not_be_told_one_by_one_is_said_so(engine: Engine) {
    let fixture = Fixture::make(engine).await;
    let somebody = match engine {
        Engine::Sqlite => "X'00000000000000000000000000000001'",
        Engine::Postgres => "CAST('00000000-0000-0000-0000-000000000001' AS UUID)",
    };
    let more = |count| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             INSERT INTO access_changes (user_id) SELECT {somebody} FROM n"
        )
    };
    fixture.database.db_execute(&more(1)).await;
    let place = fixture.here().await;
    fixture.database.db_execute(&more(1_000)).await;
    assert_eq!(fixture.after(place.as_ref()).await.users.map(|users| users.len()), Some(1_000));
    fixture.database.db_execute(&more(1)).await;
    assert_eq!(fixture.after(place.as_ref()).await.users, None, "too many");

    let place = fixture.here().await;
    // On PostgreSQL a whole transaction is kept or forgotten: the first of these is.
    fixture.database.db_execute(&more(1)).await;
    fixture.database.db_execute(&more(10_500)).await;
    fixture.database.db_execute("UPDATE users SET role = role").await;
    let pruned = fixture.store.write(async |tx| changes::prune(tx).await).await.unwrap();
    assert!(pruned >= 1_000, "{pruned}");
    fixture.database.db_execute(&format!("DELETE FROM access_changes WHERE user_id = {somebody}")).await;
    assert_eq!(fixture.after(place.as_ref()).await.users, None, "pruned");
}

async fn a_mark_that_is_none_of_this_log_tells_nothing(engine: Engine) {
    let fixture = Fixture::make(engine).await;
    fixture.database.db_execute("UPDATE users SET role = role").await;
    for made_up in ["1", "x", "1:2:3", "7-00", "9:", "99999999999999999999:1:", "0-1:1:", "0-x"] {
        let mark = Mark::parse(made_up).unwrap();
        assert_eq!(fixture.after(Some(&mark)).await.users, None, "{made_up}");
    }
    assert!(["", "a b", "ö", "'", "\n", &"1".repeat(70_000)].into_iter().all(|text| Mark::parse(text).is_none()));
}

#[tokio::test]
async fn another_log_of_the_same_length_is_told_from_the_one_that_was_heard() {
    let fixture = Fixture::make(Engine::Sqlite).await;
    let change = "UPDATE users SET role = role";
    fixture.database.db_execute(change).await;
    let heard = fixture.here().await.unwrap();
    let forget = "DELETE FROM access_changes; UPDATE sqlite_sequence SET seq = 1 WHERE name = 'access_changes'";
    fixture.database.db_execute(forget).await;
    fixture.database.db_execute(change).await;
    let other = fixture.after(Some(&heard)).await;
    let number = |mark: &Mark| mark.as_str().split('-').next().map(str::to_owned);
    assert_eq!(other.last.as_ref().and_then(number), number(&heard));
    assert_eq!(other.users, None);
}

#[tokio::test]
async fn a_transaction_that_is_committed_late_is_heard_of_all_the_same() {
    let fixture = Fixture::make(Engine::Postgres).await;
    let change = "UPDATE users SET role = role";
    let before = fixture.here().await;
    let (early, connection) = tokio_postgres::connect(fixture.database.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    early.batch_execute("BEGIN; UPDATE tokens SET expires_at = 7").await.unwrap();
    fixture.database.db_execute("UPDATE services SET ended_at = 1").await;
    let (service, user) = (UserId(fixture.service.0), fixture.user);
    let between = fixture.after(before.as_ref()).await;
    assert_eq!(between.users, Some(vec![service]), "the later one is committed, the earlier is not");
    early.batch_execute("COMMIT").await.unwrap();
    let after = fixture.after(between.last.as_ref()).await;
    assert_eq!(after.users, Some(vec![user]), "once, and not the later one again");
    assert_eq!(fixture.after(after.last.as_ref()).await.users, Some(Vec::new()));
    early.batch_execute(&format!("BEGIN; {change}; ROLLBACK")).await.unwrap();
    assert_eq!(fixture.after(after.last.as_ref()).await.users, Some(Vec::new()), "undone");
}

#[tokio::test]
async fn a_log_that_was_copied_from_another_cluster_is_no_news() {
    let fixture = Fixture::make(Engine::Postgres).await;
    let id = "'00000000-0000-0000-0000-000000000001'";
    let copy = format!("INSERT INTO access_changes SELECT '9000000000', {id} FROM generate_series(1, 2000)");
    fixture.database.db_execute(&copy).await;
    fixture.database.db_execute("UPDATE access_changes_forgotten SET below = '8000000000'").await;
    let (node, _inbox) = fixture.store.join(uuid::Uuid::from_u128(1)).await.unwrap().unwrap();
    let before = node.changes_after(None).await.unwrap().last;
    fixture.database.db_execute("UPDATE users SET role = role").await;
    assert_eq!(node.changes_after(before.as_ref()).await.unwrap().users, Some(vec![fixture.user]));
}
