//! A batch of the records array as rows for staging. Pure.

use super::decode::{Decoder, KIND};
use super::split::Batch;
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
    /// Creation time in Unix milliseconds.
    pub created_ms: Option<i64>,
    /// Time of the last change in Unix milliseconds.
    pub updated_ms: Option<i64>,
}

/// Rows with a census of what they hold: for a first read, where every row is kept. The last ones, of one
/// creation time ([`ties`]), are not counted: they may have to wait for the next batch.
pub(super) fn counted(batch: &Batch) -> Result<(Vec<Row>, Census), Unreadable> {
    let mut rows = Vec::with_capacity(512);
    let mut records = Vec::with_capacity(512);
    for raw in batch.texts()? {
        match Decoder.decode(raw) {
            Err(_) => {
                rows.push(head(raw)?);
                records.push(None);
            }
            Ok(record) => {
                rows.push(row(raw, record.id.clone(), record.created.clone(), record.updated.clone()));
                records.push(Some(record));
            }
        }
    }
    let mut census = Census::default();
    records[..rows.len() - ties(&rows)].iter().flatten().for_each(|record| census.add(record));
    Ok((rows, census))
}

/// How many rows at the end have the creation time of the last.
pub(super) fn ties(rows: &[Row]) -> usize {
    let latest = rows.last().map(|row| row.created_ms);
    rows.iter().rev().take_while(|row| Some(row.created_ms) == latest).count()
}

/// Rows alone: for reads that mostly meet what is known already.
pub(super) fn heads(batch: &Batch) -> Result<Vec<Row>, Unreadable> {
    batch.texts()?.map(head).collect()
}

/// A census of rows that [`heads`] gave.
pub(super) fn census<'a>(records: impl IntoIterator<Item = &'a RawRecord>) -> Census {
    let mut census = Census::default();
    for record in records.into_iter().filter_map(|record| Decoder.decode(&record.raw).ok()) {
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

fn row(raw: &str, id: Option<String>, created: Option<String>, updated: Option<String>) -> Row {
    let ms = |text: &Option<String>| text.as_deref().and_then(instant::parse).map(|at| at.as_millisecond());
    let (created_ms, updated_ms) = (ms(&created), ms(&updated));
    let record = RawRecord { id, kind: Some(KIND.to_owned()), created, updated, raw: raw.to_owned() };
    Row { record, created_ms, updated_ms }
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
        let (rows, census) = counted(&batch(body)).unwrap();
        assert_eq!(rows[0].record.id.as_deref(), Some("a"));
        assert_eq!(rows[0].created_ms, Some(1_689_255_984_113));
        assert_eq!((rows[1].record.id.as_deref(), rows[1].record.raw.as_str()), (None, r#"{"id":7}"#));
        assert_eq!((census.records, ties(&rows)), (1, 1));
    }

    #[test]
    fn unsound_json_is_no_batch() {
        for body in [&b"[{]"[..], b"[{\"a\":}]", b"[{\"a\" 1}]"] {
            assert!(
                split(&mut &*body, |batch| {
                    assert!(counted(&batch).is_err() && heads(&batch).is_err());
                    true
                })
                .is_ok_and(|_| true)
                    || body == b"[{]"
            );
        }
    }
}
