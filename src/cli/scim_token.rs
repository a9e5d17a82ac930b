//! `offboard scim-token …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::Operator;
use super::output::{Failure, Format};
use super::service::Kind;
use super::user::table;
use crate::model::secret::Secret;
use crate::model::service::{Purpose, Service};

#[derive(Debug, Subcommand)]
pub(super) enum ScimTokenCommand {
    /// Make a SCIM token for a company; it is shown this once
    #[command(
        after_help = "The identity provider is given the token and the address PUBLIC_URL/scim/v2. To try it:\n  \
        curl -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8080/scim/v2/Users\n\n\
        To replace it without a gap, make a second token, give that to the identity provider, then delete the first.\n\n\
        Example:\n  offboard scim-token create --company Acme --name okta"
    )]
    Create {
        /// Whose users and groups it opens: a company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: String,
        /// Whose token it is, such as the identity provider's name; no other of the company has it, in whatever case
        #[arg(long, value_name = "TEXT")]
        name: String,
    },
    /// List the SCIM tokens, by name
    List {
        /// Only those of this company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: Option<String>,
    },
    /// Put another secret in a SCIM token's place, shown this once; the one before is refused from then on
    #[command(after_help = "The identity provider is refused until it has the new one. To replace a token without a \
        gap, make a second one instead.\n\nExample:\n  offboard scim-token rotate okta")]
    Rotate {
        /// Name or UUID
        token: String,
    },
    /// Delete a SCIM token: it is refused from then on
    Delete {
        /// Name or UUID
        token: String,
    },
}

const SCIM_TOKENS: Kind =
    Kind { purpose: Purpose::Provisions, noun: "SCIM token", hint: "offboard scim-token list shows which there are" };

/// Under the public URL.
const PATH: &str = "/scim/v2";

impl ScimTokenCommand {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let Operator { directory, caller, .. } = operator;
        match self {
            Self::Create { company, name } => {
                let company = directory.find_company(&company).await?;
                let made = directory.create_service(caller, &name, Some(company.id), Purpose::Provisions).await?;
                show_secret(operator, &made, format)
            }
            Self::List { company } => {
                let mut tokens = directory.list_services(caller, Purpose::Provisions).await?;
                if let Some(key) = company {
                    let company = directory.find_company(&key).await?.id;
                    tokens.retain(|token| token.company == Some(company));
                }
                let document = json!({"scimTokens": tokens.iter().map(document).collect::<Vec<_>>()});
                format.print(&document, || list(&tokens))
            }
            Self::Rotate { token } => {
                let rotated = SCIM_TOKENS.rotate(operator, &token).await?;
                show_secret(operator, &rotated, format)
            }
            Self::Delete { token } => SCIM_TOKENS.delete(operator, &token, format).await,
        }
    }
}

fn show_secret(operator: &Operator, (token, secret): &(Service, Secret), format: Format) -> Result<(), Failure> {
    let document = json!({"uuid": token.id.to_string(), "name": token.name, "token": secret.reveal()});
    // The secret alone on standard output, so that a script can take it; the rest is for people.
    if format == Format::Text {
        eprintln!(
            "The SCIM token '{}', for {}. This is the only time that it is shown:",
            token.name,
            operator.address(PATH)
        );
    }
    format.print(&document, || secret.reveal().to_owned())
}

fn document(token: &Service) -> Value {
    json!({
        "uuid": token.id.to_string(),
        "name": token.name,
        "companyUuid": token.company.map(|company| company.to_string()),
        "hint": token.hint,
        "createdAt": token.created_at,
    })
}

fn list(tokens: &[Service]) -> String {
    if tokens.is_empty() {
        return "There are no SCIM tokens; offboard scim-token create makes one".to_owned();
    }
    let mut table = table(["UUID", "NAME", "COMPANY", "ENDS IN", "MADE"]);
    for token in tokens {
        table.add_row([
            token.id.to_string(),
            token.name.clone(),
            token.company.map(|company| company.to_string()).unwrap_or_default(),
            format!("…{}", token.hint),
            token.created_at.to_string(),
        ]);
    }
    table.to_string()
}
