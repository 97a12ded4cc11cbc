//! What a stage remembers beside its records: facts of its source, and records that the service deleted; and
//! what is kept of all that when a read ends early.

use super::Staging;
use crate::error::Result;
use jiff::Timestamp;
use rusqlite::OptionalExtension;

impl Staging {
    /// A fact remembered by [`Staging::set_note`], also by an earlier life.
    ///
    /// # Errors
    /// When the checkpoint cannot be read.
    pub fn note(&self, key: &str) -> Result<Option<String>> {
        if let Some((_, value)) = self.pending_notes.iter().rev().find(|(pending, _)| pending == key) {
            return Ok(Some(value.clone()));
        }
        let sql = format!("SELECT value FROM {}_note WHERE key = ?", self.stage);
        Ok(self.db.prepare_cached(&sql)?.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Remembers a fact, durably with the next finished page.
    pub fn set_note(&mut self, key: &str, value: impl Into<String>) {
        self.pending_notes.push((key.to_owned(), value.into()));
    }

    /// Notes that the service deleted a record, durably with the next finished page or at the end.
    pub fn delete(&mut self, id: &str, at: Option<Timestamp>) {
        self.pending_deletions.push((id.to_owned(), at));
    }

    /// Tells `take` the records noted as deleted, by id, with the time where it is known.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, and those of `take`.
    pub fn deletions(&self, mut take: impl FnMut(&str, Option<&str>) -> Result<()>) -> Result<()> {
        let mut query = self.db.prepare(&format!("SELECT id, at FROM {}_deleted ORDER BY id", self.stage))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (id, at): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            take(&id, at.as_deref())?;
        }
        Ok(())
    }

    /// A read that ended, with its pages made durable where it ended early: it then goes on behind the last
    /// finished page, as if the process had been killed there. What was noted later belongs to a page that
    /// never came, and is left out; so is everything when a page could not be written.
    ///
    /// # Errors
    /// The read's own; when it had none, there is none.
    pub fn kept<T>(&mut self, read: Result<T>) -> Result<T> {
        if let (Err(_), Some((notes, deletions))) = (&read, self.at_page) {
            self.pending_notes.truncate(notes);
            self.pending_deletions.truncate(deletions);
            // The read's own error says more than one of the disk; what is not kept is read again.
            let _ = self.commit();
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::record::RawRecord;
    use crate::record::census::Census;

    fn page(staging: &mut Staging, key: &str) {
        let record = RawRecord {
            id: Some(key.to_owned()),
            kind: None,
            created: None,
            updated: None,
            raw: "{}".to_owned(),
        };
        staging.page(key, vec![record], Census::default()).unwrap();
    }

    #[test]
    fn a_read_that_ends_early_keeps_its_finished_pages_and_what_was_noted_with_them() {
        let folder = tempfile::tempdir().unwrap();
        {
            let mut staging = Staging::open(folder.path(), "extract").unwrap();
            staging.set_note("done", "1");
            page(&mut staging, "one");
            staging.set_note("done", "2");
            staging.delete("three", None);
            let read: Result<()> = staging.kept(Err(Error::stopped("the service is down")));
            assert_eq!(read.unwrap_err().to_string(), "the service is down");
        }
        let staging = Staging::open(folder.path(), "extract").unwrap();
        assert!(staging.is_done("one"));
        assert_eq!((staging.staged(), staging.note("done").unwrap().as_deref()), (1, Some("1")));
        staging.deletions(|id, _| panic!("{id} is not noted")).unwrap();
    }

    #[test]
    fn a_read_that_ends_well_keeps_what_it_noted_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut staging = Staging::open(folder.path(), "extract").unwrap();
        page(&mut staging, "one");
        staging.set_note("watermark", "now");
        assert_eq!(staging.kept(Ok(7)).unwrap(), 7);
        assert_eq!(staging.note("watermark").unwrap().as_deref(), Some("now"));
    }
}
