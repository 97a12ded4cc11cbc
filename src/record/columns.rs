//! The columns of a file: which there are, in what order, and how a record's values stand in them
//! (design section 6). The same account gives the same columns, whatever the records hold.

use super::census::{Census, Tally};
use super::schema::{FieldRef, FieldSpec, HEAD_COLUMNS, Kind, Modifier, Schema};
use super::{Entry, Field, Record, instant, is_empty, list_cell, to_text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Header as written.
    pub header: String,
    /// What it holds.
    pub place: FieldRef,
    /// How several values share a cell.
    pub coding: Coding,
    /// Its type in files that have types. List columns are lists of text.
    pub kind: Kind,
}

/// How values stand in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// At most one value, taken whole.
    #[default]
    Single,
    /// A list: split by the list separator in CSV, a list in Parquet, an array in JSON.
    List,
    /// Free text: never split, several values stand as a JSON array in CSV, a list in Parquet.
    Prose,
}

/// What a record holds in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing was there at all.
    Absent,
    /// One value, written as a scalar (possibly null or empty text, as read).
    One(Cow<'a, Value>),
    /// A list of values, possibly none.
    Many(Vec<Cow<'a, Value>>),
}

impl Column {
    /// A column of a mapped file or another plain one.
    #[must_use]
    pub fn plain(header: impl Into<String>, coding: Coding, kind: Kind) -> Self {
        let header = header.into();
        let place = FieldRef { name: header.clone(), modifier: Modifier::Named(String::new()), part: None };
        Self { header, place, coding, kind }
    }

    /// What `record` holds in this column. List and prose columns give [`Cell::Many`], others [`Cell::One`].
    #[must_use]
    pub fn cell<'a>(&self, record: &'a Record) -> Cell<'a> {
        if let Some(cell) = self.head_cell(record) {
            return cell;
        }
        let Some(field) = record.field(&self.place.name) else { return Cell::Absent };
        let Modifier::Named(modifier) = &self.place.modifier else { return Cell::Absent };
        let values = || field.entries.iter().filter(|e| &e.modifier == modifier).map(|e| &e.value);
        let part_of = |value: &'a Value| match &self.place.part {
            None => Cow::Borrowed(value),
            Some(part) => part_value(value, part),
        };
        match self.coding {
            Coding::Single => match values().next() {
                None if field.list && field.entries.is_empty() && modifier.is_empty() => {
                    Cell::Many(Vec::new())
                }
                None => Cell::Absent,
                Some(value) => Cell::One(part_of(value)),
            },
            Coding::List | Coding::Prose => {
                let all: Vec<_> = values().map(part_of).collect();
                let nothing = match &self.place.part {
                    Some(_) => all.iter().all(|value| is_empty(value)),
                    None => all.is_empty() && !(field.list && modifier.is_empty()),
                };
                if nothing { Cell::Absent } else { Cell::Many(all) }
            }
        }
    }

    /// The text of `record` in a CSV cell of this column.
    #[must_use]
    pub fn text(&self, record: &Record, separator: char) -> String {
        let texts = |values: &[Cow<'_, Value>]| values.iter().map(|value| to_text(value)).collect::<Vec<_>>();
        match self.cell(record) {
            Cell::Absent => String::new(),
            Cell::One(value) => to_text(&value),
            Cell::Many(values) if self.coding == Coding::List => list_cell::join(&texts(&values), separator),
            Cell::Many(values) => list_cell::join_prose(&texts(&values)),
        }
    }

    /// Puts what a CSV cell of this column says into `record`, as [`Column::text`] would have written it.
    pub fn put(&self, record: &mut Record, text: &str, separator: char) {
        let at = match record.fields.iter().position(|field| field.name == self.place.name) {
            None if self.put_head(record, text) => return,
            None => {
                let (name, list) = (self.place.name.clone(), self.coding != Coding::Single);
                record.fields.push(Field { name, entries: Vec::new(), list });
                record.fields.len() - 1
            }
            Some(at) => at,
        };
        let (field, values) = (&mut record.fields[at], self.values(text, separator));
        let Modifier::Named(modifier) = &self.place.modifier else { return };
        if let Some(part) = &self.place.part {
            put_part(field, modifier, part, values);
            return;
        }
        let place = field.entries.iter().position(|entry| &entry.modifier == modifier);
        field.entries.retain(|entry| &entry.modifier != modifier);
        let place = place.unwrap_or(field.entries.len());
        let entries = values.into_iter().map(|value| Entry { modifier: modifier.clone(), value });
        field.entries.splice(place..place, entries);
    }

    /// The values that the text of a CSV cell holds.
    #[must_use]
    pub fn values(&self, text: &str, separator: char) -> Vec<Value> {
        let texts = match self.coding {
            _ if text.is_empty() => Vec::new(),
            Coding::Single => return vec![self.typed(text)],
            Coding::List => list_cell::split(text, separator),
            Coding::Prose => list_cell::split_prose(text),
        };
        texts.into_iter().map(Value::from).collect()
    }

    /// A text as the type that all values of the column have.
    fn typed(&self, text: &str) -> Value {
        let typed = match self.kind {
            Kind::Number => serde_json::from_str(text).ok().map(Value::Number),
            Kind::Bool => text.parse().ok().map(Value::Bool),
            _ => None,
        };
        typed.unwrap_or_else(|| Value::from(text))
    }

    fn put_head(&self, record: &mut Record, text: &str) -> bool {
        let head = match self.place.name.as_str() {
            "_id" => &mut record.id,
            "_type" => &mut record.kind,
            "_created" => &mut record.created,
            "_updated" => &mut record.updated,
            _ => return false,
        };
        *head = (!text.is_empty()).then(|| text.to_owned());
        true
    }

    fn head_cell<'a>(&self, record: &'a Record) -> Option<Cell<'a>> {
        if !self.place.name.starts_with('_') {
            return None;
        }
        let text = match self.place.name.as_str() {
            "_id" => record.id.clone(),
            "_type" => record.kind.clone(),
            "_created" => record.created.as_deref().map(instant::normalise),
            "_updated" => record.updated.as_deref().map(instant::normalise),
            _ => return None,
        };
        let text = text.or_else(|| match record.field(&self.place.name)?.entries.first()?.value {
            Value::String(ref text) => Some(text.clone()),
            _ => None,
        });
        Some(text.map_or(Cell::Absent, |text| Cell::One(Cow::Owned(Value::String(text)))))
    }
}

/// The columns of a plain export of a service's stream: the head (where the schema lists parts of it among its
/// fields, these in its order), then every field of the schema in its
/// order, then names the schema does not list by code point. `only_filled` drops those that no record fills.
#[must_use]
pub fn plan(schema: &Schema, census: &Census, only_filled: bool) -> Vec<Column> {
    let mut columns = Vec::new();
    if schema.has_head {
        columns.extend(HEAD_COLUMNS.map(|name| head_column(name, census)));
    }
    for field in &schema.fields {
        // A stream whose records have only some of the head lists those among its fields.
        if HEAD_COLUMNS.contains(&field.name.as_str()) {
            columns.push(head_column(&field.name, census));
            continue;
        }
        let mut modifiers: Vec<&str> = field.modifiers.iter().map(String::as_str).collect();
        if modifiers.is_empty() {
            modifiers.push("");
        }
        let seen = census.fields.get(&field.name);
        modifiers.extend(seen.into_iter().flat_map(|seen| seen.keys()).map(String::as_str));
        let mut done = BTreeSet::new();
        for modifier in modifiers {
            if done.insert(modifier) {
                let tally = seen.and_then(|seen| seen.get(modifier));
                push(&mut columns, field, modifier, tally, only_filled);
            }
        }
    }
    for (name, seen) in &census.fields {
        if schema.listed(name).is_none() {
            let unknown = FieldSpec { name: name.clone(), ..FieldSpec::default() };
            let unlisted = schema.field(name).unwrap_or(&unknown);
            for (modifier, tally) in seen {
                push(&mut columns, unlisted, modifier, Some(tally), only_filled);
            }
        }
    }
    columns
}

/// The coding of a field's column, from what the service declares and what was seen.
#[must_use]
pub fn coding(field: &FieldSpec, tally: Option<&Tally>) -> Coding {
    let lists = tally.is_some_and(|tally| tally.list);
    let several = tally.is_some_and(|tally| tally.most > 1);
    if field.prose || !field.parts.is_empty() {
        Coding::Prose
    } else if field.several || (lists && field.modifiers.iter().all(String::is_empty)) {
        Coding::List
    } else if several {
        Coding::Prose
    } else {
        Coding::Single
    }
}

fn head_column(name: &str, census: &Census) -> Column {
    let timed = matches!(name, "_created" | "_updated") && !census.odd_times;
    Column::plain(name, Coding::Single, if timed { Kind::Timestamp } else { Kind::Text })
}

fn push(
    columns: &mut Vec<Column>,
    field: &FieldSpec,
    modifier: &str,
    tally: Option<&Tally>,
    only_filled: bool,
) {
    if only_filled && tally.is_none_or(|tally| tally.filled == 0) {
        return;
    }
    let coding = coding(field, tally);
    let kind = match (coding, tally.and_then(Tally::json_type)) {
        (Coding::Single, Some(Kind::Number)) if tally.is_some_and(|tally| !tally.long_number) => Kind::Number,
        (Coding::Single, Some(Kind::Bool)) => Kind::Bool,
        _ => Kind::Text,
    };
    let mut add = |part: Option<String>| {
        let place =
            FieldRef { name: field.name.clone(), modifier: Modifier::Named(modifier.to_owned()), part };
        columns.push(Column { header: place.to_string(), place, coding, kind });
    };
    if field.parts.is_empty() {
        add(None);
        return;
    }
    let extra = tally.into_iter().flat_map(|tally| &tally.parts).filter(|part| !field.parts.contains(part));
    for part in field.parts.iter().chain(extra) {
        add(Some(part.clone()));
    }
}

/// Puts one part of the values under a modifier in place; values without any part left are none.
fn put_part(field: &mut Field, modifier: &str, part: &str, values: Vec<Value>) {
    let mut values = values.into_iter();
    for entry in field.entries.iter_mut().filter(|entry| entry.modifier == modifier) {
        let value = values.next().unwrap_or_default();
        if !entry.value.is_object() {
            entry.value = json!({"street": entry.value.take()});
        }
        entry.value[part] = value;
    }
    let added = values.map(|value| Entry { modifier: modifier.to_owned(), value: json!({part: value}) });
    field.entries.extend(added);
}

fn part_value<'a>(value: &'a Value, part: &str) -> Cow<'a, Value> {
    match value {
        Value::Object(parts) => match parts.get(part) {
            Some(value) => Cow::Borrowed(value),
            None => Cow::Owned(Value::Null),
        },
        whole if part == "street" => Cow::Borrowed(whole),
        _ => Cow::Owned(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, modifiers: &[&str], parts: &[&str], several: bool) -> FieldSpec {
        FieldSpec {
            name: name.into(),
            modifiers: modifiers.iter().map(|m| (*m).to_owned()).collect(),
            parts: parts.iter().map(|p| (*p).to_owned()).collect(),
            several,
            ..FieldSpec::default()
        }
    }

    #[test]
    fn columns_follow_the_service_then_what_else_was_seen() {
        let schema = Schema {
            has_head: true,
            fields: vec![
                spec("email", &["work"], &[], true),
                spec("address", &["home"], &["street", "city"], true),
            ],
            ..Schema::default()
        };
        let mut census = Census::default();
        let entry = |modifier: &str, value| Entry { modifier: modifier.into(), value };
        census.add(&Record {
            fields: vec![
                Field { name: "email".into(), entries: vec![entry("other", json!("a@b"))], list: true },
                Field {
                    name: "address".into(),
                    entries: vec![entry("home", json!({"po box": "1"}))],
                    list: true,
                },
                Field::single("zz", json!(1)),
            ],
            ..Record::default()
        });
        let headers: Vec<_> = plan(&schema, &census, false).into_iter().map(|c| c.header).collect();
        assert_eq!(
            headers[4..],
            [
                "email[work]",
                "email[other]",
                "address[home].street",
                "address[home].city",
                "address[home].po box",
                "zz"
            ]
        );
        let filled: Vec<_> = plan(&schema, &census, true).into_iter().map(|c| c.header).collect();
        assert!(!filled.contains(&"email[work]".to_owned()));
    }

    #[test]
    fn a_stream_may_have_only_some_of_the_head() {
        let fields = vec![spec("_id", &[""], &[], false), spec("_record", &[""], &[], false)];
        let schema = Schema {
            fields: [fields, vec![spec("_created", &[""], &[], false)]].concat(),
            ..Schema::default()
        };
        let columns = plan(&schema, &Census::default(), false);
        let headers: Vec<_> = columns.iter().map(|column| column.header.as_str()).collect();
        assert_eq!(headers, ["_id", "_record", "_created"]);
        assert_eq!(columns[2].kind, Kind::Timestamp);
    }

    #[test]
    fn a_cell_is_put_back_as_it_was_written() {
        let entry = |modifier: &str, value| Entry { modifier: modifier.into(), value };
        let record = Record {
            id: Some("7".into()),
            fields: vec![
                Field {
                    name: "email".into(),
                    entries: vec![
                        entry("work", json!("a;b")),
                        entry("", json!("x")),
                        entry("work", json!("c")),
                    ],
                    list: true,
                },
                Field {
                    name: "address".into(),
                    entries: vec![
                        entry("home", json!({"street": "1", "city": "Oslo"})),
                        entry("home", json!("2")),
                    ],
                    list: true,
                },
                Field::single("age", json!(7)),
            ],
            ..Record::default()
        };
        let of = |name: &str, modifier: &str, part: Option<&str>, coding, kind| {
            let place = FieldRef {
                name: name.into(),
                modifier: Modifier::Named(modifier.into()),
                part: part.map(str::to_owned),
            };
            Column { header: place.to_string(), place, coding, kind }
        };
        let columns = [
            of("_id", "", None, Coding::Single, Kind::Text),
            of("email", "work", None, Coding::List, Kind::Text),
            of("email", "", None, Coding::List, Kind::Text),
            of("address", "home", Some("street"), Coding::Prose, Kind::Text),
            of("address", "home", Some("city"), Coding::Prose, Kind::Text),
            of("age", "", None, Coding::Single, Kind::Number),
        ];
        let cells =
            |record: &Record| columns.iter().map(|column| column.text(record, ';')).collect::<Vec<_>>();
        let mut again = Record::default();
        for (column, text) in columns.iter().zip(cells(&record)) {
            column.put(&mut again, &text, ';');
        }
        assert_eq!(cells(&again), cells(&record));
        assert_eq!(again.field("age"), record.field("age"));
        let mut edited = record.clone();
        columns[1].put(&mut edited, "d;e", ';');
        columns[4].put(&mut edited, "[\"Oslo\",\"Bergen\",\"Voss\"]", ';');
        columns[5].put(&mut edited, "seven", ';');
        assert_eq!(edited.values("email", "work").collect::<Vec<_>>(), [&json!("d"), &json!("e")]);
        assert_eq!(edited.values("email", "").collect::<Vec<_>>(), [&json!("x")]);
        let addresses: Vec<_> = edited.values("address", "home").collect();
        assert_eq!(addresses[0], &json!({"street": "1", "city": "Oslo"}));
        assert_eq!(addresses[1..], [&json!({"street": "2", "city": "Bergen"}), &json!({"city": "Voss"})]);
        assert_eq!(edited.values("age", "").next(), Some(&json!("seven")));
    }

    #[test]
    fn parts_of_several_addresses_are_lists_of_equal_length() {
        let column = Column {
            header: "address[home].city".into(),
            place: FieldRef {
                name: "address".into(),
                modifier: Modifier::Named("home".into()),
                part: Some("city".into()),
            },
            coding: Coding::Prose,
            kind: Kind::Text,
        };
        let entry = |value| Entry { modifier: "home".into(), value };
        let record = Record {
            fields: vec![Field {
                name: "address".into(),
                entries: vec![entry(json!({"city": "Oslo"})), entry(json!({"street": "X"}))],
                list: true,
            }],
            ..Record::default()
        };
        assert_eq!(
            column.cell(&record),
            Cell::Many(vec![Cow::Owned(json!("Oslo")), Cow::Owned(Value::Null)])
        );
    }
}
