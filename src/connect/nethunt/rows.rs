//! A batch of the records array as rows for staging. Pure.

use super::decode::KIND;
use super::select::Only;
use super::split::Batch;
use super::stream::Stream;
use super::wire::Head;
use crate::extract::Decode;
use crate::http::Unreadable;
use crate::record::census::Census;
use crate::record::{RawRecord, instant};

/// A record as read, with its times as numbers.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The record; without an id where it has none that can be read.
    pub record: RawRecord,
    /// The time that its stream goes by, in Unix milliseconds.
    pub at_ms: Option<i64>,
    /// Time of the last change in Unix milliseconds.
    pub updated_ms: Option<i64>,
    /// The record that a row of a child stream belongs to.
    pub of: Option<String>,
    /// The field that a row of the changes is about.
    pub field: Option<String>,
}

/// A batch of an array.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Rows that are wanted.
    pub rows: Vec<Row>,
    /// Objects in the array, wanted or not; one may give several rows.
    pub objects: u64,
    /// Id and time of the rows that are not wanted.
    pub left: Vec<(Option<String>, Option<i64>)>,
    /// What the rows hold, where it was counted.
    pub census: Option<Census>,
}

/// Rows with a census of what they hold: for a first read, where every row is kept. The last ones, of one
/// time ([`ties`]), are not counted: they may have to wait for the next batch.
pub(super) fn counted(batch: &Batch, stream: Stream, only: &Only) -> Result<Parsed, Unreadable> {
    let mut parsed = Parsed::default();
    let mut records = Vec::with_capacity(512);
    for raw in batch.texts()? {
        parsed.objects += 1;
        for (row, record) in stream.decoded(raw)? {
            if only.admits(&row) {
                parsed.rows.push(row);
                records.push(record);
            } else {
                parsed.left.push((row.record.id, row.at_ms));
            }
        }
    }
    let mut census = Census::default();
    let settled = parsed.rows.len() - ties(&parsed.rows);
    records[..settled].iter().flatten().for_each(|record| census.add(record));
    parsed.census = Some(census);
    Ok(parsed)
}

/// How many rows at the end have the time of the last.
pub(super) fn ties(rows: &[Row]) -> usize {
    let latest = rows.last().map(|row| row.at_ms);
    rows.iter().rev().take_while(|row| Some(row.at_ms) == latest).count()
}

/// Rows alone: for reads that mostly meet what is known already.
pub(super) fn heads(batch: &Batch, stream: Stream, only: &Only) -> Result<Parsed, Unreadable> {
    let mut parsed = Parsed::default();
    for raw in batch.texts()? {
        parsed.objects += 1;
        let (wanted, left): (Vec<_>, Vec<_>) =
            stream.rows(raw)?.into_iter().partition(|row| only.admits(row));
        parsed.rows.extend(wanted);
        parsed.left.extend(left.into_iter().map(|row| (row.record.id, row.at_ms)));
    }
    Ok(parsed)
}

/// A census of rows that [`heads`] gave.
pub(super) fn census<'a>(stream: Stream, records: impl IntoIterator<Item = &'a RawRecord>) -> Census {
    let mut census = Census::default();
    for record in records.into_iter().filter_map(|record| stream.decode(&record.raw).ok()) {
        census.add(&record);
    }
    census
}

/// A row whose fields are not looked at. What is sound JSON but no record is kept as it is: decoding rejects
/// it later, with the reason.
pub(super) fn head(raw: &str) -> Result<Row, Unreadable> {
    if let Ok(head) = serde_json::from_str::<Head<'_>>(raw) {
        let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        return Ok(row(raw, head.key().map(str::to_owned), owned(&head.created_at), owned(&head.updated_at)));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(raw) {
        Ok(_) => Ok(row(raw, None, None, None)),
        Err(error) => Err(Unreadable(format!("the body is not sound JSON: {error}"))),
    }
}

/// A record's row.
pub(super) fn row(raw: &str, id: Option<String>, created: Option<String>, updated: Option<String>) -> Row {
    let ms = |text: &Option<String>| text.as_deref().and_then(instant::parse).map(|at| at.as_millisecond());
    let (at_ms, updated_ms) = (ms(&created), ms(&updated));
    let record = RawRecord { id, kind: Some(KIND.to_owned()), created, updated, raw: raw.to_owned() };
    Row { record, at_ms, updated_ms, of: None, field: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::nethunt::split::split;

    fn batch(mut body: &[u8]) -> Batch {
        let mut whole = None;
        split(&mut body, |batch| {
            whole = Some(batch);
            true
        })
        .unwrap();
        whole.unwrap()
    }

    #[test]
    fn a_record_that_cannot_be_read_is_kept_as_it_is() {
        let body = br#"[{"recordId":"a","createdAt":"2023-07-13T13:46:24.113Z","fields":{"N":1}},{"id":7}]"#;
        let parsed = counted(&batch(body), Stream::Records, &Only::default()).unwrap();
        let (rows, census) = (parsed.rows, parsed.census.unwrap());
        assert_eq!(rows[0].record.id.as_deref(), Some("a"));
        assert_eq!(rows[0].at_ms, Some(1_689_255_984_113));
        assert_eq!((rows[1].record.id.as_deref(), rows[1].record.raw.as_str()), (None, r#"{"id":7}"#));
        assert_eq!((census.records, ties(&rows)), (1, 1));
    }

    #[test]
    fn unsound_json_is_no_batch() {
        for body in [&b"[{]"[..], b"[{\"a\":}]", b"[{\"a\" 1}]"] {
            assert!(
                split(&mut &*body, |batch| {
                    let (of, all) = (Stream::Records, Only::default());
                    assert!(counted(&batch, of, &all).is_err() && heads(&batch, of, &all).is_err());
                    true
                })
                .is_ok_and(|_| true)
                    || body == b"[{]"
            );
        }
    }
}
