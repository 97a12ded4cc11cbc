//! `auth login`, `status` and `logout`: OAuth logins of connections.

use crate::connect::{self, login};
use crate::error::{Error, Result};
use crate::flow::context::Context;
use crate::report::table::{Align, Table};

/// `login`, `status` and `logout`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AuthCommand {
    /// Log in with a browser, and keep the tokens for later commands
    Login {
        /// The connection, such as `nimble`
        connection: String,
        /// Read from stdin the address that the browser was sent to, instead of waiting for it
        #[arg(long)]
        paste: bool,
    },
    /// Show which connections are logged in, as whom, and until when their tokens are good
    Status,
    /// Forget the tokens of a connection
    Logout {
        /// The connection, such as `nimble`
        connection: String,
    },
}

pub(crate) fn run(context: &Context, command: &AuthCommand) -> Result<u8> {
    match command {
        AuthCommand::Login { connection, paste } => log_in(context, connection, *paste),
        AuthCommand::Status => status(context),
        AuthCommand::Logout { connection } => log_out(context, connection),
    }
}

fn log_in(context: &Context, name: &str, paste: bool) -> Result<u8> {
    let connection = context.connection(name)?;
    let begun = login::Login::begin(&connection, paste, &context.stop)?;
    let reporter = &context.reporter;
    if reporter.is_json() {
        reporter.object(&serde_json::json!({"connection": name, "authorize_url": begun.address()}));
    } else {
        reporter
            .say(format!("open this address in a browser and allow the access:\n\n  {}\n", begun.address()));
    }
    let mut pasted = None;
    if paste {
        reporter.say("then paste the whole address that the browser is sent to:");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(|cause| {
            Error::input("cannot read the address from the standard input").because(cause)
        })?;
        pasted = Some(line);
    }
    let client = connect::client_without_credentials(&connection, &context.stop);
    begun.finish(pasted.as_deref(), &client)?;
    if connection.has("token") {
        reporter.warn(format!("{} is set and wins over the login", connection.variable("token")));
    }
    let access = context.check(name)?;
    login::note_account(&connection, &format!("{} ({})", access.user, access.account))?;
    reporter.object(&access);
    reporter.say(format!("`{name}` is logged in as {} ({})", access.user, access.account));
    Ok(0)
}

fn status(context: &Context) -> Result<u8> {
    let mut table = Table::new(&[
        ("connection", Align::Left),
        ("logged in as", Align::Left),
        ("token good until", Align::Left),
        ("kept in", Align::Left),
    ]);
    for name in context.connections.names() {
        let connection = context.connection(name)?;
        if !login::has_logins(&connection) {
            continue;
        }
        let (file, tokens) = login::stored(&connection)?;
        let account = tokens.as_ref().map(|tokens| tokens.account.clone());
        let expires = tokens.and_then(|tokens| tokens.expires).map(|at| at.to_string());
        let path = file.path().display().to_string();
        context.reporter.object(&serde_json::json!({
            "connection": name, "logged_in": account.is_some(), "account": account, "expires_at": expires,
            "file": account.is_some().then_some(&path),
        }));
        let row = match &account {
            Some(account) => [name, account, expires.as_deref().unwrap_or("not said"), &path],
            None => [name, "not logged in", "", ""],
        };
        table.row(row);
    }
    if !context.reporter.is_json() {
        context.reporter.table(&table);
    }
    Ok(0)
}

fn log_out(context: &Context, name: &str) -> Result<u8> {
    let connection = context.connection(name)?;
    let forgotten = login::forget(&connection)?;
    context.reporter.object(&serde_json::json!({"connection": name, "forgotten": forgotten}));
    context.reporter.say(if forgotten {
        format!("the tokens of `{name}` are forgotten; the service still knows them until they expire")
    } else {
        format!("`{name}` was not logged in")
    });
    Ok(0)
}
