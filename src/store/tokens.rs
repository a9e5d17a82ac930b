//! Personal access tokens, by digest; no secret is stored.

use std::sync::Arc;

use super::engine::{Row, Statement};
use super::{Error, Result, Tx, users};
use crate::model::actor::{Credential, Identity};
use crate::model::clock::Timestamp;
use crate::model::id::{CompanyId, TokenId, UserId};
use crate::model::scope::Scopes;
use crate::model::secret::SecretDigest;
use crate::model::token::{EndReason, Token, TokenKind};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, name, hint, scopes, created_at, expires_at, last_used_at, ended_at, end_reason, kind \
             FROM tokens ",
            $rest
        )
    };
}

/// A token together with its owner as both stand now: all that an authentication needs to know.
#[derive(Debug, Clone)]
pub struct Held {
    /// Whom the token speaks for, with the owner's live status.
    pub identity: Arc<Identity>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Whether it was ended for good.
    pub ended: bool,
    /// When it was last noted as used.
    pub last_used_at: Option<Timestamp>,
}

/// Adds a token under the digest of its secret.
pub async fn insert(tx: &mut Tx<'_>, token: &Token, digest: SecretDigest) -> Result<()> {
    const INSERT: &str = "INSERT INTO tokens (id, user_id, name, digest, hint, scopes, created_at, expires_at, kind) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = [
        token.id.0.into(),
        token.user.0.into(),
        token.name.as_str().into(),
        digest.0.as_slice().into(),
        token.hint.as_str().into(),
        token.scopes.to_string().into(),
        token.created_at.0.into(),
        token.expires_at.map(|at| at.0).into(),
        token.kind.as_str().into(),
    ];
    tx.execute_one(INSERT, &values).await
}

/// The token with this digest and its owner's live state, in one statement.
pub async fn find_held(tx: &mut Tx<'_>, digest: SecretDigest) -> Result<Option<Held>> {
    const FIND: &str = "SELECT t.id, t.scopes, t.expires_at, t.ended_at, t.last_used_at, \
        u.id, u.company_id, u.email, u.name, u.role, u.status, t.created_at, t.kind \
        FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = $1";
    tx.row(FIND, &[digest.0.as_slice().into()]).await?.map(held).transpose()
}

/// The token with this identifier.
pub async fn find(tx: &mut Tx<'_>, id: TokenId) -> Result<Option<Token>> {
    const FIND: &str = select!("WHERE id = $1");
    tx.row(FIND, &[id.0.into()]).await?.map(token).transpose()
}

/// Finds the owner of a token that was neither ended nor is over.
pub(super) fn owner_if_live(id: TokenId, now: Timestamp) -> Statement {
    const FIND: &str = users::select!(
        "WHERE id = (SELECT user_id FROM tokens WHERE id = $1 AND ended_at IS NULL \
         AND (expires_at IS NULL OR expires_at > $2))"
    );
    Statement(FIND, vec![id.0.into(), now.0.into()])
}

/// All tokens of a user, the newest first, ended ones included.
pub async fn list_of(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Token>> {
    const LIST: &str = select!("WHERE user_id = $1 ORDER BY created_at DESC, id DESC");
    tx.rows(LIST, &[user.0.into()]).await?.into_iter().map(token).collect()
}

/// Up to `limit` tokens of a user that are neither ended nor over, the latest used first, and how many there are.
pub async fn list_live_of(tx: &mut Tx<'_>, user: UserId, now: Timestamp, limit: i64) -> Result<(Vec<Token>, u64)> {
    const LIST: &str = select!(
        "WHERE user_id = $1 AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > $2) \
         ORDER BY COALESCE(last_used_at, 0) DESC, id LIMIT $3"
    );
    const COUNT: &str = "SELECT COUNT(*) FROM tokens \
        WHERE user_id = $1 AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    let rows = tx.rows(LIST, &[user.0.into(), now.0.into(), limit.into()]).await?;
    let count = tx.number(COUNT, &[user.0.into(), now.0.into()]).await?;
    Ok((rows.into_iter().map(token).collect::<Result<_>>()?, count.unsigned_abs()))
}

/// Lets no live token of a company outlive this instant; says how many had been going to.
pub async fn shorten_all_of(tx: &mut Tx<'_>, company: CompanyId, expires_at: Timestamp) -> Result<u64> {
    const SHORTEN: &str = "UPDATE tokens SET expires_at = $2 WHERE ended_at IS NULL \
        AND (expires_at IS NULL OR expires_at > $2) AND user_id IN (SELECT id FROM users WHERE company_id = $1)";
    tx.execute(SHORTEN, &[company.0.into(), expires_at.0.into()]).await
}

/// How many tokens of a user have not been ended.
pub async fn count_not_ended(tx: &mut Tx<'_>, user: UserId) -> Result<i64> {
    const COUNT: &str = "SELECT COUNT(*) FROM tokens WHERE user_id = $1 AND ended_at IS NULL";
    tx.number(COUNT, &[user.0.into()]).await
}

/// Ends one token; says whether it was not ended before.
pub async fn end(tx: &mut Tx<'_>, id: TokenId, at: Timestamp, reason: EndReason) -> Result<bool> {
    const END: &str = "UPDATE tokens SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.execute(END, &[id.0.into(), at.0.into(), reason.as_str().into()]).await? == 1)
}

/// Ends every token of a user that was not ended before.
pub(super) fn end_all(user: UserId, at: Timestamp, reason: EndReason) -> Statement {
    const END: &str = "UPDATE tokens SET ended_at = $2, end_reason = $3 WHERE user_id = $1 AND ended_at IS NULL";
    Statement(END, vec![user.0.into(), at.0.into(), reason.as_str().into()])
}

/// Notes a use; an earlier one than is noted changes nothing.
pub async fn note_use(tx: &mut Tx<'_>, id: TokenId, at: Timestamp) -> Result<()> {
    const NOTE: &str =
        "UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    tx.execute(NOTE, &[id.0.into(), at.0.into()]).await.map(|_| ())
}

fn token(mut row: Row) -> Result<Token> {
    let scopes: String = row.get(4)?;
    let (ended_at, reason): (Option<i64>, Option<String>) = (row.get(8)?, row.get(9)?);
    let ended = match (ended_at, reason) {
        (Some(at), Some(reason)) => {
            let reason = EndReason::parse(&reason);
            Some((Timestamp(at), reason.ok_or_else(|| Error::Broken("a token ended for no known reason".to_owned()))?))
        }
        _ => None,
    };
    Ok(Token {
        id: TokenId(row.get(0)?),
        kind: kind(&mut row, 10)?,
        user: UserId(row.get(1)?),
        name: row.get(2)?,
        hint: row.get(3)?,
        scopes: Scopes::from_stored(&scopes),
        created_at: Timestamp(row.get(5)?),
        expires_at: row.get::<Option<i64>>(6)?.map(Timestamp),
        last_used_at: row.get::<Option<i64>>(7)?.map(Timestamp),
        ended,
    })
}

fn kind(row: &mut Row, column: usize) -> Result<TokenKind> {
    let text: String = row.get(column)?;
    TokenKind::parse(&text).ok_or_else(|| Error::Broken("a stored token is of an unknown kind".to_owned()))
}

/// Takes scopes from the live tokens of a user.
pub async fn take_scopes(tx: &mut Tx<'_>, user: UserId, taken: Scopes) -> Result<u64> {
    const SET: &str = "UPDATE tokens SET scopes = $2 WHERE id = $1";
    let mut changed = 0;
    for token in list_of(tx, user).await? {
        let left = token.scopes.without(taken);
        if token.ended.is_none() && left != token.scopes {
            tx.execute_one(SET, &[token.id.0.into(), left.to_string().into()]).await?;
            changed += 1;
        }
    }
    Ok(changed)
}

fn held(mut row: Row) -> Result<Held> {
    let scopes: String = row.get(1)?;
    let id = TokenId(row.get(0)?);
    let identity = Identity {
        credential: match kind(&mut row, 12)? {
            TokenKind::Pat => Credential::Token(id),
            TokenKind::ApiKey => Credential::ApiKey(id),
        },
        scopes: Scopes::from_stored(&scopes),
        user: UserId(row.get(5)?),
        company: CompanyId(row.get(6)?),
        email: row.get(7)?,
        name: row.get(8)?,
        role: users::role(&mut row, 9)?,
        status: users::status(&mut row, 10)?,
    };
    Ok(Held {
        identity: Arc::new(identity),
        created_at: Timestamp(row.get(11)?),
        expires_at: row.get::<Option<i64>>(2)?.map(Timestamp),
        ended: row.get::<Option<i64>>(3)?.is_some(),
        last_used_at: row.get::<Option<i64>>(4)?.map(Timestamp),
    })
}
