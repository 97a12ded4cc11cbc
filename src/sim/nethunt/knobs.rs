//! What the NetHunt reference leaves open, as settings of a scenario.
//!
//! One knob for each row of section 11 of the API notes; the default is the behaviour that is most likely.
//! Strict: an unknown knob or value is an error that names it, so that a misspelt scenario never passes for
//! a tested one. Rate limits and lost answers are not here: the server lays those faults over any service.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spelling::{limit, word};
use crate::sim::scenario::laid_over;

/// The order in which a stream shows its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
    /// Shuffled anew for every request.
    Mixed,
}

/// One order for all streams, or one for each named stream.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Orders {
    /// The same for every stream.
    One(Order),
    /// By stream name, such as `new-record`; the others are newest first.
    Each(std::collections::BTreeMap<String, Order>),
}

/// The order in which folders and fields are named, which the reference leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ListingOrder {
    /// As they were defined.
    Defined,
    /// The last one first.
    Reversed,
    /// Shuffled anew for every request.
    Mixed,
}

/// The end at which a cut keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Anchor {
    /// The newest rows are kept.
    Newest,
    /// The oldest rows are kept.
    Oldest,
}

/// Whether `since` itself belongs to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Border {
    /// Only later rows.
    Strict,
    /// Rows of the same instant too.
    Inclusive,
}

/// The unit in which `since` and a row's time are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Resolution {
    /// Milliseconds.
    Ms,
    /// Whole seconds, both sides rounded down.
    S,
}

/// How rows of one instant are ordered among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TieOrder {
    /// By id, ascending, always the same.
    Id,
    /// Anew for every request.
    Random,
}

/// The answer to a search without a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NoMatch {
    /// 200 with an empty array.
    Empty,
    /// 404 with text.
    #[serde(rename = "404")]
    NotFound,
}

/// A value that is added to a filled single-valued field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FilledAdd {
    /// 400 with text.
    #[serde(rename = "400")]
    Refuse,
    /// The stored value stays.
    Ignore,
    /// The new value takes its place.
    Replace,
}

/// A value to remove that is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RemoveMismatch {
    /// 400 with text.
    #[serde(rename = "400")]
    Refuse,
    /// Nothing happens.
    NoOp,
}

/// A status for something forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// Refused as a bad request.
    #[serde(rename = "400")]
    BadRequest,
    /// Not checked, so it surfaces as a crash.
    #[serde(rename = "500")]
    Crash,
}

impl Refusal {
    /// The HTTP status.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Crash => 500,
        }
    }
}

/// What becomes of a field that the folder does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum UnknownField {
    /// Dropped without a word.
    Ignore,
    /// 400 with text.
    #[serde(rename = "400")]
    BadRequest,
    /// 500 with text.
    #[serde(rename = "500")]
    Crash,
}

/// What becomes of a value of a wrong shape or type, or outside the field's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BadValue {
    /// 400 with text.
    #[serde(rename = "400")]
    BadRequest,
    /// 500 with text.
    #[serde(rename = "500")]
    Crash,
    /// Stored as it is.
    Store,
}

/// The shape of error bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ErrorBody {
    /// Plain text.
    Text,
    /// The text in an HTML page.
    Html,
    /// `{"error": text}`.
    Json,
}

/// How date-time values are read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DateTimes {
    /// UTC with three decimals.
    Iso,
    /// As they were sent.
    AsSent,
    /// Unix milliseconds, a number.
    EpochMs,
}

/// What an update that changes no value does to `updatedAt` and the change stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NoChange {
    /// It counts as an update.
    Touch,
    /// It leaves no trace.
    Quiet,
}

/// A link to a record that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DanglingLinks {
    /// Stored.
    Store,
    /// Refused as a bad value.
    Reject,
}

/// All settings; see the module's documentation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Knobs {
    /// Row 1: order of each stream, `find-record` included.
    pub(super) order: Orders,
    /// Which rows `limit` keeps; by default those that the order shows first.
    pub(super) anchor: Option<Anchor>,
    /// Row 2: whether `since` is exclusive.
    pub(super) since: Border,
    /// Row 2: the unit of the comparison.
    pub(super) since_resolution: Resolution,
    /// Row 3: most rows of any stream, with or without `limit`.
    #[serde(deserialize_with = "limit")]
    pub(super) cap: Option<usize>,
    /// Row 3: which rows the cap keeps; by default as `anchor`.
    pub(super) cap_anchor: Option<Anchor>,
    /// Row 3: most hits of find-record.
    #[serde(deserialize_with = "limit")]
    pub(super) witness_cap: Option<usize>,
    /// Row 3: which hits that cap keeps.
    pub(super) witness_anchor: Anchor,
    /// Row 4: order within one instant.
    pub(super) tie_order: TieOrder,
    /// Row 5: whether updated-record shows records that were only created.
    pub(super) include_creations: bool,
    /// Row 5: whether updated-record shows one row a record, or one an update.
    pub(super) one_row: bool,
    /// Whether new-record shows `updatedAt` of records updated since; the reference's sample has none.
    pub(super) new_record_updated_at: bool,
    /// Whether a `fieldName` filter of record-change drops deletions.
    pub(super) field_filter_drops_deletes: bool,
    /// Row 6: a search without a hit.
    #[serde(deserialize_with = "word")]
    pub(super) no_match: NoMatch,
    /// Row 7: status for an unknown record: 400, 404 or 410.
    pub(super) unknown_id: u16,
    /// Row 8: status for deleting a deleted record: 200, 400, 404 or 410.
    pub(super) delete_twice: u16,
    /// Row 9: adding to a filled single-valued field.
    #[serde(deserialize_with = "word")]
    pub(super) filled_add: FilledAdd,
    /// Row 10: removing what is not stored.
    #[serde(deserialize_with = "word")]
    pub(super) remove_mismatch: RemoveMismatch,
    /// Row 11: `overwrite` together with `remove`.
    #[serde(deserialize_with = "word")]
    pub(super) overwrite_with_remove: Refusal,
    /// Row 12: a field that the folder does not have.
    #[serde(deserialize_with = "word")]
    pub(super) unknown_field: UnknownField,
    /// Row 13: a value that the field does not take.
    #[serde(deserialize_with = "word")]
    pub(super) bad_value: BadValue,
    /// Row 13: a scalar for a multi-valued field is taken as a list of one.
    pub(super) lenient_scalars: bool,
    /// Row 14: a bare `a@b` reads back as `<a@b>`.
    pub(super) wrap_email: bool,
    /// Row 15: fields whose values no two records of a folder may share on create; none by default.
    pub(super) unique_fields: Vec<String>,
    /// Row 15: fields that a create must fill; none by default.
    pub(super) required_fields: Vec<String>,
    /// Row 16: milliseconds until find-record's text search knows a write.
    pub(super) index_lag_ms: i64,
    /// Row 17: the shape of error bodies.
    pub(super) error_body: ErrorBody,
    /// Row 20: whether `Field=value` is understood like `Field:value`.
    pub(super) equals_query: bool,
    /// Row 24: whether a delete answers with an empty body instead of `{}`.
    pub(super) empty_delete_body: bool,
    /// Row 25: whether ids embed the seconds of `createdAt`.
    pub(super) ids_embed_created: bool,
    /// Row 26: milliseconds until new-record shows a new record.
    pub(super) visibility_lag_ms: i64,
    /// How date-time values are read back.
    pub(super) date_times: DateTimes,
    /// What an update that changes nothing does.
    pub(super) no_change: NoChange,
    /// Links to records that do not exist.
    pub(super) dangling_links: DanglingLinks,
    /// The order of folders, and of the fields of one.
    pub(super) listing_order: ListingOrder,
    /// Triggers that answer 404, as some accounts do.
    pub(super) disabled_triggers: Vec<String>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            order: Orders::One(Order::Desc),
            anchor: None,
            since: Border::Strict,
            since_resolution: Resolution::Ms,
            cap: None,
            cap_anchor: None,
            witness_cap: None,
            witness_anchor: Anchor::Newest,
            tie_order: TieOrder::Random,
            include_creations: true,
            one_row: true,
            new_record_updated_at: true,
            field_filter_drops_deletes: true,
            no_match: NoMatch::Empty,
            unknown_id: 404,
            delete_twice: 404,
            filled_add: FilledAdd::Refuse,
            remove_mismatch: RemoveMismatch::NoOp,
            overwrite_with_remove: Refusal::BadRequest,
            unknown_field: UnknownField::Ignore,
            bad_value: BadValue::Crash,
            lenient_scalars: false,
            wrap_email: true,
            unique_fields: Vec::new(),
            required_fields: Vec::new(),
            index_lag_ms: 0,
            error_body: ErrorBody::Text,
            equals_query: true,
            empty_delete_body: false,
            ids_embed_created: true,
            visibility_lag_ms: 0,
            date_times: DateTimes::Iso,
            no_change: NoChange::Touch,
            dangling_links: DanglingLinks::Store,
            listing_order: ListingOrder::Defined,
            disabled_triggers: Vec::new(),
        }
    }
}

/// Streams that `order` may name.
const STREAMS: [&str; 7] = [
    "new-record",
    "updated-record",
    "record-change",
    "new-comment",
    "new-call-log",
    "new-gdrivefile",
    "find-record",
];

/// Triggers that are no streams, and may be disabled like these.
const LISTS: [&str; 4] = ["auth-test", "readable-folder", "writable-folder", "folder-field"];

impl Knobs {
    /// These settings with those of a JSON object laid over them.
    ///
    /// # Errors
    /// When a setting is unknown or has a value that it cannot have.
    pub(super) fn changed(&self, settings: &Value) -> Result<Self, String> {
        let knobs = laid_over(self, settings)?;
        knobs.check().map(|()| knobs)
    }

    /// The order in which `stream` shows its rows.
    pub(super) fn order_of(&self, stream: &str) -> Order {
        match &self.order {
            Orders::One(order) => *order,
            Orders::Each(orders) => orders.get(stream).copied().unwrap_or(Order::Desc),
        }
    }

    /// # Errors
    /// When a rule is for a field that no folder has, as far as `is_field` knows; the text names the key.
    pub(super) fn check_fields(&self, is_field: impl Fn(&str) -> bool) -> Result<(), String> {
        for (key, names) in
            [("required_fields", &self.required_fields), ("unique_fields", &self.unique_fields)]
        {
            if let Some(name) = names.iter().find(|name| !is_field(name)) {
                return Err(format!("`{key}`: no folder has a field `{name}`"));
            }
        }
        Ok(())
    }

    /// # Errors
    /// When a value makes no sense; the text names the key.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Orders::Each(orders) = &self.order
            && let Some(name) = orders.keys().find(|name| !STREAMS.contains(&name.as_str()))
        {
            return Err(format!("`order`: unknown stream `{name}`"));
        }
        let is_trigger = |name: &str| LISTS.contains(&name) || STREAMS[..6].contains(&name);
        if let Some(name) = self.disabled_triggers.iter().find(|name| !is_trigger(name)) {
            return Err(format!("`disabled_triggers`: unknown trigger `{name}`"));
        }
        if ![400, 404, 410].contains(&self.unknown_id) {
            return Err(format!("`unknown_id` is 400, 404 or 410, not {}", self.unknown_id));
        }
        if ![200, 400, 404, 410].contains(&self.delete_twice) {
            return Err(format!("`delete_twice` is 200, 400, 404 or 410, not {}", self.delete_twice));
        }
        for (key, lag) in [("index_lag_ms", self.index_lag_ms), ("visibility_lag_ms", self.visibility_lag_ms)]
        {
            if lag < 0 {
                return Err(format!("`{key}` cannot be negative"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(settings: &Value) -> Result<Knobs, String> {
        Knobs::default().changed(settings)
    }

    #[test]
    fn nothing_means_the_defaults_of_the_table() {
        for settings in [json!({}), json!({"cap": "none"})] {
            let knobs = parse(&settings).unwrap();
            assert_eq!(knobs.order_of("new-record"), Order::Desc);
            assert_eq!((knobs.since, knobs.since_resolution), (Border::Strict, Resolution::Ms));
            assert_eq!((knobs.cap, knobs.tie_order), (None, TieOrder::Random));
            assert_eq!((knobs.bad_value, knobs.filled_add), (BadValue::Crash, FilledAdd::Refuse));
        }
    }

    #[test]
    fn a_status_may_be_written_as_a_number_or_as_text() {
        for settings in [json!({"bad_value": 400}), json!({"bad_value": "400"})] {
            assert_eq!(parse(&settings).unwrap().bad_value, BadValue::BadRequest);
        }
    }

    #[test]
    fn an_order_may_be_given_for_each_stream() {
        let knobs = parse(&json!({"order": {"new-record": "asc", "record-change": "mixed"}})).unwrap();
        assert_eq!(knobs.order_of("new-record"), Order::Asc);
        assert_eq!(knobs.order_of("record-change"), Order::Mixed);
        assert_eq!(knobs.order_of("new-comment"), Order::Desc);
    }

    #[test]
    fn settings_that_are_not_named_stay_as_they_are() {
        let order = json!({"new-record": "asc"});
        let knobs = parse(&json!({"order": order, "cap": 5, "bad_value": 400})).unwrap();
        let knobs = knobs.changed(&json!({"since": "inclusive", "anchor": "oldest"})).unwrap();
        assert_eq!((knobs.order_of("new-record"), knobs.cap), (Order::Asc, Some(5)));
        assert_eq!((knobs.since, knobs.bad_value), (Border::Inclusive, BadValue::BadRequest));
        let knobs = knobs.changed(&json!({"cap": "none", "anchor": null, "order": "mixed"})).unwrap();
        assert_eq!((knobs.cap, knobs.anchor, knobs.order_of("new-record")), (None, None, Order::Mixed));
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        let bad = [
            (json!({"captain": 3}), "captain"),
            (json!({"since": "maybe"}), "maybe"),
            (json!({"bad_value": 418}), "418"),
            (json!({"unknown_id": 200}), "unknown_id"),
            (json!({"delete_twice": 500}), "delete_twice"),
            (json!({"order": {"new-records": "asc"}}), "new-records"),
            (json!({"index_lag_ms": -1}), "`index_lag_ms`"),
            (json!({"cap": -1}), "`cap`"),
            (json!({"witness_cap": "all"}), "`witness_cap`"),
            (json!({"order": "descc"}), "did you mean `desc`?"),
            (json!({"order": {"new-record": "up"}}), "unknown variant `up`"),
            (json!({"disabled_triggers": ["new-coment"]}), "new-coment"),
            (json!({"listing_order": "sorted"}), "sorted"),
            (json!([]), "object"),
        ];
        for (settings, word) in bad {
            let error = parse(&settings).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
