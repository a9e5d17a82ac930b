//! What the test binaries share. Each uses a part of it.
#![allow(dead_code, unreachable_pub, unused_macros, reason = "each test binary uses a part")]

pub mod database;

/// Runs each of these async functions, which take a `database::Engine`, once on SQLite and once on PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident,)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::database::Engine::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::support::database::Engine::Postgres).await;
            })*
        }
    };
}
pub(crate) use on_both_engines;
