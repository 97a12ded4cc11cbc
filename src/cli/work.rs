//! `export`, `import` and the stages alone: what was typed becomes a job with its run.

use super::plan::LimitArgs;
use super::select::SelectArgs;
use super::tolerance::ToleranceArgs;
use crate::connect::Endpoint;
use crate::connect::files::{ReadOptions, WriteOptions};
use crate::error::{Error, Result};
use crate::extract::Selection;
use crate::flow::context::Context;
use crate::flow::input::hash_file;
use crate::flow::job::{Job, LoadOptions, MappingText, OnConflict, Place};
use crate::flow::{self, Ended, as_exported, missing};
use crate::report::summary::worst_exit_code;
use crate::run::folder::RunFolder;
use crate::transform::mapping::Mapping;
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// What may be done with a row at the target
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeArg {
    /// New records only
    Create,
    /// Records that exist only
    Update,
    /// Both
    Upsert,
}

/// No more records are deleted because their rows are missing, unless more are allowed.
const MOST_MISSING: u64 = 100;

/// What becomes of a cell that was edited on both sides
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConflictArg {
    /// Its row is left as a conflict
    Reject,
    /// The sheet's value is written
    Sheet,
    /// The service's value stays
    Service,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReadArgs {
    /// Format of a file whose name does not tell: csv, tsv, jsonl, parquet
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
    /// Character encoding of an input file; found out by default
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Delimiter of an input file; found out by default
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
    /// Cells by which the header row of an input file is known, where something stands above it; else it is the
    /// first row
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    header_row: Vec<String>,
    /// What separates several values in a cell: `;`, or what the export that wrote an imported file was told
    #[arg(long, value_name = "CHAR")]
    pub(super) list_separator: Option<char>,
    /// Guard cells that a spreadsheet would take for formulas; undone on import, by itself where the export is known
    #[arg(long)]
    spreadsheet_safe: bool,
}

/// Write a stream's records, or a file's, into a file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry export nimble:contacts -o people.csv
  ferry export nethunt:Deals -o deals.parquet --only-filled
  ferry export nimble:contacts -o changed.csv --since last
  ferry export nimble:contacts -o leads.csv --where '{\"lead status\": {\"is\": \"Open\"}}'
  ferry export messy.csv -m clean.toml -o clean.csv
  ferry export nimble:contacts -o - --format jsonl | jq ._id")]
pub(crate) struct ExportArgs {
    /// `nimble:contacts`, `nethunt:FOLDER`, or a file
    source: String,
    /// The file to write; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: String,
    /// Mapping file
    #[arg(short, long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Leave out the columns that no record fills
    #[arg(long)]
    only_filled: bool,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Bring a file's rows into a stream: planned, shown, confirmed, sent, accounted for
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry import people.csv nimble:contacts                     an exported, edited sheet goes back by `_id`
  ferry import leads.csv nethunt:Contacts -m leads.toml -n    shows the plan and stops
  ferry import leads.csv nethunt:Contacts -m leads.toml --yes")]
pub(crate) struct ImportArgs {
    /// The file, or a stream
    source: String,
    /// `nimble:contacts` or `nethunt:FOLDER`
    target: String,
    /// Mapping file; without one the columns are those of a plain export
    #[arg(short, long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    #[command(flatten)]
    into: IntoArgs,
    /// Delete the records whose rows were taken out of an exported sheet, up to `--max-deletes` (100); the file has to
    /// lie where the export wrote it, and what goes is copied, shown and asked for on its own
    #[arg(long)]
    delete_missing: bool,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct IntoArgs {
    /// What may be done
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// Fields that identify a record at the target, together
    #[arg(long, value_name = "FIELD,..", value_delimiter = ',')]
    key: Vec<String>,
    /// Stop after the plan
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Let updates by `_id` go on although the target could not be read completely
    #[arg(long)]
    allow_incomplete: bool,
    /// How many records the target has, as its web application shows it: a proof of completeness
    #[arg(long, value_name = "N")]
    expect_count: Option<u64>,
    /// What becomes of a cell that was edited in the sheet and at the service: its row is left as a conflict, or
    /// one side wins
    #[arg(long, value_enum, value_name = "SIDE", default_value = "reject")]
    on_conflict: ConflictArg,
    /// Wait so many seconds for another writer to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0, env = "FERRY_LOCK_WAIT")]
    lock_wait: u64,
    /// Do not read back what was written
    #[arg(long)]
    no_verify: bool,
    /// Write which run and row it is of into this field of each created record: what was made is then found for
    /// certain after a lost answer
    #[arg(long, value_name = "FIELD")]
    marker_field: Option<String>,
    /// Clear the marks again, with a request for each created record
    #[arg(long, requires = "marker_field")]
    clear_marker: bool,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Read a stream or a file into a run's folder, and no more
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry extract nimble:contacts")]
pub(crate) struct ExtractArgs {
    /// `nimble:contacts`, `nethunt:FOLDER`, or a file
    source: String,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Map what a run has extracted
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry transform k3f9 -m mappings/nimble-contacts-nethunt.toml")]
pub(crate) struct TransformArgs {
    /// The run, by any unique part of its name
    run: String,
    /// Mapping file
    #[arg(short, long, value_name = "FILE")]
    mapping: PathBuf,
}

/// Load what a run has extracted, mapped if it was, into a stream
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry load k3f9 nethunt:Contacts -n     shows the plan and stops
  ferry load k3f9 nethunt:Contacts --yes")]
pub(crate) struct LoadArgs {
    /// The run, by any unique part of its name
    run: String,
    /// `nimble:contacts` or `nethunt:FOLDER`
    target: String,
    #[command(flatten)]
    into: IntoArgs,
}

impl ExportArgs {
    pub(crate) fn to_stdout(&self) -> bool {
        self.output == "-"
    }
}

pub(crate) fn export(context: &Context, args: ExportArgs) -> Result<u8> {
    let [input, format] = formats(&args.source, &args.output, args.read.format.as_deref());
    let source = Endpoint::parse(&args.source, input)?;
    let output = match Endpoint::parse(&args.output, format)? {
        Endpoint::File(file) => file,
        Endpoint::Stream { .. } => {
            return Err(Error::input(format!("`{}` is no file", args.output))
                .hint("to write to a stream use `ferry import`"));
        }
    };
    let since_last = args.select.since_last();
    let selection = args.select.selection(&source)?;
    let mut job = job("export", source, args.mapping.as_deref(), &args.read)?;
    (job.selection, job.since_last) = (selection, since_last);
    job.only_filled = args.only_filled;
    let mut endpoint = output;
    if !endpoint.is_standard_stream() {
        endpoint.path = absolute(&endpoint.path)?;
    }
    job.target = Some(Place::File { endpoint, sha256: None });
    begin(context, &job)
}

pub(crate) fn import(context: &Context, args: ImportArgs) -> Result<u8> {
    let source = Endpoint::parse(&args.source, args.read.format.as_deref())?;
    let target = stream(&args.target)?;
    let mut job = job("import", source, args.mapping.as_deref(), &args.read)?;
    as_exported::adopt(context, &mut job, args.read.list_separator)?;
    job.target = Some(place(target)?);
    job.selection.limit = args.limit;
    job.load = args.into.options();
    let most = job.load.max_deletes.unwrap_or(MOST_MISSING);
    job.load.delete_missing = args.delete_missing.then_some(most);
    begin(context, &job)
}

pub(crate) fn extract(context: &Context, args: ExtractArgs) -> Result<u8> {
    let source = Endpoint::parse(&args.source, args.read.format.as_deref())?;
    let since_last = args.select.since_last();
    let selection = args.select.selection(&source)?;
    let mut job = job("extract", source, None, &args.read)?;
    as_exported::adopt(context, &mut job, args.read.list_separator)?;
    (job.selection, job.since_last) = (selection, since_last);
    begin(context, &job)
}

pub(crate) fn transform(context: &Context, args: &TransformArgs) -> Result<u8> {
    let (folder, mut job) = open(context, &args.run)?;
    job.command = "transform".into();
    job.mapping = Some(mapping_text(&args.mapping, &Mapping::load(&args.mapping)?)?);
    flow::ask_anew(&folder, &job)?;
    finish(context, flow::transform(context, &folder, &job))
}

pub(crate) fn load(context: &Context, args: LoadArgs) -> Result<u8> {
    let target = stream(&args.target)?;
    let (folder, mut job) = open(context, &args.run)?;
    job.command = "load".into();
    job.target = Some(place(target)?);
    job.load = args.into.options();
    context.know(&job)?;
    flow::ask_anew(&folder, &job)?;
    finish(context, flow::execute(context, &folder, &job))
}

impl IntoArgs {
    pub(super) fn options(self) -> LoadOptions {
        let mode = self.mode.map(|mode| match mode {
            ModeArg::Create => "create",
            ModeArg::Update => "update",
            ModeArg::Upsert => "upsert",
        });
        LoadOptions {
            mode: mode.map(str::to_owned),
            key: (!self.key.is_empty()).then_some(vec![self.key]),
            dry_run: self.dry_run,
            allow_incomplete: self.allow_incomplete,
            expect: self.expect_count,
            lock_wait: self.lock_wait,
            tolerance: self.tolerance.tolerance(),
            delete_missing: None,
            on_conflict: match self.on_conflict {
                ConflictArg::Reject => OnConflict::Reject,
                ConflictArg::Sheet => OnConflict::Sheet,
                ConflictArg::Service => OnConflict::Service,
            },
            max_changes: self.limits.max_changes,
            max_deletes: self.limits.max_deletes,
            canary: self.limits.canary,
            marker_field: self.marker_field,
            clear_marker: self.clear_marker,
            no_verify: self.no_verify,
        }
    }
}

/// Makes the run's folder and carries the job out.
pub(super) fn begin(context: &Context, job: &Job) -> Result<u8> {
    context.know(job)?;
    let folder = context.runs.create(&job.command, &job.subject(), job)?;
    context.reporter.note(format!("run {}", folder.name()));
    finish(context, flow::execute(context, &folder, job))
}

/// Says how a job ended. What has to follow it is carried out first; scripts get one account of both, people one of
/// each, the job's last.
pub(super) fn finish(context: &Context, ended: Ended) -> Result<u8> {
    let further = missing::follow_up(context, &ended)?;
    for error in further.iter().chain([&ended]).filter_map(|ended| ended.error.as_ref()) {
        context.reporter.error(error);
    }
    match &further {
        Some(further) if context.reporter.is_json() => {
            context.reporter.summary(&ended.summary.with_deletion(&further.summary));
        }
        _ => further.iter().chain([&ended]).for_each(|ended| context.reporter.summary(&ended.summary)),
    }
    // The heavier one, as where several apply to one run.
    Ok(worst_exit_code(further.iter().chain([&ended]).map(Ended::exit_code)))
}

pub(super) fn job(command: &str, source: Endpoint, mapping: Option<&Path>, read: &ReadArgs) -> Result<Job> {
    let parsed = mapping.map(Mapping::load).transpose()?;
    let of_mapping = parsed.as_ref().map(Mapping::header_row).unwrap_or_default();
    let header_row = if read.header_row.is_empty() { of_mapping } else { &read.header_row }.to_vec();
    let mapping =
        mapping.zip(parsed.as_ref()).map(|(path, parsed)| mapping_text(path, parsed)).transpose()?;
    Ok(Job {
        command: command.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        asked: jiff::Timestamp::now().to_string(),
        source: place(source)?,
        target: None,
        selection: Selection::default(),
        since_last: false,
        read: ReadOptions {
            encoding: read.encoding.clone(),
            delimiter: read.delimiter,
            list_separator: read.list_separator.unwrap_or(WriteOptions::default().list_separator),
            header_row,
            spreadsheet_safe: read.spreadsheet_safe,
        },
        write: WriteOptions {
            list_separator: read.list_separator.unwrap_or(WriteOptions::default().list_separator),
            spreadsheet_safe: read.spreadsheet_safe,
        },
        only_filled: false,
        mapping,
        load: LoadOptions::default(),
        delete: None,
        retry: None,
        undo: None,
    })
}

/// An endpoint with what a run has to remember of it. A stream's account is only asked for when the run's
/// folder is there.
pub(super) fn place(endpoint: Endpoint) -> Result<Place> {
    match endpoint {
        Endpoint::File(mut endpoint) => {
            let mut sha256 = None;
            if !endpoint.is_standard_stream() {
                sha256 = Some(hash_file(&endpoint.path)?);
                endpoint.path = absolute(&endpoint.path)?;
            }
            Ok(Place::File { endpoint, sha256 })
        }
        Endpoint::Stream { connection, stream } => Ok(Place::Stream { connection, stream, account: None }),
    }
}

/// A mapping as a run keeps it. It has been read: what is wrong with it by itself is said before anything is asked of a
/// service.
fn mapping_text(path: &Path, mapping: &Mapping) -> Result<MappingText> {
    Ok(MappingText { path: absolute(path)?, text: mapping.text().to_owned() })
}

/// A target that records can be loaded into.
pub(super) fn stream(target: &str) -> Result<Endpoint> {
    match Endpoint::parse(target, None)? {
        Endpoint::File(_) => Err(Error::input(format!("`{target}` is a file, not a stream of a service"))
            .hint("to write a file use `ferry export`")),
        stream => Ok(stream),
    }
}

/// What `--format` says of an export's source and of its output: it is meant for the ends whose names do not
/// tell their format; where both tell, for a file that is read, else for the one that is written.
fn formats<'a>(source: &str, output: &str, flag: Option<&'a str>) -> [Option<&'a str>; 2] {
    let tells = |end: &str| Endpoint::parse(end, None).is_ok();
    match (tells(source), tells(output)) {
        (true, true) if matches!(Endpoint::parse(source, None), Ok(Endpoint::File(_))) => [flag, None],
        (true, _) => [None, flag],
        (false, true) => [flag, None],
        (false, false) => [flag, flag],
    }
}

fn open(context: &Context, part: &str) -> Result<(RunFolder, Job)> {
    let folder = context.runs.open(&context.runs.find(part)?)?;
    let job = folder.job()?;
    Ok((folder, job))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path)
        .map_err(|cause| Error::input(format!("`{}` is no path", path.display())).because(cause))
}
