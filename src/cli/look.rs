//! `check` and `discover`: what a connection is good for, and what it holds.

use super::create_fields::{self, CreateFieldsArgs};
use crate::connect::{Access, Endpoint};
use crate::error::{Class, Result};
use crate::flow::context::Context;
use crate::flow::discover::{FieldView, count_stream, discover_stream};
use crate::report::figures::count;
use crate::report::table::{Align, Table};

/// Are the credentials good, and what may they read and write
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry check            every connection that is set up
  ferry check nethunt    exits 5 if the credentials are refused")]
pub(crate) struct CheckArgs {
    /// `nimble`, `nethunt` or one of ferry.toml; all that are set up when left out
    connection: Option<String>,
}

/// List streams, or a stream's fields: modifiers, types, how filled, examples
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry discover                    all streams of all connections
  ferry discover nimble --counts    with the number of records, where the service tells it
  ferry discover nimble:contacts    its fields, with a look at 200 records
  ferry discover nimble:contacts --create-fields -m leads.toml
                                    makes the custom fields that the mapping needs, after showing them")]
pub(crate) struct DiscoverArgs {
    /// A connection or a stream
    what: Option<String>,
    /// Records to look at for types, fill rates and examples
    #[arg(long, value_name = "N", default_value_t = 200)]
    sample: u64,
    #[command(flatten)]
    create: CreateFieldsArgs,
    /// How many records each stream has, where the service tells it with a request or two
    #[arg(long)]
    counts: bool,
}

pub(crate) fn check(context: &Context, args: &CheckArgs) -> Result<u8> {
    let mut worst = 0;
    for access in accesses(context, args.connection.as_deref())? {
        match access {
            Ok(access) if context.reporter.is_json() => context.reporter.object(&access),
            Ok(access) => context.reporter.print(described(&access)),
            Err(error) => {
                context.reporter.error(&error);
                worst = worst.max(error.class().exit_code());
            }
        }
    }
    Ok(worst)
}

pub(crate) fn discover(context: &Context, args: &DiscoverArgs) -> Result<u8> {
    match args.what.as_deref() {
        what if args.create.create_fields => create_fields::run(context, what, &args.create),
        Some(stream) if stream.contains(':') => fields(context, stream, args.sample),
        connection => streams(context, connection, args.counts),
    }
}

/// The access of one connection, or of all that are set up.
fn accesses(context: &Context, connection: Option<&str>) -> Result<Vec<Result<Access>>> {
    if let Some(name) = connection {
        return Ok(vec![Ok(context.check(name)?)]);
    }
    let mut found = Vec::new();
    let mut not_set_up = None;
    for name in context.connections.names() {
        match context.check(name) {
            Err(error) if error.class() == Class::Input && !context.connections.is_configured(name) => {
                context.reporter.note(format!("{name}: {error}"));
                not_set_up.get_or_insert(error);
            }
            other => found.push(other),
        }
    }
    match not_set_up {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn described(access: &Access) -> String {
    let list =
        |streams: &[String]| if streams.is_empty() { "nothing".to_owned() } else { streams.join(", ") };
    format!(
        "{}: {} ({})\n  reads  {}\n  writes {}\n",
        access.connection,
        access.user,
        access.account,
        list(&access.readable),
        list(&access.writable)
    )
}

fn streams(context: &Context, connection: Option<&str>, counts: bool) -> Result<u8> {
    let mut columns = vec![("stream", Align::Left), ("can be", Align::Left)];
    columns.extend(counts.then_some(("records", Align::Right)));
    let mut table = Table::new(&columns);
    let mut worst = 0;
    for access in accesses(context, connection)? {
        let access = match access {
            Ok(access) => access,
            Err(error) => {
                context.reporter.error(&error);
                worst = worst.max(error.class().exit_code());
                continue;
            }
        };
        let written_only = access.writable.iter().filter(|stream| !access.readable.contains(stream));
        for stream in access.readable.iter().chain(written_only) {
            let readable = access.readable.contains(stream);
            let writable = access.writable.contains(stream);
            let mut object =
                serde_json::json!({"stream": stream, "readable": readable, "writable": writable});
            let mut row = vec![stream.clone(), can_be(readable, writable).to_owned()];
            if counts {
                let records = if readable { counted(context, stream)? } else { None };
                object["records"] = records.into();
                row.push(records.map(count).unwrap_or_default());
            }
            context.reporter.object(&object);
            table.row(row);
        }
    }
    if !context.reporter.is_json() {
        context.reporter.table(&table);
    }
    Ok(worst)
}

fn can_be(readable: bool, writable: bool) -> &'static str {
    match (readable, writable) {
        (true, true) => "read and written",
        (true, false) => "read",
        (false, _) => "written",
    }
}

/// The records of a stream; one that cannot be counted is said to be so and does not end the list.
fn counted(context: &Context, stream: &str) -> Result<Option<u64>> {
    let Endpoint::Stream { connection, stream } = Endpoint::parse(stream, None)? else { return Ok(None) };
    match count_stream(context, &connection, &stream) {
        Err(error) if error.class() == Class::Input => {
            context.reporter.warn(format!("{connection}:{stream}: {}", error.chain()));
            Ok(None)
        }
        counted => counted,
    }
}

fn fields(context: &Context, stream: &str, sample: u64) -> Result<u8> {
    let Endpoint::Stream { connection, stream } = Endpoint::parse(stream, None)? else {
        return Err(crate::error::Error::input(format!("`{stream}` is a file, not a stream")));
    };
    let view = discover_stream(context, &connection, &stream, sample)?;
    if context.reporter.is_json() {
        for field in &view.fields {
            context.reporter.object(field);
        }
        return Ok(0);
    }
    let mut table = Table::new(&[
        ("field", Align::Left),
        ("holds", Align::Left),
        ("filled", Align::Right),
        ("examples", Align::Left),
    ]);
    let any_inferred = view.fields.iter().any(|field| !field.inferred.is_empty());
    for field in &view.fields {
        let filled = match view.records {
            0 => String::new(),
            records => format!("{} %", field.filled * 100 / records),
        };
        table.row([field.name.clone(), holds(field), filled, field.examples.join(" · ")]);
    }
    context.reporter.say(format!(
        "{}: {} fields, a look at {} records",
        view.stream,
        view.fields.len(),
        count(view.records)
    ));
    context.reporter.table(&table);
    if any_inferred {
        context.reporter.say("~ is not declared by the service, but what these records hold");
    }
    Ok(0)
}

fn holds(field: &FieldView) -> String {
    let marked = |what: &str, word: &str| match field.inferred.contains(&what) {
        true => format!("~{word}"),
        false => word.to_owned(),
    };
    let mut words = vec![marked("kind", field.kind)];
    if field.several {
        words.push(marked("several", "several"));
    }
    if field.read_only {
        words.push("read-only".to_owned());
    }
    if !field.choices.is_empty() {
        words.push(format!("one of {}", field.choices.join(", ")));
    }
    words.join(", ")
}
