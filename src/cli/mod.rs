//! The command line: one binary, every command a thin door to the domain.

mod audit;
mod break_glass;
mod choice;
mod company;
pub mod config;
mod demo;
mod group;
mod import;
mod legacy;
mod logging;
mod operator;
mod output;
mod scim_token;
mod serve;
mod service;
mod sunset;
mod token;
mod user;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use serde_json::json;

use config::Resolved;
use operator::Operator;
use output::{Failure, Format};

/// Keeps the users of a development platform and their personal access tokens, and ends all access of who leaves.
#[derive(Debug, Parser)]
#[command(
    name = "offboard",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n\n\
        Examples:\n  \
        offboard serve --demo\n  \
        offboard company create Acme --domain acme.example\n  \
        offboard user create ada@acme.example --company Acme --name 'Ada Admin' --admin\n  \
        offboard scim-token create --company Acme --name okta\n  \
        offboard user deactivate lee@acme.example --reason 'left the company' --ticket HR-42"
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "help for people, where backticks would show")]
struct Global {
    /// How to write data
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// Where the data is: sqlite:PATH or postgres://… [env: OFFBOARD_DATABASE] [default: sqlite:offboard.db]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// A configuration file in TOML [env: OFFBOARD_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the APIs until SIGTERM or Ctrl-C
    Serve(serve::Serve),
    /// Companies
    #[command(subcommand, arg_required_else_help = true)]
    Company(company::CompanyCommand),
    /// Users: made, imported, suspended, deactivated
    #[command(subcommand, arg_required_else_help = true)]
    User(user::UserCommand),
    /// Groups of users, and the rights that they give
    #[command(subcommand, arg_required_else_help = true)]
    Group(group::GroupCommand),
    /// Personal access tokens and API keys
    #[command(subcommand, arg_required_else_help = true)]
    Token(token::TokenCommand),
    /// Tokens by which identity providers keep a company's users and groups
    #[command(subcommand, arg_required_else_help = true)]
    ScimToken(scim_token::ScimTokenCommand),
    /// Services that ask whether credentials are good
    #[command(subcommand, arg_required_else_help = true)]
    Service(service::ServiceCommand),
    /// The deprecated User Management API: who still calls it
    #[command(subcommand, arg_required_else_help = true)]
    UserManagementApi(legacy::LegacyCommand),
    /// The audit trail
    #[command(subcommand, arg_required_else_help = true)]
    Audit(audit::AuditCommand),
    /// Make a link to an admin session for a company, when its own admins can't act
    BreakGlass(break_glass::BreakGlass),
    /// Print the OpenAPI document that the server serves
    Openapi,
    /// Print the effective configuration, secrets masked, each value with where it came from
    Config,
    /// Print a script that completes commands in a shell
    #[command(after_help = "Example:\n  offboard completions bash > /etc/bash_completion.d/offboard")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program with these arguments.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(&arguments).and_then(Cli::check) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    let format = cli.global.format;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(format),
    };
    match runtime.block_on(execute(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(format),
    }
}

/// What is wrong, without how it would be right.
fn first_paragraph(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing".to_owned();
    }
    let text = error.render().to_string();
    let lines = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}

impl Cli {
    /// What clap can't see: arguments of different levels that exclude each other.
    fn check(self) -> Result<Self, clap::Error> {
        if self.global.database.is_some() && matches!(&self.command, Command::Serve(serve) if serve.demo) {
            let message = "--demo uses a database of its own; leave --database out";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        if matches!(&self.command, Command::Token(command) if command.is_key_with_scopes()) {
            let message = "an API key has no scopes: its owner's role decides; leave --scope out";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(self)
    }
}

/// Help goes to standard output with status 0, wrong usage to standard error with status 2.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let asked_for_json = arguments.iter().zip(arguments.iter().skip(1)).any(|(a, b)| a == "--format" && b == "json")
        || arguments.iter().any(|argument| argument == "--format=json");
    if error.use_stderr() && asked_for_json {
        output::report(Format::Json, &first_paragraph(error), Some("offboard --help shows how commands are written"));
    } else if error.print().is_err() {
        return ExitCode::from(1);
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

async fn execute(cli: Cli) -> Result<(), Failure> {
    let format = cli.global.format;
    match cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "offboard", &mut script);
            Ok(std::io::stdout().lock().write_all(&script)?)
        }
        Command::Openapi => serve::print_document(format),
        Command::Config => {
            let resolved = cli.global.resolve(&[])?;
            resolved.check()?;
            print_config(&resolved, format)
        }
        Command::Serve(serve) => {
            let resolved = cli.global.resolve(&serve.flags())?;
            serve.run(&resolved).await
        }
        Command::Company(command) => command.run(&cli.global.operator().await?, format).await,
        Command::User(command) => command.run(&cli.global.operator().await?, format).await,
        Command::Token(command) => command.run(&cli.global.operator().await?, format).await,
        Command::Service(command) => command.run(&cli.global.operator().await?, format).await,
        Command::Group(command) => command.run(&cli.global.operator().await?, format).await,
        Command::ScimToken(command) => command.run(&cli.global.operator().await?, format).await,
        Command::UserManagementApi(command) => command.run(&cli.global.operator().await?, format).await,
        Command::BreakGlass(command) => command.run(&cli.global.operator().await?, format).await,
        Command::Audit(command) => command.run(&cli.global.operator().await?, format).await,
    }
}

impl Global {
    fn resolve(&self, flags: &[(&str, Option<&str>)]) -> Result<Resolved, Failure> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let file = self.config.clone().or_else(|| environment("OFFBOARD_CONFIG").map(PathBuf::from));
        let mut flags = flags.to_vec();
        flags.push(("database", self.database.as_deref()));
        Ok(config::resolve(&flags, environment, file.as_deref())?)
    }

    /// Opens the database for a local command.
    async fn operator(&self) -> Result<Operator, Failure> {
        let resolved = self.resolve(&[])?;
        logging::start(tracing::Level::WARN, resolved.logging()?.1);
        Operator::open(&resolved).await
    }
}

fn print_config(resolved: &Resolved, format: Format) -> Result<(), Failure> {
    let values = resolved
        .display()
        .map(|(name, value, source)| json!({"key": name, "value": value, "source": source.to_string()}));
    let document = json!({"values": values.collect::<Vec<_>>()});
    format.print(&document, || {
        let mut table = user::table(["KEY", "VALUE", "FROM"]);
        for (name, value, source) in resolved.display() {
            table.add_row([name.to_owned(), value, source.to_string()]);
        }
        table.to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Cli::command().debug_assert();
    }
}
