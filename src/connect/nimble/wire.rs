//! The shapes of Nimble's answers, read in one pass and without trust: a key of an unexpected type is taken as
//! absent, never as a reason to fail (facts, sections 3 and 7).

use crate::record::Entry;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// A page of a list, its records untouched.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    /// Where the page stands.
    #[serde(default)]
    pub(super) meta: Meta,
    /// The records.
    #[serde(borrow)]
    pub(super) resources: Vec<&'a RawValue>,
}

/// A page of `/contacts/ids`.
#[derive(Deserialize)]
pub(super) struct IdsPage {
    /// Where the page stands.
    #[serde(default)]
    pub(super) meta: Meta,
    /// The ids.
    pub(super) resources: Vec<String>,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Meta {
    /// Number of this page, from 1.
    #[serde(default, deserialize_with = "count")]
    pub(super) page: Option<u64>,
    /// Number of pages.
    #[serde(default, deserialize_with = "count")]
    pages: Option<u64>,
    /// Records a page, as the service understood it.
    #[serde(default, deserialize_with = "count")]
    pub(super) per_page: Option<u64>,
    /// Records in the list.
    #[serde(default, deserialize_with = "count")]
    pub(super) total: Option<u64>,
}

impl Meta {
    /// Number of pages; computed from the total where the service does not say. There are no more of them than
    /// records, whatever it says.
    pub(super) fn pages(&self) -> Option<u64> {
        let most = self.total.map_or(u64::MAX, |total| total.max(1));
        let computed = || Some(self.total?.div_ceil(self.per_page.filter(|size| *size > 0)?));
        self.pages.or_else(computed).map(|pages| pages.min(most))
    }
}

/// What tells a contact that cannot be read from others. Not flattened into [`Contact`], which would have every key
/// of every contact buffered.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) record_type: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) created: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) updated: Option<String>,
}

/// A contact's keys that Ferry knows; the rest stays in the raw text.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Contact {
    #[serde(deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) record_type: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) created: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) updated: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) owner_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) avatar_url: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) creator: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) creator_id: Option<String>,
    pub(super) children: Value,
    pub(super) last_contacted: Value,
    #[serde(deserialize_with = "tags")]
    pub(super) tags: Option<Vec<String>>,
    #[serde(deserialize_with = "tags")]
    pub(super) tags2: Option<Vec<String>>,
    #[serde(deserialize_with = "fields")]
    pub(super) fields: Vec<WireField>,
}

/// A field's values.
pub(super) struct WireField {
    pub(super) name: String,
    pub(super) entries: Vec<WireEntry>,
}

/// One value, and the id of the company that a `parent company` names.
pub(super) struct WireEntry {
    pub(super) entry: Entry,
    pub(super) extra_value: Option<String>,
}

/// A number, written as one or as text.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// Text; anything structured is taken as absent.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Tags as objects, as texts, or as one comma-separated text (facts, section 15 no. 8).
fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let tags = read_tags(Value::deserialize(deserializer)?);
    Ok(tags.map(|tags| tags.into_iter().map(|(tag, _)| tag).collect()))
}

/// The tags of a contact's JSON text, each with its account-wide id where the contact shows it.
pub(super) fn tag_ids(contact: &str) -> Vec<(String, Option<String>)> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Tags {
        tags: Value,
        tags2: Value,
    }
    let Tags { tags, tags2 } = serde_json::from_str(contact).unwrap_or_default();
    let listed = |tags| read_tags(tags).filter(|tags| !tags.is_empty());
    listed(tags).or_else(|| listed(tags2)).unwrap_or_default()
}

fn read_tags(tags: Value) -> Option<Vec<(String, Option<String>)>> {
    let items = match tags {
        Value::Array(items) => items,
        Value::String(text) => {
            return Some(super::tags::split(&text).into_iter().map(|tag| (tag, None)).collect());
        }
        _ => return None,
    };
    let tags = items.into_iter().filter_map(|item| match item {
        Value::String(tag) => Some((tag, None)),
        Value::Object(mut tag) => match tag.remove("tag").or_else(|| tag.remove("name")) {
            Some(Value::String(text)) => {
                Some((text, tag.get("id").and_then(Value::as_str).map(str::to_owned)))
            }
            _ => None,
        },
        _ => None,
    });
    Some(tags.collect())
}

fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WireField>, D::Error> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<WireField>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("fields by name")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut fields = Vec::with_capacity(12);
            while let Some(name) = map.next_key()? {
                fields.push(WireField { name, entries: map.next_value_seed(EntriesSeed)? });
            }
            Ok(fields)
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(Fields)
}

/// The values of one field; a bare value stands for a list of one.
struct EntriesSeed;

impl<'de> DeserializeSeed<'de> for EntriesSeed {
    type Value = Vec<WireEntry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed {
    type Value = Vec<WireEntry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let mut entries = Vec::with_capacity(1);
        while let Some(entry) = seq.next_element::<WireEntry>()? {
            entries.push(entry);
        }
        Ok(entries)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        WireEntry::deserialize(MapAccessDeserializer::new(map)).map(|entry| vec![entry])
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![WireEntry::bare(Value::from(text))])
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(vec![WireEntry::bare(Value::from(flag))])
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(vec![WireEntry::bare(Value::from(number))])
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(vec![WireEntry::bare(Value::from(number))])
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(vec![WireEntry::bare(Value::from(number))])
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

impl WireEntry {
    fn bare(value: Value) -> Self {
        Self { entry: Entry { modifier: String::new(), value }, extra_value: None }
    }
}

impl<'de> Deserialize<'de> for WireEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum EntryKey {
    #[serde(rename = "value")]
    Value,
    #[serde(rename = "modifier")]
    Modifier,
    #[serde(rename = "extra_value")]
    ExtraValue,
    // `serde_json` hands out a number whose literal it keeps under this key.
    #[serde(rename = "$serde_json::private::Number")]
    Number,
    #[serde(other)]
    Other,
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = WireEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its modifier")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<WireEntry, M::Error> {
        let mut entry = WireEntry::bare(Value::Null);
        while let Some(key) = map.next_key()? {
            match key {
                EntryKey::Value => entry.entry.value = map.next_value()?,
                EntryKey::Modifier => {
                    if let Value::String(modifier) = map.next_value()? {
                        entry.entry.modifier = modifier;
                    }
                }
                EntryKey::ExtraValue => {
                    if let Value::String(id) = map.next_value()? {
                        entry.extra_value = Some(id);
                    }
                }
                EntryKey::Number => {
                    let literal: String = map.next_value()?;
                    entry.entry.value = literal.parse().map(Value::Number).map_err(de::Error::custom)?;
                }
                EntryKey::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(entry)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<WireEntry, E> {
        Ok(WireEntry::bare(Value::from(text)))
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<WireEntry, E> {
        Ok(WireEntry::bare(Value::from(flag)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<WireEntry, E> {
        Ok(WireEntry::bare(Value::from(number)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<WireEntry, E> {
        Ok(WireEntry::bare(Value::from(number)))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<WireEntry, E> {
        Ok(WireEntry::bare(Value::from(number)))
    }

    fn visit_unit<E: de::Error>(self) -> Result<WireEntry, E> {
        Ok(WireEntry::bare(Value::Null))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<WireEntry, S::Error> {
        let mut items: Vec<Value> = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(WireEntry::bare(Value::Array(items)))
    }
}
