//! Unmapped imports: a file's columns are those of a plain export, and go back where they came from
//! (design sections 4 and 6).
//!
//! A cell is read as the export wrote it: list columns are split, prose is not, everything else is taken
//! whole. In files that have lists of their own, prose that reads as a list is a text all the same. An empty cell asks for nothing by itself, `#N/A` clears; where the version that a row was made from is
//! known, the load stage sees that a cell was emptied.

use super::draft::{CLEAR, Draft, OnExtra, TargetField, Write};
use crate::error::{Error, Result};
use crate::record::census::Census;
use crate::record::columns::{Coding, coding};
use crate::record::schema::{FieldRef, FieldSpec, Modifier, Schema, Side};
use crate::record::{Field, Record, list_cell, to_text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Columns of an unmapped file, resolved against its target.
#[derive(Debug, Clone)]
pub struct Plain {
    columns: Vec<PlainColumn>,
    targets: Vec<TargetField>,
    separator: char,
    /// Whether the file has lists of its own: several texts of prose are then never one text.
    typed: bool,
    /// Whether a row may leave columns out, and so say nothing of them.
    leaves_out: bool,
}

#[derive(Debug, Clone)]
struct PlainColumn {
    header: String,
    coding: Coding,
    is_part: bool,
}

impl Plain {
    /// Resolves the headers of `file` against the fields of the target. Columns that begin with `_ferry_` are
    /// Ferry's own and no fields.
    ///
    /// # Errors
    /// When a header means no field of the target (class `Input`), with the nearest name.
    pub fn new(file: &Schema, target: &Schema, census: &Census, separator: char) -> Result<Self> {
        let (columns, targets) = (Vec::new(), Vec::new());
        let mut plain = Self { columns, targets, separator, typed: false, leaves_out: false };
        for header in file.fields.iter().map(|field| &field.name) {
            if header.starts_with("_ferry_") {
                continue;
            }
            let place = place_of(header, target, census).map_err(|error| {
                let hint = match error.way_out() {
                    Some(hint) => hint.to_owned(),
                    None => {
                        "name the columns as `ferry export` does, or import with a mapping (`-m`)".to_owned()
                    }
                };
                Error::input(format!("`{}`: {error}", file.of)).hint(hint)
            })?;
            let modifier = match &place.modifier {
                Modifier::Named(name) => name.as_str(),
                Modifier::Any | Modifier::First => "",
            };
            let unlisted = FieldSpec { name: place.name.clone(), ..FieldSpec::default() };
            let spec = target.field(&place.name).unwrap_or(&unlisted);
            let coding = coding(spec, census.tally(&place.name, modifier));
            let is_part = place.part.is_some();
            plain.columns.push(PlainColumn { header: header.clone(), coding, is_part });
            plain.targets.push(TargetField {
                multi: (coding == Coding::List).then_some(true),
                place,
                write: Write::Replace,
                kind: None,
                on_extra: OnExtra::Reject,
            });
        }
        Ok(plain)
    }

    /// Whether a header means something at the target.
    #[must_use]
    pub fn is_known(header: &str, target: &Schema, census: &Census) -> bool {
        place_of(header, target, census).is_ok()
    }

    /// For files that have lists of their own (JSON Lines, Parquet): a text there is one value, also where a cell of
    /// prose would hold several in that form. List columns are split all the same, as other tools join them.
    #[must_use]
    pub fn typed(mut self, typed: bool) -> Self {
        self.typed = typed;
        self
    }

    /// For files whose rows may leave columns out (JSON Lines): what is not there is then not taken for blank.
    #[must_use]
    pub fn leaving_out(mut self, leaves_out: bool) -> Self {
        self.leaves_out = leaves_out;
        self
    }

    /// The headers of the columns, one a target.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.header.as_str())
    }

    /// How the cells of each column are read.
    pub fn codings(&self) -> impl Iterator<Item = (&str, Coding)> {
        self.columns.iter().map(|column| (column.header.as_str(), column.coding))
    }

    /// What the text of a cell in one of the columns asks for; nothing where it is blank.
    #[must_use]
    pub fn read(&self, column: usize, text: &str) -> Option<Vec<Value>> {
        self.of_text(self.columns.get(column)?, text)
    }

    /// Places that the columns write to.
    #[must_use]
    pub fn targets(&self) -> &[TargetField] {
        &self.targets
    }

    /// What a row of the file asks for.
    #[must_use]
    pub fn apply(&self, row: &Record) -> Draft {
        let values =
            self.columns.iter().map(|column| self.values(column, row.field(&column.header))).collect();
        let time =
            |name| row.field(name).and_then(|field| field.entries.first()).map(|entry| to_text(&entry.value));
        let filled = |name| time(name).filter(|text: &String| !text.trim().is_empty());
        let seen_updated = filled("_updated").or_else(|| filled("_created"));
        let absent = |(at, column): (usize, &PlainColumn)| row.field(&column.header).is_none().then_some(at);
        let silent = match self.leaves_out {
            true => self.columns.iter().enumerate().filter_map(absent).collect(),
            false => Vec::new(),
        };
        let digest = filled("_id").is_none().then(|| digest(row));
        Draft { values, seen_updated, silent, digest, ..Draft::default() }
    }

    fn values(&self, column: &PlainColumn, field: Option<&Field>) -> Option<Vec<Value>> {
        let field = field?;
        let cells: Vec<&Value> = field.entries.iter().map(|entry| &entry.value).collect();
        if let [Value::String(text)] = cells.as_slice()
            && !field.list
        {
            return self.of_text(column, text);
        }
        let mut values: Vec<Value> = cells
            .into_iter()
            .map(|value| if value.is_null() { Value::String(String::new()) } else { value.clone() })
            .collect();
        if !column.is_part {
            values.retain(|value| !crate::record::is_empty(value));
        }
        (!values.iter().all(crate::record::is_empty)).then_some(values)
    }

    fn of_text(&self, column: &PlainColumn, text: &str) -> Option<Vec<Value>> {
        if text.is_empty() {
            return None;
        }
        if text == CLEAR {
            return Some(Vec::new());
        }
        let mut items = match column.coding {
            Coding::Single => vec![text.to_owned()],
            Coding::Prose if self.typed => vec![text.to_owned()],
            Coding::List => list_cell::split(text, self.separator),
            Coding::Prose => list_cell::split_prose(text),
        };
        if !column.is_part {
            items.retain(|item| !item.is_empty());
        }
        (!items.iter().all(String::is_empty)).then(|| items.into_iter().map(Value::String).collect())
    }
}

/// A digest of what a row says, whatever the order of its columns and the kind of file: several values stand as in the
/// cell of a CSV file, and blank cells and Ferry's own columns say nothing. It
/// is of the cells, since what is read of them depends on what the target's records hold.
fn digest(row: &Record) -> String {
    let says = |field: &&Field| {
        !field.name.starts_with("_ferry_")
            && field.entries.iter().any(|entry| !to_text(&entry.value).trim().is_empty())
    };
    let text = |field: &Field| match field.entries.as_slice() {
        [entry] if !field.list => to_text(&entry.value),
        entries => {
            let values: Vec<_> = entries.iter().map(|entry| to_text(&entry.value)).collect();
            list_cell::join(&values, ';')
        }
    };
    let mut cells: Vec<_> =
        row.fields.iter().filter(says).map(|field| (field.name.as_str(), text(field))).collect();
    cells.sort();
    let digest = Sha256::digest(json!(cells).to_string());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The place that a header of a plain export means, also for fields and modifiers that the schema does not
/// list but the target's records have.
fn place_of(header: &str, target: &Schema, census: &Census) -> Result<FieldRef> {
    let unknown = match target.resolve(header, Side::To) {
        Ok(place) => return Ok(place),
        Err(unknown) => unknown,
    };
    let named = |name: &str, modifier: &str, part: Option<&str>| FieldRef {
        name: name.to_owned(),
        modifier: Modifier::Named(modifier.to_owned()),
        part: part.map(str::to_owned),
    };
    if target.field(header).is_some() || census.tally(header, "").is_some() {
        return Ok(named(header, "", None));
    }
    for (name, by_modifier) in &census.fields {
        for (modifier, tally) in by_modifier {
            let whole = named(name, modifier, None);
            if whole.to_string() == header {
                return Ok(whole);
            }
            let parts = target.field(name).map(|field| field.parts.as_slice()).unwrap_or_default();
            for part in parts.iter().map(String::as_str).chain(tally.parts.iter().map(String::as_str)) {
                let place = named(name, modifier, Some(part));
                if place.to_string() == header {
                    return Ok(place);
                }
            }
        }
    }
    let error = Error::input(unknown.what);
    Err(match unknown.hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Entry;
    use serde_json::json;

    fn file(headers: &[&str]) -> Schema {
        let field = |name: &&str| FieldSpec { name: (*name).to_owned(), ..FieldSpec::default() };
        Schema { of: "a.csv".into(), fields: headers.iter().map(field).collect(), ..Schema::default() }
    }

    fn nimble() -> Schema {
        let field = |name: &str, modifier: &str, several: bool, prose: bool| FieldSpec {
            name: name.into(),
            modifiers: vec![modifier.into()],
            several,
            prose,
            ..FieldSpec::default()
        };
        Schema {
            of: "nimble:contacts".into(),
            has_modifiers: true,
            has_head: true,
            open: false,
            unlisted: Vec::new(),
            fields: vec![
                field("first name", "", false, false),
                field("email", "work", true, false),
                field("description", "other", true, true),
            ],
        }
    }

    #[test]
    fn cells_are_read_as_the_export_wrote_them() {
        let headers = ["_id", "first name", "email[work]", "description[other]", "_ferry_reason"];
        let plain = Plain::new(&file(&headers), &nimble(), &Census::default(), ';').unwrap();
        assert_eq!(plain.targets().len(), 4);
        let row = Record {
            fields: vec![
                Field::single("_id", json!("7")),
                Field::single("first name", json!("Ada; Countess")),
                Field::single("email[work]", json!("a@x;b@x")),
                Field::single("description[other]", json!("one; two")),
            ],
            ..Record::default()
        };
        assert_eq!(
            plain.apply(&row).values,
            [
                Some(vec![json!("7")]),
                Some(vec![json!("Ada; Countess")]),
                Some(vec![json!("a@x"), json!("b@x")]),
                Some(vec![json!("one; two")]),
            ]
        );
        let cleared =
            Record { fields: vec![Field::single("first name", json!("#N/A"))], ..Record::default() };
        assert_eq!(plain.apply(&cleared).values, [None, Some(vec![]), None, None]);
    }

    #[test]
    fn a_row_without_an_id_is_known_again_by_all_that_it_says() {
        let headers = ["_id", "first name", "email[work]"];
        let plain = Plain::new(&file(&headers), &nimble(), &Census::default(), ';').unwrap();
        let digest = |cells: &[(&str, &str)]| {
            let fields = cells.iter().map(|(name, text)| Field::single(*name, json!(text))).collect();
            plain.apply(&Record { fields, ..Record::default() }).digest
        };
        let one = digest(&[("_id", " "), ("first name", "Ada"), ("email[work]", "a@x")]);
        assert!(one.is_some());
        assert_eq!(
            one,
            digest(&[("email[work]", "a@x"), ("first name", "Ada"), ("_ferry_row", "7"), ("title", "")])
        );
        let listed = ["a@x", "b;c"].map(|text| Entry { modifier: String::new(), value: json!(text) });
        let listed = Field { name: "email[work]".into(), entries: listed.into(), list: true };
        let listed = plain.apply(&Record { fields: vec![listed], ..Record::default() }).digest;
        assert_eq!(listed, digest(&[("email[work]", "a@x;\"b;c\"")]));
        assert_ne!(one, digest(&[("first name", "Ada")]));
        assert_ne!(one, digest(&[("first name", "a@x"), ("email[work]", "Ada")]));
        assert_eq!(digest(&[("_id", "7"), ("first name", "Ada")]), None);
    }

    #[test]
    fn prose_that_reads_as_a_list_is_one_text_where_lists_are_told_apart() {
        let headers = ["email[work]", "description[other]"];
        let plain = Plain::new(&file(&headers), &nimble(), &Census::default(), ';').unwrap();
        let wanted = |typed: bool, email: &str, prose: Field| {
            let fields = vec![Field::single("email[work]", json!(email)), prose];
            let row = Record { fields, ..Record::default() };
            plain.clone().typed(typed).apply(&row).values
        };
        let prose = |text: &str| Field::single("description[other]", json!(text));
        for (typed, text, expected) in [
            (false, "[]", None),
            (false, "[\"x\"]", Some(vec![json!("x")])),
            (true, "[]", Some(vec![json!("[]")])),
            (true, "[\"x\"]", Some(vec![json!("[\"x\"]")])),
            (true, "#N/A", Some(vec![])),
            (true, "", None),
        ] {
            assert_eq!(wanted(typed, "a", prose(text))[1], expected, "{text}");
        }
        let list = Field::list("description[other]", vec![json!("[]"), json!("b")]);
        let values = wanted(true, "a@x;b@x", list);
        assert_eq!(values[0], Some(vec![json!("a@x"), json!("b@x")]));
        assert_eq!(values[1], Some(vec![json!("[]"), json!("b")]));
    }

    #[test]
    fn an_unknown_column_is_named_with_the_nearest() {
        let error = Plain::new(&file(&["frist name"]), &nimble(), &Census::default(), ';').unwrap_err();
        assert!(error.to_string().contains("unknown field `frist name`"), "{error}");
        assert_eq!(error.way_out(), Some("did you mean `first name`?"));
    }
}
