//! Personal access tokens: issued, listed, rotated, deleted. They end with their owner in `transitions`.

use std::time::Duration;

use super::companies::days_long;
use super::{Directory, Error, Refusal, Unknown, audit};
use crate::model::actor::{Actor, Caller};
use crate::model::audit::{Action, Note, Subject};
use crate::model::clock::Timestamp;
use crate::model::id::{self, TokenId, UserId};
use crate::model::scope::{Scope, Scopes};
use crate::model::secret::Secret;
use crate::model::token::{EndReason, Token, TokenKind};
use crate::model::user::{Status, User};
use crate::model::{Invalid, text};
use crate::store::{self, Tx, companies, tokens, users};

/// The most live tokens that a user makes for himself.
const TOKENS: u64 = 200;

impl Directory {
    /// Issues a token for a user and gives its secret, this once.
    ///
    /// It serialises with the owner's deactivation: whichever comes first, no live token is left behind.
    ///
    /// # Errors
    /// [`Refusal::WrongStatus`] when the owner is not active; [`Refusal::ScopeNotYours`] when somebody gives himself a
    /// scope that his role does not have; [`Error::Invalid`] when it would live longer than the company allows. Refused
    /// for anybody but the owner, signed in, and the operator.
    pub async fn issue_token(
        &self,
        caller: &Caller,
        owner: UserId,
        kind: TokenKind,
        name: &str,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> Result<(Token, Secret), Error> {
        let name = text::one_line("token's name", name, text::NAME_LENGTH)?;
        let secret = Secret::generate(kind.secret_kind(), &*self.entropy);
        let action = match kind {
            TokenKind::Pat => Action::CreateToken,
            TokenKind::ApiKey => Action::CreateApiKey,
        };
        let id = TokenId(id::random(&*self.entropy));
        let subject = Some(Subject::Token(id));
        self.require_of(caller, action, subject, Some(owner)).await?;
        let draft = self.draft(caller, action, subject, Note::default()).concerning(owner);
        let token = Token {
            id,
            kind,
            user: owner,
            name,
            hint: secret.hint().to_owned(),
            scopes,
            created_at: draft.now(),
            expires_at: None,
            last_used_at: None,
            ended: None,
        };
        let (digest, caller) = (secret.digest(), caller.clone());
        let token = self
            .store
            .write(async move |tx| {
                let Some(user) = users::lock(tx, owner, None).await? else {
                    return Ok(Err(Error::NotFound(Unknown::User(owner.to_string()))));
                };
                let now = draft.now();
                if let Err(refusal) = draft.caller_may_still(tx, &caller, Some(owner)).await? {
                    return Ok(Err(refusal.into()));
                }
                let granted = users::find_granted(tx, owner).await?;
                if let Err(refusal) = may_hold(&caller, &user, scopes, granted) {
                    draft.refused(tx, Some(user.company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                let expires_at = lifetime.map(|lifetime| now.after(lifetime));
                if let Err(invalid) = within_limits(tx, &caller, &user, now, expires_at).await? {
                    return Ok(Err(invalid.into()));
                }
                let token = Token { created_at: now, expires_at, ..token.clone() };
                tokens::insert(tx, &token, digest).await?;
                let detail = serde_json::json!({
                    "user": owner.to_string(), "name": token.name, "scopes": token.scopes.names(),
                });
                draft.done(tx, now, Some(user.company), Some(detail)).await?;
                Ok(Ok(token))
            })
            .await??;
        Ok((token, secret))
    }

    /// All tokens of a user, the newest first.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn list_tokens(&self, owner: UserId) -> Result<Vec<Token>, Error> {
        Ok(self.store.read(async move |tx| tokens::list_of(tx, owner).await).await?)
    }

    /// The token of this user with this identifier.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has none.
    pub async fn find_token(&self, owner: UserId, id: TokenId) -> Result<Token, Error> {
        let found = self.store.read(async move |tx| tokens::find(tx, id).await).await?;
        found.filter(|token| token.user == owner).ok_or(Error::NotFound(Unknown::Token(id)))
    }

    /// Puts a new token in the place of a live one, with the same name, scopes and length of life, and gives its secret,
    /// this once. The old one is refused from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the user has no such live token. Refused for anybody but the owner, signed in.
    pub async fn rotate_token(&self, caller: &Caller, owner: UserId, id: TokenId) -> Result<(Token, Secret), Error> {
        let subject = Some(Subject::Token(id));
        self.require_of(caller, Action::RotateToken, subject, Some(owner)).await?;
        let draft = self.draft(caller, Action::RotateToken, subject, Note::default()).concerning(owner);
        let found = self.store.read(async move |tx: &mut Tx<'_>| tokens::find(tx, id).await).await?;
        let kind = found.ok_or(Error::NotFound(Unknown::Token(id)))?.kind;
        let secret = Secret::generate(kind.secret_kind(), &*self.entropy);
        let new = TokenId(id::random(&*self.entropy));
        let (digest, hint) = (secret.digest(), secret.hint().to_owned());
        let caller = caller.clone();
        let token = self
            .store
            .write(async move |tx| {
                let Some(user) = users::lock(tx, owner, None).await? else {
                    return Ok(Err(Error::NotFound(Unknown::User(owner.to_string()))));
                };
                let now = draft.now();
                if let Err(refusal) = draft.caller_may_still(tx, &caller, Some(owner)).await? {
                    return Ok(Err(refusal.into()));
                }
                // It keeps its scopes: whatever a token has, it may do no more than its owner's role allows.
                if let Err(refusal) = is_active(&user) {
                    draft.refused(tx, Some(user.company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                let found = tokens::find(tx, id).await?.filter(|token| token.user == owner && token.is_live(now));
                let Some(old) = found else { return Ok(Err(Error::NotFound(Unknown::Token(id)))) };
                let lifetime = old.expires_at.map(|expires| expires.since(old.created_at));
                let expires_at = match (lifetime, longest(tx, &user).await?) {
                    (Some(lifetime), Some(longest)) => Some(now.after(lifetime.min(longest))),
                    (lifetime, longest) => lifetime.or(longest).map(|lifetime| now.after(lifetime)),
                };
                if !tokens::end(tx, id, now, EndReason::Rotated).await? {
                    return Ok(Err(Error::NotFound(Unknown::Token(id))));
                }
                let token =
                    Token { id: new, hint: hint.clone(), created_at: now, expires_at, last_used_at: None, ..old };
                tokens::insert(tx, &token, digest).await?;
                let detail = serde_json::json!({"name": token.name, "new": new.to_string()});
                draft.done(tx, now, Some(user.company), Some(detail)).await?;
                Ok(Ok(token))
            })
            .await??;
        Ok((token, secret))
    }

    /// Deletes a token: it is refused from then on. Deleting it again succeeds and changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there never was such a token, or not in the caller's company. Refused for who is neither
    /// its owner nor an admin.
    pub async fn delete_token(&self, caller: &Caller, id: TokenId) -> Result<Token, Error> {
        let subject = Some(Subject::Token(id));
        let found = self.store.read(async move |tx| tokens::find(tx, id).await).await?;
        let owner = found.map(|token| token.user);
        self.require_of(caller, Action::DeleteToken, subject, owner).await?;
        let draft = self.draft(caller, Action::DeleteToken, subject, Note::default());
        let caller = caller.clone();
        self.store
            .write(async move |tx| {
                if let Err(refusal) = draft.caller_may_still(tx, &caller, owner).await? {
                    return Ok(Err(refusal.into()));
                }
                let Some(token) = tokens::find(tx, id).await? else {
                    return Ok(Err(Error::NotFound(Unknown::Token(id))));
                };
                let Some(owner) = users::lock(tx, token.user, audit::company_of(&caller)).await? else {
                    return Ok(Err(Error::NotFound(Unknown::Token(id))));
                };
                let now = draft.now();
                if tokens::end(tx, id, now, EndReason::Deleted).await? {
                    let detail = serde_json::json!({"user": token.user.to_string(), "name": token.name});
                    draft.concerning(token.user).done(tx, now, Some(owner.company), Some(detail)).await?;
                }
                Ok(Ok(token))
            })
            .await?
    }
}

/// Whether a user may have a token with these scopes, by his role or by a group. The operator gives any, to anybody who is active.
fn may_hold(caller: &Caller, owner: &User, scopes: Scopes, granted: Scopes) -> Result<(), Refusal> {
    is_active(owner)?;
    if matches!(caller.actor, Actor::Operator) {
        return Ok(());
    }
    let beyond = scopes.without(Scopes::of_role(owner.role).and(granted));
    match Scope::ALL.into_iter().find(|scope| beyond.contains(*scope)) {
        Some(scope) => Err(Refusal::ScopeNotYours(scope)),
        None => Ok(()),
    }
}

fn is_active(owner: &User) -> Result<(), Refusal> {
    if owner.status == Status::Active { Ok(()) } else { Err(Refusal::WrongStatus(owner.status)) }
}

/// The longest that tokens of this user may live.
async fn longest(tx: &mut Tx<'_>, owner: &User) -> store::Result<Option<Duration>> {
    Ok(companies::find(tx, owner.company).await?.and_then(|company| company.token_days).map(days_long))
}

async fn within_limits(
    tx: &mut Tx<'_>,
    caller: &Caller,
    owner: &User,
    now: Timestamp,
    expires_at: Option<Timestamp>,
) -> store::Result<Result<(), Invalid>> {
    if let Some(longest) = longest(tx, owner).await?
        && expires_at.is_none_or(|expires| expires > now.after(longest))
    {
        let days = longest.as_secs() / 86_400;
        return Ok(Err(Invalid::new(format!("in this company a token lives at most {days} days"))));
    }
    if matches!(caller.actor, Actor::User(_)) && tokens::list_live_of(tx, owner.id, now, 0).await?.1 >= TOKENS {
        return Ok(Err(Invalid::new(format!("you have {TOKENS} tokens: delete some first"))));
    }
    Ok(Ok(()))
}
