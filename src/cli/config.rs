//! `config show` and `config check`: what is configured, where it comes from, and what is wrong with it.

use crate::config::Shown;
use crate::error::Result;
use crate::flow::context::Context;
use crate::report::table::{Align, Table};

/// `show` and `check`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each connection's settings, and where each comes from; never a secret
    Show {
        /// A connection; all of them when left out
        connection: Option<String>,
    },
    /// Check ferry.toml and fetch the secrets, without sending anything
    Check,
}

pub(crate) fn run(context: &Context, command: &ConfigCommand) -> Result<u8> {
    match command {
        ConfigCommand::Show { connection } => show(context, connection.as_deref()),
        ConfigCommand::Check => check(context),
    }
}

fn show(context: &Context, connection: Option<&str>) -> Result<u8> {
    let connections = &context.connections;
    let names = connection.map_or_else(|| connections.names(), |name| vec![name]);
    let mut table = Table::new(&[
        ("connection", Align::Left),
        ("setting", Align::Left),
        ("value", Align::Left),
        ("from", Align::Left),
    ]);
    for name in names {
        let service = connections.service(name)?.name;
        let settings = connections.show(name)?;
        let objects: serde_json::Map<_, _> =
            settings.iter().map(|shown| (shown.key.to_owned(), object(shown))).collect();
        context
            .reporter
            .object(&serde_json::json!({"connection": name, "service": service, "settings": objects}));
        table.row([name, "service", service, ""]);
        for Shown { key, value, from } in settings.iter().filter(|shown| shown.value.is_some()) {
            table.row([name, key, value.as_deref().unwrap_or_default(), from]);
        }
    }
    if !context.reporter.is_json() {
        context.reporter.say(connections.place());
        context.reporter.table(&table);
    }
    Ok(0)
}

fn object(shown: &Shown) -> serde_json::Value {
    serde_json::json!({"value": shown.value, "from": shown.from})
}

fn check(context: &Context) -> Result<u8> {
    let findings = context.connections.check(&context.stop);
    for finding in &findings {
        context.reporter.object(finding);
        if !context.reporter.is_json() {
            let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            context.reporter.print(format!("{}{hint}", finding.what));
        }
    }
    for warning in context.connections.warnings() {
        context.reporter.warn(warning);
    }
    if findings.is_empty() {
        context.reporter.say(format!("nothing wrong; {}", context.connections.place()));
    }
    Ok(if findings.is_empty() { 0 } else { 2 })
}
