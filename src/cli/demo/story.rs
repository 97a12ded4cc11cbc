//! The chapters of the tour, each with what has to hold at its end.

use super::files::edit_cell;
use super::stage::{Played, Stage};
use super::witness::Tally;
use crate::error::Result;

/// Rows of `leads.csv`, and how many of them cannot be taken.
const LEADS: u64 = 60;
const REFUSED: u64 = 4;
const CONTACTS: u64 = LEADS - REFUSED;
/// People in `people.jsonl`, and after how many of them the import is killed.
const PEOPLE: u64 = 150;
const KILLED_AFTER: u64 = 60;
/// The part of an e-mail address that only those people have.
const THEIRS: &str = "@newsletter.example";
/// How long a write takes while the import is to be killed, in milliseconds.
const SLOW: u64 = 25;
/// The cell that is edited.
const PHONE: (&str, &str, &str) = ("phone[work]", "ask Kari at the front desk", "+47 55 55 01 42");

/// Tells everything.
///
/// # Errors
/// When something in it does not hold, or the tour is broken off.
pub(super) fn tell(stage: &Stage<'_>) -> Result<()> {
    opening(stage)?;
    leads_into_nimble(stage)?;
    contacts_into_files(stage)?;
    one_edited_cell(stage)?;
    contacts_into_nethunt(stage)?;
    killed_and_resumed(stage)?;
    closing(stage)
}

fn opening(stage: &Stage<'_>) -> Result<()> {
    stage.tell(format!(
        "Ferry moves contacts between CRMs and files. This tour runs the real program against a simulator of\n\
         Nimble and NetHunt that listens on this machine alone; nothing leaves it. Its files lie in `{}`.\n\n\
         Where the services are and who may enter, a command learns from its environment:\n\n{}",
        stage.folder.display(),
        stage.exports()
    ));
    stage.chapter("1. Are the credentials good?");
    let checked = stage.ferry(&["check"])?;
    stage.hold(checked.code == Some(0), "both services let us in")
}

fn leads_into_nimble(stage: &Stage<'_>) -> Result<()> {
    stage.chapter("2. A messy sheet goes into Nimble");
    stage.tell(
        "leads.csv has 60 rows as people type them: countries in twenty languages, two e-mails in a cell,\n\
         phone numbers in every fashion, Excel's apostrophes, a double. leads-nimble.toml says what becomes of\n\
         each column. What is about to happen is shown before anything is sent (`-n` would stop there).",
    );
    let before = stage.witness.tally()?;
    let played =
        stage.ferry(&["import", "leads.csv", "nimble:contacts", "-m", "leads-nimble.toml", "--yes"])?;
    stage.tell(
        "60 read = 56 created + 4 rejected: every row is accounted for. The rejected ones wait in rejected.csv,\n\
         each with its line and the reason: a double, a country that may be either of two, a day that no\n\
         calendar has, a row without e-mail and phone. Corrected, that file can be imported as it is. Exit 1\n\
         tells a script that rows were left behind.",
    );
    let summary = &played.summary;
    let done = done_since(stage, before)?;
    stage.hold(
        played.code == Some(1)
            && (summary.read, summary.rejected, summary.created) == (LEADS, REFUSED, CONTACTS)
            && done == Tally { creates: CONTACTS, updates: 0 },
        &format!("{CONTACTS} contacts were created at the service, no more and no fewer"),
    )
}

fn contacts_into_files(stage: &Stage<'_>) -> Result<()> {
    stage.chapter("3. Everything out, as a sheet and as Parquet");
    for file in ["contacts.csv", "contacts.parquet"] {
        let played = stage.ferry(&["export", "nimble:contacts", "-o", file])?;
        let whole = played.code == Some(0) && played.summary.written == CONTACTS;
        stage.hold(
            whole,
            &format!("{CONTACTS} contacts are in {file}, and the read was proven to be whole"),
        )?;
    }
    Ok(())
}

fn one_edited_cell(stage: &Stage<'_>) -> Result<()> {
    let (column, old, new) = PHONE;
    stage.chapter("4. The sheet comes back with one cell edited");
    stage.tell(format!(
        "In contacts.csv, column {column}: `{old}` → `{new}`.\n\
         Columns of an export are understood without a mapping, and only what differs is sent."
    ));
    edit_cell(&stage.folder.join("contacts.csv"), column, old, new)?;
    let before = stage.witness.tally()?;
    let played = stage.ferry(&["import", "contacts.csv", "nimble:contacts", "--yes"])?;
    let summary = &played.summary;
    let done = done_since(stage, before)?;
    stage.hold(
        played.code == Some(0)
            && (summary.updated, summary.unchanged) == (1, CONTACTS - 1)
            && done == Tally { creates: 0, updates: 1 },
        "one cell edited, one update sent",
    )
}

fn contacts_into_nethunt(stage: &Stage<'_>) -> Result<()> {
    stage.chapter("5. From Nimble to NetHunt");
    stage.tell(
        "A ready-made mapping says what becomes of a Nimble contact in a NetHunt folder. The Nimble id goes along\n\
         as `External ID`, so that each person is found again.",
    );
    let moved = |stage: &Stage<'_>| -> Result<(Played, Tally)> {
        let before = stage.witness.tally()?;
        let mapping = "nimble-contacts-nethunt.toml";
        let played =
            stage.ferry(&["import", "nimble:contacts", "nethunt:Contacts", "-m", mapping, "--yes"])?;
        Ok((played, done_since(stage, before)?))
    };
    let (played, done) = moved(stage)?;
    stage.hold(
        played.code == Some(0)
            && played.summary.created == CONTACTS
            && done == Tally { creates: CONTACTS, updates: 0 },
        &format!("{CONTACTS} records are in NetHunt"),
    )?;
    stage.tell("The same command once more:");
    let (played, done) = moved(stage)?;
    stage.hold(
        played.code == Some(0)
            && played.summary.unchanged == CONTACTS
            && done == Tally { creates: 0, updates: 0 },
        "a second run had nothing to do and wrote nothing",
    )
}

fn killed_and_resumed(stage: &Stage<'_>) -> Result<()> {
    stage.chapter("6. The power fails in the midst of an import");
    stage.tell(format!(
        "{PEOPLE} people of people.jsonl are on their way when the program is killed with `kill -9`: no warning, no\n\
         farewell, requests in flight whose answers nobody will read."
    ));
    let before = stage.witness.tally()?;
    stage.witness.slow_down_writes(SLOW)?;
    let import = ["import", "people.jsonl", "nimble:contacts", "-m", "people-nimble.toml", "--yes"];
    let killed = stage.ferry_killed(&import, || Ok(done_since(stage, before)?.creates >= KILLED_AFTER))?;
    let stored = stage.witness.contacts_by_email(THEIRS)?.len() as u64;
    stage.hold(
        killed.code.is_none() && (KILLED_AFTER..PEOPLE).contains(&stored),
        &format!("killed when the service had stored {stored} of {PEOPLE}"),
    )?;
    stage.tell(
        "Every create was written down before it was sent. `resume` waits out the settle time, asks the service\n\
         which of the unanswered ones arrived, adopts those, and sends the rest.",
    );
    let resumed = stage.ferry(&["resume", "--last", "--yes"])?;
    stage.witness.slow_down_writes(0)?;
    let copies = stage.witness.contacts_by_email(THEIRS)?;
    let once = (1..=PEOPLE).all(|number| copies.get(&format!("p{}{THEIRS}", 1000 + number)) == Some(&1));
    let done = done_since(stage, before)?;
    stage.hold(
        resumed.code == Some(0)
            && resumed.summary.created == PEOPLE
            && once
            && copies.len() as u64 == PEOPLE
            && done == Tally { creates: PEOPLE, updates: 0 },
        &format!(
            "counted at the service: {PEOPLE} people, {} creates, none missing, none twice",
            done.creates
        ),
    )
}

fn closing(stage: &Stage<'_>) -> Result<()> {
    stage.chapter("7. Where everything lies");
    stage.tell(format!(
        "In `{}`:\n  \
           leads.csv people.jsonl kontakte.csv   what it began with; each has its mapping beside it\n  \
           contacts.csv contacts.parquet         the exports\n  \
           .ferry/runs/                          a folder a run: what was asked, what became of every row\n\n\
         Try next, in that folder: `ferry runs`, and `ferry runs show` with a part of a run's name. Or start\n\
         `ferry sim` in a second terminal, paste the lines it prints into this one, and\n  \
           ferry import kontakte.csv nimble:contacts -m kontakte-nimble.toml -n     a German sheet; shows the plan\n  \
           ferry discover nimble:contacts                                         what fields there are\n  \
           ferry mapping test leads-nimble.toml                                   a mapping's own examples\n  \
           ferry --help\n\n\
         Done in {:.1} s; all of it held.",
        stage.folder.display(),
        stage.began().elapsed().as_secs_f64()
    ));
    Ok(())
}

/// What the services have done since `before`.
fn done_since(stage: &Stage<'_>, before: Tally) -> Result<Tally> {
    let now = stage.witness.tally()?;
    Ok(Tally { creates: now.creates - before.creates, updates: now.updates - before.updates })
}
