//! What becomes of creates in doubt, once a sweep has shown which records are new (design section 9.3). Pure.
//!
//! Rows of equal key, or without a key of equal content, form a class of k rows; m new records match it.
//! With m ≤ k the first m rows, in row order, adopt the records in id order and the other k − m were not
//! carried out. A record that may be of several classes counts for the likest that has room for it. With m > k
//! somebody else made one of them, nobody can tell which, and the class stays in doubt.
//! That a class is only looked at when none of its rows is in flight or still unripe is up to the caller; the
//! sweep at the end, when everything else is sent, sees to it.

use std::collections::BTreeMap;

/// A create in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtRow {
    /// Its row.
    pub row: u64,
    /// Which rows it cannot be told from.
    pub class: String,
    /// Sweeps that did not find it, before this one.
    pub misses: u32,
    /// How many of them followed a 5xx.
    pub failures: u32,
    /// Whether its last answer was a 5xx.
    pub server_error: bool,
    /// When it was sent, by the server's clock, Unix milliseconds.
    pub sent_ms: i64,
}

/// A new record at the service that may be one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// Its id.
    pub id: String,
    /// When it was created, Unix milliseconds.
    pub created_ms: Option<i64>,
    /// The class whose key it has, or whose content; none where it matches no row.
    pub class: Option<String>,
    /// Other classes of which it may be as well, since the service tidies what it stores.
    pub also: Vec<String>,
    /// Whether it holds all that the class's rows sent; false where only the key is the same.
    pub holds: bool,
}

/// What a row in doubt comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The record is this row's.
    Adopt(String),
    /// It was not carried out: send it again.
    Send,
    /// Not found twice after a 5xx: the service does not take it.
    Failed,
    /// It cannot be told; the reason, for people.
    Stay(String),
    /// A record with the row's key exists, but with other content.
    Conflict(String),
}

/// Sweeps without a find after which a row that never got a 5xx stays in doubt instead of being sent again.
pub(super) const MOST_MISSES: u32 = 6;

/// Decides for every row. `around_ms` is how far from its sending a record that matches no row casts doubt.
#[must_use]
pub fn settle(rows: &[DoubtRow], records: &[NewRecord], around_ms: i64) -> Vec<(u64, Verdict)> {
    let mut classes: BTreeMap<&str, Vec<&DoubtRow>> = BTreeMap::new();
    for row in rows {
        classes.entry(&row.class).or_default().push(row);
    }
    let strays: Vec<&NewRecord> = records.iter().filter(|record| record.class.is_none()).collect();
    let classed = shared_out(&classes, records);
    let mut verdicts = Vec::new();
    for (class, mut members) in classes {
        members.sort_by_key(|member| member.row);
        let of_class = || classed.iter().filter(|(of, _)| *of == Some(class)).map(|(_, record)| *record);
        let mut found: Vec<&str> =
            of_class().filter(|record| record.holds).map(|record| record.id.as_str()).collect();
        found.sort_unstable();
        if found.len() > members.len() {
            let why =
                format!("{} new records match {} rows: {}", found.len(), members.len(), found.join(", "));
            verdicts.extend(members.iter().map(|member| (member.row, Verdict::Stay(why.clone()))));
            continue;
        }
        let other = of_class().find(|record| !record.holds);
        for (index, member) in members.into_iter().enumerate() {
            let verdict = match (found.get(index), other) {
                (Some(id), _) => Verdict::Adopt((*id).to_owned()),
                (None, Some(record)) => {
                    Verdict::Conflict(format!("record {} has its key and other content", record.id))
                }
                (None, None) => not_found(member, &strays, around_ms),
            };
            verdicts.push((member.row, verdict));
        }
    }
    verdicts.sort_by_key(|(row, _)| *row);
    verdicts
}

/// The class that each record counts for.
fn shared_out<'a>(
    classes: &BTreeMap<&str, Vec<&DoubtRow>>,
    records: &'a [NewRecord],
) -> Vec<(Option<&'a str>, &'a NewRecord)> {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let share = |record: &'a NewRecord| {
        let has_room = |class: &&str| {
            let rows = classes.get(class).map_or(0, Vec::len);
            taken.get(class).copied().unwrap_or(0) < rows
        };
        let fitting = record.class.iter().chain(&record.also).map(String::as_str);
        let class = fitting.clone().find(has_room).or(record.class.as_deref());
        if let Some(class) = class {
            *taken.entry(class).or_default() += 1;
        }
        (class, record)
    };
    records.iter().map(share).collect()
}

fn not_found(member: &DoubtRow, strays: &[&NewRecord], around_ms: i64) -> Verdict {
    let near = |record: &&&NewRecord| {
        record.created_ms.is_none_or(|created| (created - member.sent_ms).abs() <= around_ms)
    };
    if let Some(stray) = strays.iter().find(near) {
        return Verdict::Stay(format!("record {} is new, matches no row and may be this one", stray.id));
    }
    if member.server_error && member.failures >= 1 {
        return Verdict::Failed;
    }
    match member.misses + 1 {
        misses if misses >= MOST_MISSES => {
            Verdict::Stay(format!("sent {misses} times, never answered, never found"))
        }
        _ => Verdict::Send,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: u64, class: &str) -> DoubtRow {
        DoubtRow { row, class: class.into(), misses: 0, failures: 0, server_error: false, sent_ms: 1_000_000 }
    }

    fn record(id: &str, class: Option<&str>) -> NewRecord {
        let class = class.map(str::to_owned);
        NewRecord { id: id.into(), created_ms: Some(1_000_500), class, also: Vec::new(), holds: true }
    }

    fn adopt(id: &str) -> Verdict {
        Verdict::Adopt(id.into())
    }

    #[test]
    fn as_many_rows_adopt_as_there_are_records_and_the_rest_is_sent() {
        let rows = [row(3, "a"), row(1, "a"), row(2, "a"), row(9, "b")];
        let verdicts = settle(&rows, &[record("y", Some("a")), record("x", Some("a"))], 60_000);
        assert_eq!(verdicts, [(1, adopt("x")), (2, adopt("y")), (3, Verdict::Send), (9, Verdict::Send)]);
    }

    #[test]
    fn a_record_that_may_be_of_two_classes_counts_for_one_with_room() {
        let either = |id: &str| NewRecord { also: vec!["b".into()], ..record(id, Some("a")) };
        let rows = [row(1, "a"), row(2, "b")];
        assert_eq!(settle(&rows, &[either("x")], 60_000), [(1, adopt("x")), (2, Verdict::Send)]);
        let verdicts = settle(&rows, &[either("x"), either("y")], 60_000);
        assert_eq!(verdicts, [(1, adopt("x")), (2, adopt("y"))]);
        let verdicts = settle(&rows, &[either("x"), either("y"), either("z")], 60_000);
        assert!(matches!(&verdicts[..], [(1, Verdict::Stay(_)), (2, Verdict::Adopt(_))]));
    }

    #[test]
    fn more_records_than_rows_leave_the_class_in_doubt() {
        let verdicts = settle(&[row(1, "a")], &[record("x", Some("a")), record("y", Some("a"))], 60_000);
        assert!(matches!(&verdicts[..], [(1, Verdict::Stay(_))]));
    }

    #[test]
    fn a_record_with_the_key_and_other_content_is_a_conflict() {
        let other = NewRecord { holds: false, ..record("x", Some("a")) };
        assert!(matches!(&settle(&[row(1, "a")], &[other], 60_000)[..], [(1, Verdict::Conflict(_))]));
    }

    #[test]
    fn a_stray_record_of_about_that_time_forbids_not_found() {
        let near = record("x", None);
        let far = NewRecord { created_ms: Some(9_000_000), ..record("x", None) };
        assert!(matches!(&settle(&[row(1, "a")], &[near], 60_000)[..], [(1, Verdict::Stay(_))]));
        assert_eq!(settle(&[row(1, "a")], &[far], 60_000), [(1, Verdict::Send)]);
    }

    #[test]
    fn not_found_twice_after_a_server_error_has_failed() {
        let first = DoubtRow { server_error: true, ..row(1, "a") };
        let second = DoubtRow { misses: 1, failures: 1, ..first.clone() };
        // Lost before, it has failed once now.
        let lost_before = DoubtRow { misses: 3, ..first.clone() };
        let lost_after = DoubtRow { server_error: false, ..second.clone() };
        assert_eq!(settle(&[first], &[], 60_000), [(1, Verdict::Send)]);
        assert_eq!(settle(&[second], &[], 60_000), [(1, Verdict::Failed)]);
        assert_eq!(settle(&[lost_before], &[], 60_000), [(1, Verdict::Send)]);
        assert_eq!(settle(&[lost_after], &[], 60_000), [(1, Verdict::Send)]);
        let silent = DoubtRow { misses: 4, ..row(1, "a") };
        assert_eq!(settle(&[silent], &[], 60_000), [(1, Verdict::Send)]);
    }
}
