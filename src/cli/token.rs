//! `offboard token …`

use clap::Subcommand;
use clap::builder::TypedValueParser;
use serde_json::{Value, json};

use super::choice;
use super::operator::Operator;
use super::output::{Failure, Format};
use super::user::table;
use crate::model::clock::{Timestamp, parse_duration};
use crate::model::id::TokenId;
use crate::model::token::{Token, TokenKind};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a personal access token, or an API key; its secret is shown this once
    #[command(after_help = "Scopes:\n  \
        mx:user-deactivation:write            deactivate users\n  \
        mx:mxid3:user-identifiers:uuid:read   look up the UUIDs of e-mail addresses\n  \
        mx:audit-logging:read                 read the company's audit log\n\n\
        An API key has no scopes: it opens the deprecated User Management API, as far as its owner's role goes. It is \
        sent with the owner's address, in the headers Mendix-ApiKey and Mendix-Username.\n\n\
        Examples:\n  offboard token create --user ada@acme.example --name leavers \\\n    \
        --scope mx:user-deactivation:write --scope mx:mxid3:user-identifiers:uuid:read --expires 90d\n  \
        offboard token create --user ada@acme.example --name 'old script' --kind api_key")]
    Create {
        /// Whom it speaks for: e-mail address or UUID
        #[arg(long, value_name = "EMAIL")]
        user: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// What it opens: the APIs of its scopes, or the deprecated User Management API
        #[arg(long, value_name = "KIND", value_parser = kind(), default_value = "pat")]
        kind: TokenKind,
        /// What it may be used for; may be given again. An API key takes none
        #[arg(long = "scope", value_name = "SCOPE", required_unless_present = "kind", required_if_eq("kind", "pat"))]
        scopes: Vec<String>,
        /// How long it lives, such as 90d; for ever when not given
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List a user's tokens and API keys, the newest first
    List {
        /// E-mail address or UUID
        #[arg(long, value_name = "EMAIL")]
        user: String,
    },
    /// Delete a token or an API key: it is refused from then on
    Delete {
        /// The token's UUID, as the list shows it
        uuid: String,
    },
}

fn kind() -> impl TypedValueParser<Value = TokenKind> {
    choice::one_of(vec!["pat", "api_key"], TokenKind::parse)
}

impl TokenCommand {
    /// Whether it asks for an API key with scopes, which there is not.
    pub(super) fn is_key_with_scopes(&self) -> bool {
        matches!(self, Self::Create { kind: TokenKind::ApiKey, scopes, .. } if !scopes.is_empty())
    }

    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let Operator { directory, caller, .. } = operator;
        match self {
            Self::Create { user, name, kind, scopes, expires } => {
                let scopes = choice::scopes(&scopes)?;
                let lifetime = expires.as_deref().map(parse_duration).transpose()?;
                let owner = directory.find_user(&user).await?;
                let (token, secret) = directory.issue_token(caller, owner.id, kind, &name, scopes, lifetime).await?;
                let document = json!({
                    "uuid": token.id.to_string(),
                    "name": token.name,
                    "scopes": token.scopes.names(),
                    "expiresAt": token.expires_at,
                    "token": secret.reveal(),
                });
                // The secret alone on standard output, so that a script can take it; the rest is for people.
                if format == Format::Text {
                    eprintln!(
                        "Made the {} '{}' of {}. This is the only time that it is shown:",
                        noun(kind),
                        token.name,
                        owner.email
                    );
                }
                format.print(&document, || secret.reveal().to_owned())
            }
            Self::List { user } => {
                let owner = directory.find_user(&user).await?;
                let tokens = directory.list_tokens(owner.id).await?;
                let document = json!({"tokens": tokens.iter().map(document).collect::<Vec<_>>()});
                format.print(&document, || list(&tokens))
            }
            Self::Delete { uuid } => {
                let id = TokenId::parse(&uuid.to_lowercase())?;
                let token = directory.delete_token(caller, id).await?;
                let document = json!({"uuid": token.id.to_string()});
                format.print(&document, || format!("Deleted the {} '{}' ({})", noun(token.kind), token.name, token.id))
            }
        }
    }
}

fn noun(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Pat => "token",
        TokenKind::ApiKey => "API key",
    }
}

fn document(token: &Token) -> Value {
    json!({
        "uuid": token.id.to_string(),
        "kind": token.kind.as_str(),
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes.names(),
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
        "lastUsedAt": token.last_used_at,
        "endedAt": token.ended.map(|(at, _)| at),
        "endReason": token.ended.map(|(_, reason)| reason.as_str()),
    })
}

fn list(tokens: &[Token]) -> String {
    if tokens.is_empty() {
        return "There are no tokens yet; offboard token create makes one".to_owned();
    }
    let when = |at: Option<Timestamp>, never: &str| at.map_or(never.to_owned(), |at| at.to_string());
    let mut table = table(["UUID", "KIND", "NAME", "ENDS IN", "SCOPES", "EXPIRES", "LAST USED", "ENDED"]);
    for token in tokens {
        table.add_row([
            token.id.to_string(),
            token.kind.as_str().to_owned(),
            token.name.clone(),
            format!("…{}", token.hint),
            token.scopes.to_string(),
            when(token.expires_at, "never"),
            when(token.last_used_at, "never"),
            token.ended.map_or("no".to_owned(), |(at, reason)| format!("{at} ({})", reason.as_str())),
        ]);
    }
    table.to_string()
}
