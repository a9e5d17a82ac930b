//! What a transition sees in one look, and what a deactivation ends.

use std::sync::Arc;

use futures_util::future::join_all;
use offboard::model::actor::{Credential, Door};
use offboard::model::company::GuardedDoors;
use offboard::model::id::{CompanyId, TokenId, UserId};
use offboard::model::link::Purpose;
use offboard::model::session::EndReason;
use offboard::model::user::Status;
use offboard::store::transitions::{self, Sides};
use offboard::store::{Error, sessions};

use super::credentials::{Scene, at, random, scene};
use crate::support::database::Engine;
use crate::support::on_both_engines;

on_both_engines! {
    both_sides_are_seen_in_one_look,
    a_target_of_another_company_is_not_seen,
    a_credential_that_opens_nothing_has_no_owner,
    a_leaver_loses_sessions_and_links_and_others_keep_theirs,
    only_sessions_that_were_live_are_counted,
    of_many_who_deactivate_one_user_at_once_one_finds_him_active,
}

async fn look(scene: &Scene, credential: Option<Credential>, target: UserId, company: Option<CompanyId>) -> Sides {
    scene.store.write(async move |tx| transitions::look(tx, credential, at(1), target, company).await).await.unwrap()
}

async fn both_sides_are_seen_in_one_look(engine: Engine) {
    let scene = scene(engine).await;
    let session = Credential::Session(scene.open_session(scene.ada).await.0.id);
    for company in [None, Some(scene.company)] {
        let sides = look(&scene, Some(session), scene.lee, company).await;
        assert_eq!(sides.caller.map(|caller| caller.id), Some(scene.ada));
        let (target, doors) = sides.target.unwrap();
        assert_eq!((target.id, target.company, target.status), (scene.lee, scene.company, Status::Active));
        assert_eq!(doors, GuardedDoors::Scim, "as a company is made");
        let sides = look(&scene, None, scene.lee, company).await;
        assert!(sides.caller.is_none() && sides.target.is_some());
    }
}

async fn a_target_of_another_company_is_not_seen(engine: Engine) {
    let scene = scene(engine).await;
    let session = Credential::Session(scene.open_session(scene.ada).await.0.id);
    let elsewhere = look(&scene, Some(session), scene.lee, Some(CompanyId(random()))).await;
    assert!(elsewhere.caller.is_some() && elsewhere.target.is_none());
    let nobody = look(&scene, Some(session), UserId(random()), None).await;
    assert!(nobody.caller.is_some() && nobody.target.is_none());
}

async fn a_credential_that_opens_nothing_has_no_owner(engine: Engine) {
    let scene = scene(engine).await;
    let session = scene.open_session(scene.ada).await.0.id;
    scene.store.write(async move |tx| sessions::end(tx, session, at(1), EndReason::Ended).await).await.unwrap();
    for credential in [Credential::Session(session), Credential::Token(TokenId(random()))] {
        let sides = look(&scene, Some(credential), scene.lee, Some(scene.company)).await;
        assert!(sides.caller.is_none() && sides.target.is_some(), "{credential:?}");
    }
}

async fn a_leaver_loses_sessions_and_links_and_others_keep_theirs(engine: Engine) {
    let scene = scene(engine).await;
    let (ada, lee) = (scene.ada, scene.lee);
    let (his, hers) = (scene.open_session(lee).await.1, scene.open_session(ada).await.1);
    let gone = [
        scene.add_link(Purpose::Reset(lee), None).await.1,
        scene.add_link(Purpose::Invitation(lee), Some(ada)).await.1,
        scene.add_link(Purpose::Reset(ada), Some(lee)).await.1,
        scene.add_link(Purpose::Reset(lee), Some(lee)).await.1,
    ];
    let kept = [
        scene.add_link(Purpose::Reset(ada), Some(ada)).await.1,
        scene.add_link(Purpose::BreakGlass(scene.company, "why".to_owned()), None).await.1,
    ];
    let deactivate =
        async move |tx: &mut offboard::store::Tx<'_>| transitions::deactivate(tx, lee, at(2), at(-1), Door::Api).await;
    let ended = scene.store.write(deactivate).await.unwrap();
    assert_eq!((ended.tokens, ended.sessions), (0, 1));
    assert!(scene.held(his).await.unwrap().ended && !scene.held(hers).await.unwrap().ended);
    for digest in gone {
        assert_eq!(scene.find_link(digest, at(3)).await, None);
    }
    for digest in kept {
        assert!(scene.find_link(digest, at(3)).await.is_some());
    }
    assert!(matches!(scene.store.write(deactivate).await, Err(Error::Broken(_))), "once");
}

async fn only_sessions_that_were_live_are_counted(engine: Engine) {
    let scene = scene(engine).await;
    let lee = scene.lee;
    let used = scene.open_session(lee).await.0.id;
    scene.open_session(lee).await;
    scene.store.write(async move |tx| sessions::note_use(tx, used, at(10)).await).await.unwrap();
    let deactivate =
        async move |tx: &mut offboard::store::Tx<'_>| transitions::deactivate(tx, lee, at(20), at(5), Door::Api).await;
    assert_eq!(scene.store.write(deactivate).await.unwrap().sessions, 1, "the other one had idled too long");
}

async fn of_many_who_deactivate_one_user_at_once_one_finds_him_active(engine: Engine) {
    let scene = Arc::new(scene(engine).await);
    let (lee, company) = (scene.lee, Some(scene.company));
    let session = Some(Credential::Session(scene.open_session(scene.ada).await.0.id));
    let one = async || {
        let deactivate = async move |tx: &mut offboard::store::Tx<'_>| {
            let (user, _) = transitions::look(tx, session, at(1), lee, company).await?.target.unwrap();
            let is_active = user.status == Status::Active;
            if is_active {
                transitions::deactivate(tx, lee, at(2), at(-1), Door::Api).await?;
            }
            Ok(is_active)
        };
        scene.store.write(deactivate).await.unwrap()
    };
    let found_active = join_all((0..8).map(|_| one())).await;
    assert_eq!(found_active.into_iter().filter(|found| *found).count(), 1);
}
