//! `demo`: the whole story on the built-in simulator, as a guided tour that checks what it tells.
//!
//! Each act runs the program itself, as a child in a folder of its own, against a simulator in this process; so
//! what is shown is what happens. After each command the counts of its run and of the service are compared with
//! what the story says, and one that differs ends the demo with exit 4.
//!
//! It needs no network, no terminal and no files but those it brings along.

mod samples;
mod stage;

use self::stage::{Shown, Stage};
use crate::error::{Error, IoContext, Result};
use crate::flow::context::Context;
use crate::sim::{Options, Simulator};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Rows of the sheet of leads, and how many of them cannot go across.
const LEADS: u64 = 60;
const BAD_LEADS: u64 = 4;
/// People of the newsletter.
const PEOPLE: u64 = 150;
/// Creates after which the import of the newsletter is killed.
const KILLED_AFTER: u64 = 60;
/// Where the simulator's state lies when the demo has ended.
const STATE: &str = "services.json";

/// What the network does to the import that is killed: each write takes a while, and every fortieth answer is
/// lost on its way back, after the service has stored the record.
const STORM: &str = "[[fault]]\nkind = \"latency\"\nmethod = \"POST\"\nlatency_ms = 20\n
[[fault]]\nkind = \"lost_answer\"\nmethod = \"POST\"\nevery = 40\n";

/// Show the whole story on the built-in simulator
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The folder is made, or emptied if an earlier demo made it. It holds the sample files,
what was exported, the runs, and the simulator's state."
)]
pub(crate) struct DemoArgs {
    /// Where the demo's files go
    #[arg(long, value_name = "FOLDER", default_value = "ferry-demo", env = "FERRY_DEMO_FOLDER")]
    folder: PathBuf,
}

pub(crate) fn run(context: &Context, args: &DemoArgs) -> Result<u8> {
    let mut stage = Stage::set(context, &args.folder)?;
    let state = Some(stage.path(STATE));
    let simulator =
        Simulator::start(Options { state, seed: 1, ..Options::default() }).map_err(Error::stopped)?;
    surround(&mut stage, &simulator);
    let tour = Tour { stage, simulator };
    tour.open();
    tour.import_leads()?;
    tour.mend_rejects()?;
    tour.export()?;
    tour.move_to_nethunt()?;
    tour.interrupt()?;
    tour.clean_up()?;
    tour.simulator.save().map_err(Error::stopped)?;
    let seconds = context.began.elapsed().as_secs_f64();
    tour.close(seconds);
    context.reporter.object(&serde_json::json!({
        "command": "demo", "status": "done", "folder": args.folder, "seconds": seconds,
    }));
    Ok(0)
}

/// The environment that leads the commands to the simulator, and keeps their traces in the demo's folder.
fn surround(stage: &mut Stage<'_>, simulator: &Simulator) {
    let greeting = simulator.greeting_json();
    let text = |key: &str| greeting[key].as_str().unwrap_or_default().to_owned();
    let user_state = stage.path(".state").display().to_string();
    stage.set_environment([
        ("FERRY_NIMBLE_URL", text("nimble")),
        ("FERRY_NIMBLE_TOKEN", text("nimble_token")),
        ("FERRY_NIMBLE_RATE", "none".to_owned()),
        ("FERRY_NETHUNT_URL", text("nethunt")),
        ("FERRY_NETHUNT_EMAIL", text("nethunt_email")),
        ("FERRY_NETHUNT_KEY", text("nethunt_key")),
        ("FERRY_NETHUNT_RATE", "none".to_owned()),
        ("FERRY_SETTLE", "1s".to_owned()),
        ("XDG_STATE_HOME", user_state),
    ]);
}

/// The acts.
struct Tour<'a> {
    stage: Stage<'a>,
    simulator: Simulator,
}

impl Tour<'_> {
    fn open(&self) {
        self.stage.tell(
            "Ferry moves contacts and records between CRMs and files, and accounts for every one of them.\n\
             This tour runs it against a simulator of Nimble and NetHunt inside this very process: no network,\n\
             no account. What follows each `$` is typed for you, and what it prints is what happened.",
        );
    }

    fn import_leads(&self) -> Result<()> {
        self.act(
            "1. A messy sheet into Nimble",
            "`leads.csv` has 60 rows from all over the world. The mapping says what becomes what: e-mails are picked\n\
             out of `Name <a@b>`, phones become international, country names in any language become one. The\n\
             plan comes before the first write (without `--yes` Ferry would ask now).",
        );
        let shown = self.stage.ferry("import leads.csv nimble:contacts -m leads-nimble.toml --yes")?;
        let created = LEADS - BAD_LEADS;
        self.hold(shown.code == 1, "an import that leaves rows behind ends with exit code 1")?;
        self.hold(shown.summary.created == created, "56 leads are created")?;
        self.hold(shown.summary.rejected == BAD_LEADS, "4 leads are rejected")?;
        self.hold(self.contacts().len() as u64 == created, "Nimble holds 56 contacts")?;
        self.kept("Nimble was asked: it holds 56 contacts. The other 4 rows were refused, not guessed.");
        Ok(())
    }

    fn mend_rejects(&self) -> Result<()> {
        self.act(
            "2. The rows that were left behind",
            "They wait in the run's `rejected.csv`, each with its reason and all of its cells. Two of them are\n\
             mended here, as one would in a spreadsheet: `Congo` becomes `Congo - Kinshasa`, and 31 February the\n\
             28th. Ferry's own columns, which begin with `_ferry_`, may stay: an import passes them by.",
        );
        self.write_mended()?;
        let shown = self.stage.ferry("import mended.csv nimble:contacts -m leads-nimble.toml --yes")?;
        self.all_went_through(&shown)?;
        self.hold(shown.summary.created == 2, "the two mended leads are created")?;
        self.hold(self.contacts().len() == 58, "Nimble holds 58 contacts")
    }

    fn export(&self) -> Result<()> {
        self.act(
            "3. Everything out again",
            "Once for a spreadsheet, once for a data tool. A read is complete or says that it is not.",
        );
        for line in ["export nimble:contacts -o people.csv", "export nimble:contacts -o people.parquet"] {
            let shown = self.stage.ferry(line)?;
            self.all_went_through(&shown)?;
            self.hold(shown.summary.written == 58, "58 contacts are written")?;
        }
        Ok(())
    }

    fn move_to_nethunt(&self) -> Result<()> {
        self.act(
            "4. From one CRM to the other",
            "The ready-made mapping takes the people from Nimble to the folder `Contacts` of NetHunt. Each takes\n\
             its Nimble id along, so that the next run knows it again.",
        );
        let line = "import nimble:contacts nethunt:Contacts -m nimble-contacts-nethunt.toml --yes";
        let shown = self.stage.ferry(line)?;
        self.all_went_through(&shown)?;
        self.hold(shown.summary.created == 58 && self.records() == 58, "NetHunt holds the 58 people")?;
        let writes = self.writes();
        self.stage.tell("\n  The same once more:");
        let shown = self.stage.ferry(line)?;
        self.all_went_through(&shown)?;
        self.hold(shown.summary.unchanged == 58 && self.writes() == writes, "a second run writes nothing")?;
        self.kept("Not one write request reached NetHunt: there was nothing to do.");
        Ok(())
    }

    fn interrupt(&self) -> Result<()> {
        self.act(
            "5. An import that dies",
            "Now 150 people of a newsletter (JSON Lines), over a bad line: every fortieth answer is lost after\n\
             Nimble has stored the record. And in the middle of it all the process is ended by `kill -9`.",
        );
        self.simulator.set_faults(STORM).map_err(Error::stopped)?;
        let before = self.creates();
        let line = "import people.jsonl nimble:contacts -m people-nimble.toml --yes";
        self.stage.kill_when(line, || self.creates() >= before + KILLED_AFTER)?;
        self.simulator.set_faults("").map_err(Error::stopped)?;
        let killed_at = self.contacts().len() - 58;
        self.hold(killed_at < 150, "the import is killed before its end")?;
        self.stage.tell(&format!(
            "\n  Killed: {killed_at} of the 150 are at Nimble, and nobody is left who knows which. But Ferry\n  \
             writes down what it is about to send before it sends it. Whatever has no answer is looked for at\n  \
             the service, once enough time has passed for it to appear, before anything is sent again:",
        ));
        let shown = self.stage.ferry("resume --last --yes")?;
        self.all_went_through(&shown)?;
        self.hold(shown.summary.created == PEOPLE, "150 people are created")?;
        let contacts = self.contacts();
        let people: Vec<&String> =
            contacts.iter().flatten().filter(|email| email.ends_with("@newsletter.example")).collect();
        let distinct: BTreeSet<&&String> = people.iter().collect();
        self.hold(contacts.len() == 208 && people.len() == 150, "no person is missing at Nimble")?;
        self.hold(distinct.len() == 150, "no person is at Nimble twice")?;
        self.kept("Nimble was asked: all 150 are there, none is missing, none is there twice.");
        Ok(())
    }

    fn clean_up(&self) -> Result<()> {
        self.act(
            "6. One cell, one update",
            "In `people.csv`, exported in act 3, Niamh O'Sullivan's title `Head of Sales` is edited to\n\
             `Sales Director`. The whole sheet goes back; no mapping is needed for the columns of an export.",
        );
        self.edit("people.csv", "Head of Sales", "Sales Director")?;
        let writes = self.writes();
        let shown = self.stage.ferry("import people.csv nimble:contacts --yes")?;
        self.all_went_through(&shown)?;
        self.hold(shown.summary.updated == 1 && shown.summary.unchanged == 57, "one contact is updated")?;
        self.hold(self.writes() == writes + 1, "one write request is sent")?;
        self.kept("One write request for 58 rows.");
        Ok(())
    }

    fn close(&self, seconds: f64) {
        let path = |name: &str| self.stage.path(name).display().to_string();
        let program = self.stage.program().display();
        self.stage.tell(&format!(
            "\n== Where everything lies ==\n\n  \
             {folder}\n    \
             leads.csv, people.jsonl, *.toml    what went in, and the mappings\n    \
             people.csv, people.parquet         what came out\n    \
             .ferry/runs/                       a folder a run: what was asked, each row's outcome, the report\n    \
             {STATE}                      both services as they are now\n\n\
             == What to try next ==\n\n  \
             {program} sim --state {state}\n      \
             both services again, as the tour left them; paste the lines that it prints into a second shell\n  \
             cd {folder}\n  \
             {program} discover nimble:contacts\n  \
             {program} mapping test leads-nimble.toml\n  \
             {program} export nimble:contacts -o - --format jsonl\n\n\
             Everything held: {seconds:.1} s, {requests} requests to the two services.",
            folder = path(""),
            state = path(STATE),
            requests = self.simulator.totals()["requests"],
        ));
    }

    fn act(&self, title: &str, text: &str) {
        self.stage.tell(&format!("\n== {title} ==\n\n{text}"));
    }

    fn kept(&self, text: &str) {
        self.stage.tell(&format!("\n  ✓ {text}"));
    }

    /// Ends the demo when what it tells is not so.
    fn hold(&self, so: bool, what: &str) -> Result<()> {
        if so {
            return Ok(());
        }
        Err(Error::check(format!("the demo's story does not hold: expected that {what}"))
            .hint("the run's folder shows what happened: `ferry runs show RUN` in the demo's folder"))
    }

    fn all_went_through(&self, shown: &Shown) -> Result<()> {
        self.hold(shown.code == 0, "the command ends with exit code 0")
    }

    /// The e-mail addresses of each of Nimble's contacts. A field is four items there: name, value, modifier,
    /// label.
    fn contacts(&self) -> Vec<Vec<String>> {
        let emails = |contact: &Value| {
            let fields = contact["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
            let emails = fields.chunks(4).filter(|field| field[0] == "email");
            emails.filter_map(|field| field.get(1)?.as_str().map(str::to_owned)).collect()
        };
        let state = self.simulator.state();
        state["nimble"]["contacts"].as_array().map(|all| all.iter().map(emails).collect()).unwrap_or_default()
    }

    /// How many records NetHunt holds.
    fn records(&self) -> usize {
        self.simulator.state()["nethunt"]["records"].as_array().map_or(0, Vec::len)
    }

    /// Records created so far, answered or not.
    fn creates(&self) -> u64 {
        self.simulator.totals()["by_effect"]["create"].as_u64().unwrap_or(0)
    }

    /// Requests so far that were not reads.
    fn writes(&self) -> u64 {
        let totals = self.simulator.totals();
        let methods = totals["by_method"].as_object();
        methods
            .into_iter()
            .flatten()
            .filter(|(method, _)| *method != "GET")
            .filter_map(|(_, n)| n.as_u64())
            .sum()
    }

    /// Writes `mended.csv`: two rows of the import's `rejected.csv`, corrected.
    fn write_mended(&self) -> Result<()> {
        let runs = self.stage.path(".ferry/runs");
        let during = || "cannot mend the rejected rows".to_owned();
        let mut found = std::fs::read_dir(&runs).during(during)?.filter_map(Result::ok);
        let Some(rejected) =
            found.find_map(|run| std::fs::read_to_string(run.path().join("rejected.csv")).ok())
        else {
            return Err(Error::check("the import has left no `rejected.csv`"));
        };
        let mut reader = csv::Reader::from_reader(rejected.as_bytes());
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |cause: csv::Error| Error::stopped("cannot mend the rejected rows").because(cause);
        writer.write_record(reader.headers().map_err(failed)?).map_err(failed)?;
        for row in reader.records() {
            let row = row.map_err(failed)?;
            // The second cell of a reject file is the row's number in the sheet.
            if matches!(row.get(1), Some("58" | "59")) {
                let mended = row.iter().map(|cell| match cell {
                    "Congo" => "Congo - Kinshasa",
                    "31/02/1970" => "28/02/1970",
                    cell => cell,
                });
                writer.write_record(mended).map_err(failed)?;
            }
        }
        let bytes = writer.into_inner().map_err(|_| Error::stopped(during()))?;
        std::fs::write(self.stage.path("mended.csv"), bytes).during(during)
    }

    /// Replaces a text that stands once in a file.
    fn edit(&self, name: &str, find: &str, with: &str) -> Result<()> {
        let path = self.stage.path(name);
        let during = || format!("cannot edit `{}`", path.display());
        let text = std::fs::read_to_string(&path).during(during)?;
        self.hold(text.matches(find).count() == 1, &format!("`{find}` stands in `{name}` once"))?;
        std::fs::write(&path, text.replacen(find, with, 1)).during(during)
    }
}
