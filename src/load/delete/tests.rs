//! Deleting against a service that loses, refuses, breaks down and changes under one's hands.

use super::*;
use crate::account::Account;
use crate::error::Class;
use crate::extract::Source;
use crate::load::target::{
    Candidate, Operation, OperationKind, Ours, Planned, ReadMark, RowToPlan, UpdateState,
};
use crate::record::schema::FieldRef;
use crate::transform::draft::Reject;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the service does with a record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Deletes,
    LosesRequest,
    LosesAnswer,
    FailsBefore,
    FailsAfter,
    Refuses,
    Blocks,
}

/// Decides what becomes of a record that is sent, told how many were before it.
type Fates = dyn Fn(&str, usize) -> Fate + Send + Sync;

/// Deleting compares records as they were read.
struct Undecoded;

impl Decode for Undecoded {
    fn decode(&self, _: &str) -> Result<Record, String> {
        Ok(Record::default())
    }
}

/// Records by id with the time of their last change, and what becomes of those that are sent.
struct Service {
    records: Mutex<BTreeMap<String, String>>,
    fate: Box<Fates>,
    sent: AtomicUsize,
    at_once: usize,
}

impl Service {
    fn new(
        records: usize,
        at_once: usize,
        fate: impl Fn(&str, usize) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let records = (1..=records).map(|n| (format!("r{n}"), "2026-11-01T00:00:00Z".to_owned())).collect();
        Self { records: Mutex::new(records), fate: Box::new(fate), sent: AtomicUsize::new(0), at_once }
    }

    fn change(&self, id: &str) {
        self.records.lock().unwrap().insert(id.to_owned(), "2026-11-02T00:00:00Z".to_owned());
    }

    fn take(&self, id: &str) -> Sent {
        let nth = self.sent.fetch_add(1, Ordering::SeqCst);
        let fate = (self.fate)(id, nth);
        if matches!(fate, Fate::Deletes | Fate::LosesAnswer | Fate::FailsAfter) {
            self.records.lock().unwrap().remove(id);
        }
        let doubt = |server_error| Sent::Doubt { why: format!("{fate:?}"), server_error };
        match fate {
            Fate::Deletes => Sent::Done { id: id.to_owned(), also: Vec::new() },
            Fate::LosesRequest | Fate::LosesAnswer => doubt(false),
            Fate::FailsBefore | Fate::FailsAfter => doubt(true),
            Fate::Refuses => Sent::Refused("not this one".to_owned()),
            Fate::Blocks => Sent::Blocked(Error::stopped("quota spent")),
        }
    }
}

impl Target for Service {
    fn account(&self) -> &Account {
        unreachable!("deleting asks for no account")
    }
    fn source(&self) -> &dyn Source {
        unreachable!("deleting reads by id alone")
    }
    fn deletes_at_once(&self) -> usize {
        self.at_once
    }
    fn delete(&self, ids: &[String]) -> Vec<Sent> {
        ids.iter().map(|id| self.take(id)).collect()
    }
    fn plan(&self, _: &RowToPlan<'_>) -> Result<Planned, Vec<Reject>> {
        Err(Vec::new())
    }
    fn send(&self, _: &Operation, _: Option<&str>) -> Sent {
        Sent::Refused("deletes are sent by ids".to_owned())
    }
    fn read(&self, ids: &[String]) -> Result<Vec<RawRecord>> {
        let records = self.records.lock().unwrap();
        Ok(ids.iter().filter_map(|id| records.get(id).map(|updated| raw(id, updated))).collect())
    }
    fn created_since(&self, _: &ReadMark, _: Ours<'_>) -> Result<Vec<Candidate>> {
        Ok(Vec::new())
    }
    fn look_up(&self, _: &FieldRef, _: &Value) -> Result<Vec<RawRecord>> {
        Ok(Vec::new())
    }
    fn holds(&self, _: &Operation, _: &Record) -> bool {
        false
    }
    fn content(&self, _: &Operation) -> String {
        String::new()
    }
    fn update_state(&self, _: &Operation, _: &Record) -> UpdateState {
        UpdateState::Otherwise
    }
}

fn raw(id: &str, updated: &str) -> RawRecord {
    let raw = json!({"id": id, "updated": updated}).to_string();
    RawRecord { id: Some(id.to_owned()), kind: None, created: None, updated: Some(updated.to_owned()), raw }
}

/// A plan to delete all records of the service.
fn planned(folder: &Path, service: &Service) -> Journal {
    let mut journal = open(folder);
    journal.index_ids().unwrap();
    let records = service.records.lock().unwrap().clone();
    let plan = |journal: &Journal| {
        for (row, (id, updated)) in (1..).zip(&records) {
            assert_eq!(journal.name(row, id)?, None);
            assert_eq!(journal.name(row, id)?, Some(row));
            let before = state_of(&raw(id, updated));
            let operation = Operation { kind: OperationKind::Delete, body: json!({"_id": id}), before };
            journal.plan_delete(row, &operation, &[])?;
        }
        Ok(())
    };
    journal.transaction(plan).unwrap();
    journal
}

fn open(folder: &Path) -> Journal {
    let db = rusqlite::Connection::open(folder.join("checkpoint.sqlite")).unwrap();
    // No test pulls the plug.
    db.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;").unwrap();
    Journal::new(db).unwrap()
}

fn remove(service: &Service, journal: &mut Journal) -> Result<()> {
    Removal {
        target: service,
        decode: &Undecoded,
        concurrency: 3,
        settle: Duration::ZERO,
        stop: &Stop::default(),
        server_now: &Timestamp::now,
        progress: &|_| {},
    }
    .run(journal)
}

/// Rows by outcome, as words; open ones as `open`.
fn counts(journal: &Journal) -> Vec<(&'static str, u64)> {
    let counts = journal.counts().unwrap();
    counts.into_iter().map(|(outcome, rows)| (outcome.map_or("open", Outcome::word), rows)).collect()
}

fn left(service: &Service) -> Vec<String> {
    service.records.lock().unwrap().keys().cloned().collect()
}

#[test]
fn what_is_as_it_was_goes_and_what_has_changed_stays() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::new(100, 7, |id, _| if id == "r13" { Fate::Refuses } else { Fate::Deletes });
    let mut journal = planned(folder.path(), &service);
    service.change("r50");
    service.change("r99");
    service.records.lock().unwrap().remove("r1");
    remove(&service, &mut journal).unwrap();
    assert_eq!(counts(&journal), [("deleted", 97), ("conflict", 2), ("failed", 1)]);
    assert_eq!(left(&service), ["r13", "r50", "r99"]);
    assert_eq!(service.sent.load(Ordering::SeqCst), 97, "changed and vanished records are not sent");
}

#[test]
fn what_is_in_doubt_is_read_and_only_sent_again_if_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::new(40, 4, |id, nth| match id {
        "r5" | "r6" if nth < 40 => Fate::LosesAnswer,
        "r7" if nth < 40 => Fate::LosesRequest,
        "r8" if nth < 40 => Fate::FailsAfter,
        "r9" => Fate::FailsBefore,
        _ => Fate::Deletes,
    });
    let mut journal = planned(folder.path(), &service);
    remove(&service, &mut journal).unwrap();
    // Two answers of 5xx and still there: the service cannot delete it.
    assert_eq!(counts(&journal), [("deleted", 39), ("failed", 1)]);
    assert_eq!(left(&service), ["r9"]);
    assert_eq!(service.sent.load(Ordering::SeqCst), 42, "r7 and r9 were sent twice, the rest once");
}

#[test]
fn a_block_leaves_the_rest_for_a_later_life() {
    let folder = tempfile::tempdir().unwrap();
    let service =
        Service::new(60, 5, |_, nth| if (20..40).contains(&nth) { Fate::Blocks } else { Fate::Deletes });
    let mut journal = planned(folder.path(), &service);
    let stopped = remove(&service, &mut journal).unwrap_err();
    assert_eq!((stopped.class(), stopped.to_string().as_str()), (Class::Stopped, "quota spent"));
    assert!(!journal.has_open_intents().unwrap(), "what was not sent is no intent");
    drop(journal);
    let mut journal = open(folder.path());
    for _ in 0..10 {
        if remove(&service, &mut journal).is_ok() {
            break;
        }
    }
    assert_eq!(counts(&journal), [("deleted", 60)]);
    assert!(left(&service).is_empty());
}

#[test]
fn a_service_that_answers_nothing_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::new(500, 5, |_, _| Fate::LosesRequest);
    let mut journal = planned(folder.path(), &service);
    let stopped = remove(&service, &mut journal).unwrap_err();
    assert!(stopped.to_string().contains("the service deletes nothing"), "{stopped}");
    assert!(service.sent.load(Ordering::SeqCst) < 500, "it does not try them all");
    assert_eq!(left(&service).len(), 500);
    assert!(journal.has_open_intents().unwrap());
}

#[test]
fn whatever_happens_every_row_has_one_outcome_and_no_changed_record_goes() {
    use Fate::{Blocks, Deletes, FailsAfter, FailsBefore, LosesAnswer, LosesRequest, Refuses};
    for seed in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let fates = [LosesRequest, LosesAnswer, FailsBefore, FailsAfter, Refuses, Blocks];
        let dice = Mutex::new(fastrand::Rng::with_seed(seed));
        let service = Service::new(50, 1 + seed as usize % 4, move |_, _| {
            let mut dice = dice.lock().unwrap();
            if dice.u8(..10) < 7 { Deletes } else { *dice.choice(&fates[..]).unwrap() }
        });
        let mut journal = planned(folder.path(), &service);
        let mut dice = fastrand::Rng::with_seed(seed);
        let changed: Vec<String> = (0..5).map(|_| format!("r{}", dice.u8(1..=50))).collect();
        changed.iter().for_each(|id| service.change(id));
        // A life that died after its intents were committed.
        for pending in journal.next(0, 3).unwrap() {
            journal.intend(pending.row, pending.seq, 0).unwrap();
        }
        for _ in 0..100 {
            if remove(&service, &mut journal).is_ok() {
                break;
            }
        }
        let counts: BTreeMap<_, _> = counts(&journal).into_iter().collect();
        assert_eq!(counts.values().sum::<u64>(), 50, "seed {seed}");
        assert!(!counts.contains_key("open"), "seed {seed}: {counts:?}");
        let left = left(&service);
        assert!(changed.iter().all(|id| left.contains(id)), "seed {seed}");
        let deleted = counts.get("deleted").copied().unwrap_or(0);
        assert_eq!(deleted, 50 - left.len() as u64, "seed {seed}: {counts:?}");
    }
}
