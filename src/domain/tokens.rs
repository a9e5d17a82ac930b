//! Personal access tokens: issued, listed, deleted. They end with their owner in `transitions`.

use std::time::Duration;

use super::{Directory, Error, Refusal, Unknown};
use crate::model::actor::Caller;
use crate::model::audit::{Action, Note, Subject};
use crate::model::id::{self, TokenId, UserId};
use crate::model::scope::Scopes;
use crate::model::secret::PlainToken;
use crate::model::token::{EndReason, Token};
use crate::model::user::Status;
use crate::model::{Invalid, text};
use crate::store::{tokens, users};

impl Directory {
    /// Issues a token for a user and gives its secret, this once.
    ///
    /// It serialises with the owner's deactivation: whichever comes first, no live token is left behind.
    ///
    /// # Errors
    /// [`Refusal::WrongStatus`] when the owner is not active.
    pub async fn issue_token(
        &self,
        caller: &Caller,
        owner: UserId,
        name: &str,
        scopes: Scopes,
        lifetime: Option<Duration>,
    ) -> Result<(Token, PlainToken), Error> {
        let name = text::one_line("token's name", name, text::NAME_LENGTH)?;
        if scopes.is_empty() {
            return Err(Invalid::new("a token needs at least one scope").into());
        }
        let secret = PlainToken::generate(&*self.entropy);
        let id = TokenId(id::random(&*self.entropy));
        let subject = Some(Subject::Token(id));
        self.require(caller, Action::CreateToken, subject).await?;
        let draft = self.draft(caller, Action::CreateToken, subject, Note::default());
        let token = Token {
            id,
            user: owner,
            name,
            hint: secret.hint().to_owned(),
            scopes,
            created_at: draft.now(),
            expires_at: None,
            last_used_at: None,
            ended: None,
        };
        let digest = secret.digest();
        let token = self
            .store
            .write(async move |tx| {
                let Some(user) = users::lock(tx, owner, None).await? else {
                    return Ok(Err(Error::NotFound(Unknown::User(owner.to_string()))));
                };
                if user.status != Status::Active {
                    let refusal = Refusal::WrongStatus(user.status);
                    draft.refused(tx, Some(user.company), &refusal).await?;
                    return Ok(Err(refusal.into()));
                }
                let now = draft.now();
                let expires_at = lifetime.map(|lifetime| now.after(lifetime));
                let token = Token { created_at: now, expires_at, ..token.clone() };
                tokens::insert(tx, &token, digest).await?;
                let detail = serde_json::json!({"user": owner.to_string(), "scopes": token.scopes.names()});
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

    /// Deletes a token: it is refused from then on. Deleting it again succeeds and changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there never was such a token.
    pub async fn delete_token(&self, caller: &Caller, id: TokenId) -> Result<Token, Error> {
        let subject = Some(Subject::Token(id));
        self.require(caller, Action::DeleteToken, subject).await?;
        let draft = self.draft(caller, Action::DeleteToken, subject, Note::default());
        self.store
            .write(async move |tx| {
                let Some(token) = tokens::find(tx, id).await? else {
                    return Ok(Err(Error::NotFound(Unknown::Token(id))));
                };
                let now = draft.now();
                if tokens::end(tx, id, now, EndReason::Deleted).await? {
                    let company = users::find(tx, token.user).await?.map(|user| user.company);
                    let detail = serde_json::json!({"user": token.user.to_string()});
                    draft.done(tx, now, company, Some(detail)).await?;
                }
                Ok(Ok(token))
            })
            .await?
    }
}
