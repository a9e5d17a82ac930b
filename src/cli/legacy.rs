//! `offboard user-management-api …`

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::Operator;
use super::output::{Failure, Format};
use super::user::table;
use crate::domain::legacy::LegacyCall;

#[derive(Debug, Subcommand)]
pub(super) enum LegacyCommand {
    /// List who still calls the User Management API: whose key, which call, how often, from when to when
    #[command(after_help = "What a running server counted shows here within some seconds.\n\n\
        Example:\n  offboard user-management-api callers --company Acme")]
    Callers {
        /// Only those of this company, by name or UUID
        #[arg(long, value_name = "NAME|UUID")]
        company: Option<String>,
    },
}

impl LegacyCommand {
    pub(super) async fn run(self, operator: &Operator, format: Format) -> Result<(), Failure> {
        let Self::Callers { company } = self;
        let company = match company {
            Some(key) => Some(operator.directory.find_company(&key).await?.id),
            None => None,
        };
        let calls = operator.directory.list_legacy_calls(company).await?;
        let document = json!({"callers": calls.iter().map(document).collect::<Vec<_>>()});
        format.print(&document, || list(&calls))
    }
}

fn document(call: &LegacyCall) -> Value {
    json!({
        "companyUuid": call.company.to_string(),
        "userUuid": call.user.to_string(),
        "emailAddress": call.email,
        "keyUuid": call.key.to_string(),
        "keyName": call.key_name,
        "call": call.call,
        "calls": call.calls,
        "firstAt": call.first_at,
        "lastAt": call.last_at,
    })
}

fn list(calls: &[LegacyCall]) -> String {
    if calls.is_empty() {
        return "Nobody has called the User Management API".to_owned();
    }
    let mut table = table(["WHO", "API KEY", "CALL", "HOW OFTEN", "FIRST", "LAST"]);
    for call in calls {
        table.add_row([
            call.email.clone(),
            call.key_name.clone(),
            call.call.clone(),
            call.calls.to_string(),
            call.first_at.to_string(),
            call.last_at.to_string(),
        ]);
    }
    table.to_string()
}
