//! The switches of the simulated Nimble: where the reference is silent or contradicts itself, a scenario says
//! which way the service goes. The defaults are those of the reference's oldest complete text.

use serde::Deserialize;

/// The `[nimble]` table of a scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Knobs {
    /// The largest `per_page` that is honoured.
    pub(super) max_per_page: usize,
    /// What a larger one gets.
    pub(super) per_page_over: PerPageOver,
    /// Whether `sort` is honoured, refused with 409, or silently ignored.
    pub(super) sort: Sorting,
    /// What `sort` with a `per_page` above 100 gets.
    pub(super) sort_over_100: SortOver,
    /// The last row that paging reaches; 0: no limit. Beyond it the answer is 409.
    pub(super) deep_window: usize,
    /// `meta.pages` when nothing matches.
    pub(super) pages_when_empty: usize,
    /// Milliseconds until a created record shows in lists and searches; reading by id is immediate.
    pub(super) index_delay_ms: i64,
    /// Order of a list without `sort`.
    pub(super) order: Order,
    /// Order of records that are equal in the sorted field.
    pub(super) tie_order: TieOrder,
    /// Status of a successful create.
    pub(super) create_status: u16,
    /// How an address value is shown.
    pub(super) address_style: AddressStyle,
    /// How a contact's tags are shown.
    pub(super) tags_style: TagsStyle,
    /// How `created` and `updated` are shown.
    pub(super) timestamps_style: TimestampsStyle,
    /// The user's time zone, minutes east of UTC.
    pub(super) zone_minutes: i64,
    /// How a mode-0 update treats a touched (field, modifier) pair.
    pub(super) merge: Merge,
    /// Contacts the plan allows; beyond them creates get 402. 0: no limit.
    pub(super) contact_quota: usize,
    /// The fewest members of `and` and `or`.
    pub(super) min_join_items: usize,
    /// Custom text fields the account has.
    pub(super) custom_fields: Vec<String>,
    /// Whether contacts carry keys that only newer answers of the service have.
    pub(super) extra_keys: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PerPageOver {
    Clamp,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Sorting {
    #[serde(rename = "honour")]
    Honour,
    #[serde(rename = "409")]
    Refuse,
    #[serde(rename = "ignore")]
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum SortOver {
    #[serde(rename = "409")]
    Refuse,
    #[serde(rename = "ignore")]
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    Created,
    Updated,
    Random,
    Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TieOrder {
    /// Always the same.
    Stable,
    /// Thrown anew for each answer.
    Random,
    /// One of two, as if two servers answered in turn.
    Replicas,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AddressStyle {
    Json,
    Pydict,
    Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TagsStyle {
    Objects,
    Strings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimestampsStyle {
    /// `2012-09-07T16:49:56+0300`
    Offset,
    /// `2021-02-12T19:18:59+00:00`
    OffsetColon,
    /// `2024-08-01T16:12:07.986745`
    NaiveMicros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Merge {
    Pair,
    Append,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            max_per_page: 1000,
            per_page_over: PerPageOver::Clamp,
            sort: Sorting::Honour,
            sort_over_100: SortOver::Refuse,
            deep_window: 0,
            pages_when_empty: 0,
            index_delay_ms: 0,
            order: Order::Created,
            tie_order: TieOrder::Stable,
            create_status: 201,
            address_style: AddressStyle::Json,
            tags_style: TagsStyle::Objects,
            timestamps_style: TimestampsStyle::Offset,
            zone_minutes: 0,
            merge: Merge::Pair,
            contact_quota: 0,
            min_join_items: 2,
            custom_fields: vec!["External ID".to_owned()],
            extra_keys: false,
        }
    }
}

impl Knobs {
    /// # Errors
    /// When a value makes no sense; the text names the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.max_per_page == 0 {
            return Err("`max_per_page` is at least 1".to_owned());
        }
        if !matches!(self.create_status, 200 | 201) {
            return Err("`create_status` is 200 or 201".to_owned());
        }
        if self.zone_minutes.abs() > 14 * 60 {
            return Err("`zone_minutes` lies between -840 and 840".to_owned());
        }
        Ok(())
    }
}
