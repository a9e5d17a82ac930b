//! What a node remembers on PostgreSQL, and until when it trusts that.

use std::sync::Arc;
use std::time::Duration;

use offboard::access::{Gate, Refusal, Use};
use offboard::model::entropy::SystemEntropy;
use offboard::model::secret::{Kind, Secret};
use tokio_util::sync::CancellationToken;

use crate::browser::Browser;
use crate::harness::{Person, Platform, gate_policy};
use crate::support::database::Engine;

/// Takes access away so that no node hears of it: only who asks the database finds out.
const BEHIND_EVERYBODYS_BACK: &str = "ALTER TABLE tokens DISABLE TRIGGER ALL; \
    UPDATE tokens SET ended_at = 1, end_reason = 'deleted'; ALTER TABLE tokens ENABLE TRIGGER ALL";

struct Scene {
    platform: Platform,
    person: Person,
    gate: Arc<Gate>,
    stop: CancellationToken,
}

impl Scene {
    /// A node of its own beside the platform's, which holds a lease.
    async fn make() -> Self {
        let platform = Platform::start(Engine::Postgres).await;
        let acme = platform.company("Acme").await;
        let person = platform.member(&acme, "lee").await;
        let store = Arc::new(platform.database.open().await);
        let gate = Arc::new(Gate::new(store, platform.clock.clone(), gate_policy()));
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&gate).remember(Arc::new(SystemEntropy), stop.clone()));
        let scene = Self { platform, person, gate, stop };
        scene.until(true).await;
        scene
    }

    async fn until(&self, trusted: bool) {
        for _ in 0..500 {
            if self.gate.view().is_trusted == trusted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a lease is {}", if trusted { "not got" } else { "kept" });
    }

    /// Checks until the token is refused, which takes a while where nobody tells the node.
    async fn until_refused(&self) {
        for _ in 0..500 {
            if self.check().await == Err(Refusal::Ended) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("what was remembered before is trusted still");
    }

    async fn check(&self) -> Result<(), Refusal> {
        let secret = Secret::parse(Kind::Token, &self.person.token).unwrap();
        self.gate.authenticate(&secret, Use::Passes).await.unwrap().map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_from_memory_while_its_lease_lives_and_asks_without_one() {
    let scene = Scene::make().await;
    assert_eq!(scene.check().await, Ok(()));
    scene.platform.database.db_execute(BEHIND_EVERYBODYS_BACK).await;
    assert_eq!(scene.check().await, Ok(()), "from memory");
    scene.stop.cancel();
    scene.until(false).await;
    assert_eq!(scene.check().await, Err(Refusal::Ended), "from the database");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_another_process_made_is_heard_before_its_call_returns() {
    let scene = Scene::make().await;
    assert_eq!(scene.check().await, Ok(()));
    scene.platform.directory.delete_token(&crate::harness::operator(), scene.person.token_id).await.unwrap();
    assert_eq!(scene.check().await, Err(Refusal::Ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_hand_is_heard_with_the_next_renewal() {
    let scene = Scene::make().await;
    assert_eq!(scene.check().await, Ok(()));
    scene.platform.database.db_execute("UPDATE tokens SET ended_at = 1, end_reason = 'deleted'").await;
    scene.until_refused().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_connections_end_joins_anew_and_remembers_nothing_of_before() {
    let scene = Scene::make().await;
    assert_eq!(scene.check().await, Ok(()));
    scene.platform.database.db_execute(BEHIND_EVERYBODYS_BACK).await;
    assert_eq!(scene.check().await, Ok(()), "from memory");
    scene.platform.database.db_end_idle_connections().await;
    scene.until_refused().await;
    scene.until(true).await;
    assert_eq!(scene.check().await, Err(Refusal::Ended), "remembered anew, as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_a_writer_gave_up_joins_anew() {
    let scene = Scene::make().await;
    assert_eq!(scene.check().await, Ok(()));
    scene.platform.database.db_execute(BEHIND_EVERYBODYS_BACK).await;
    scene.platform.database.db_execute("DELETE FROM nodes").await;
    scene.until_refused().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_remembered_and_end_on_every_node() {
    let platform = Platform::start(Engine::Postgres).await;
    let acme = platform.company("Acme").await;
    let lee = platform.member(&acme, "lee").await;
    platform.with_password(lee.id).await;
    let cookie = Browser::signed_in(&platform, &lee.email).await.cookie.unwrap();
    let other = platform.another_node().await;
    for _ in 0..2 {
        assert_eq!(platform.status_at(&other, "/api/v1/me", &cookie).await, 200);
    }
    platform.directory.suspend(&crate::harness::operator(), lee.id, crate::harness::act()).await.unwrap();
    for url in [&platform.url, &other] {
        assert_eq!(platform.status_at(url, "/api/v1/me", &cookie).await, 401);
    }
}
