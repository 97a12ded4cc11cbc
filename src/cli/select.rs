//! Which of a source's records are wanted: the flags that `export` and `extract` share.

use crate::connect::Endpoint;
use crate::error::{Error, Result};
use crate::extract::Selection;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::str::FromStr;

#[derive(Debug, clap::Args)]
pub(super) struct SelectArgs {
    /// Only records of this type: person, company
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only records created or changed since: an RFC 3339 time, a date (UTC), `7d`, `12h`, or `last`, where the
    /// last such run ended
    #[arg(long, value_name = "TIME|last")]
    since: Option<Since>,
    /// With `--since`: only changes of this field (NetHunt); may be given several times
    #[arg(long = "changed-field", value_name = "FIELD", requires = "since")]
    changed_fields: Vec<String>,
    /// Only records that match this query, in the service's own language as JSON (Nimble)
    #[arg(long = "where", value_name = "JSON", conflicts_with = "keyword")]
    query: Option<String>,
    /// Only records that the service finds by this word (Nimble)
    #[arg(long, value_name = "TEXT")]
    keyword: Option<String>,
    /// Only records that the service finds by this query (NetHunt)
    #[arg(long, value_name = "QUERY")]
    find: Option<String>,
    /// Only the record of this id, or what belongs to it
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// In this order: `created:desc` (Nimble)
    #[arg(long, value_name = "FIELD:asc|desc")]
    sort: Option<String>,
    /// Only these fields; `"a,b"` in double quotes is one whose name has a comma
    #[arg(long, value_name = "FIELD,..")]
    fields: Vec<String>,
    /// At most so many records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Records a page
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_page: Option<u32>,
    /// How many records there are, as the service's web application shows it: a proof of completeness
    #[arg(long, value_name = "N")]
    expect_count: Option<u64>,
}

/// Since when records are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// Since a moment.
    At(Timestamp),
    /// Since the last finished run of the same kind.
    Last,
}

impl SelectArgs {
    /// Whether it begins where the last run of the same kind ended.
    pub(super) fn since_last(&self) -> bool {
        self.since == Some(Since::Last)
    }

    /// What is wanted of `source`.
    ///
    /// # Errors
    /// When a file is asked for what only a service can do (class `Input`).
    pub(super) fn selection(self, source: &Endpoint) -> Result<Selection> {
        if let (Endpoint::File(_), Some(flag)) = (source, self.of_services()) {
            return Err(Error::input(format!("`{flag}` asks a service, and the source is a file"))
                .hint("a mapping's `[[filter]]` leaves rows of a file out"));
        }
        Ok(Selection {
            kind: self.kind,
            keyword: self.keyword,
            find: self.find,
            query: self.query,
            since: match self.since {
                Some(Since::At(moment)) => Some(moment),
                Some(Since::Last) | None => None,
            },
            record: self.record,
            changed_fields: self.changed_fields,
            sort: self.sort,
            fields: self.fields.iter().flat_map(|list| names(list)).collect(),
            limit: self.limit,
            per_page: self.per_page,
            expect: self.expect_count,
        })
    }

    /// The first flag given that only a service can heed.
    fn of_services(&self) -> Option<&'static str> {
        [
            ("--type", self.kind.is_some()),
            ("--since", self.since.is_some()),
            ("--where", self.query.is_some()),
            ("--keyword", self.keyword.is_some()),
            ("--find", self.find.is_some()),
            ("--record", self.record.is_some()),
            ("--sort", self.sort.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }
}

/// The names of a list that is written like a line of CSV.
fn names(list: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(list.as_bytes());
    let lines = reader.records().filter_map(Result::ok);
    lines.flat_map(|line| line.iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "last" {
            return Ok(Self::Last);
        }
        let moment = text.parse::<Timestamp>().ok().or_else(|| midnight(text)).or_else(|| ago(text));
        moment.map(Self::At).ok_or_else(|| {
            "write a time as `2026-11-01T08:30:00Z`, a date as `2026-11-01`, `7d`, `12h`, or `last`"
                .to_owned()
        })
    }
}

/// The beginning of a date, in UTC.
fn midnight(text: &str) -> Option<Timestamp> {
    let date: Date = text.parse().ok().filter(|_| text.len() == "2026-11-01".len())?;
    TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok()
}

/// So many days or hours ago.
fn ago(text: &str) -> Option<Timestamp> {
    let hours = match text.strip_suffix('d') {
        Some(days) => days.parse::<u32>().ok().map(|days| i64::from(days) * 24),
        None => text.strip_suffix('h')?.parse::<u32>().ok().map(i64::from),
    };
    Timestamp::now().checked_sub(SignedDuration::from_hours(hours?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_full_as_a_date_or_as_so_long_ago() {
        let at = |text: &str| Ok(Since::At(text.parse().unwrap()));
        assert_eq!("last".parse(), Ok(Since::Last));
        assert_eq!("2026-11-01T08:30:00Z".parse::<Since>(), at("2026-11-01T08:30:00Z"));
        assert_eq!("2026-11-01T08:30:00+02:00".parse::<Since>(), at("2026-11-01T06:30:00Z"));
        assert_eq!("2026-11-01".parse::<Since>(), at("2026-11-01T00:00:00Z"));
        let (Since::At(week), Since::At(hours)) = ("7d".parse().unwrap(), "168h".parse().unwrap()) else {
            panic!("no moments");
        };
        assert!(hours.duration_since(week).as_secs() < 60, "{week} {hours}");
        // Without an offset nobody knows which moment is meant.
        for wrong in ["2026-11-01T08:30:00", "yesterday", "", "d", "-1d", "7", "1.5h", "01/11/2026"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_with_a_comma_is_quoted() {
        assert_eq!(names("a,b c"), ["a", "b c"]);
        assert_eq!(names(r#"a,"b,c",d"#), ["a", "b,c", "d"]);
    }
}
