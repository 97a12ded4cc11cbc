//! Lists of contacts: parameters, filters, order and pages (reference, `GET /contacts` and `/contacts/ids`).
//!
//! The order of a list is made once and kept until a contact changes, because a client asks for hundreds of
//! pages of the same list. There is no snapshot: the next page after a change comes from the new order, just
//! as at the real service.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::errors::{invalid, quoted_invalid};
use super::knobs::{Knobs, Order, PerPageOver, SortOver, Sorting, TieOrder};
use super::metadata::{Metadata, RecordType};
use super::query::Query;
use super::search::{Keyword, fold, name};
use super::store::{Contact, Store};
use crate::sim::exchange::{Reply, Request};

/// `per_page` when none is given (reference, list parameters).
const PER_PAGE: usize = 30;
/// Above so many items a request cannot be sorted (reference, list parameters).
const SORTED_ITEMS: usize = 100;
/// `recently viewed` knows at most so many contacts (reference, special sorts).
const RECENT: usize = 30;

/// A list request, checked.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) page: usize,
    pub(super) per_page: usize,
    pub(super) selection: Selection,
    sort: Option<Sort>,
}

/// Which contacts are meant.
#[derive(Debug, Default)]
pub(super) struct Selection {
    record_type: Option<RecordType>,
    /// All of them have to hit.
    keywords: Vec<Keyword>,
    query: Option<(String, Query)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sort {
    field: String,
    descending: bool,
}

/// The orders made since the last change.
#[derive(Debug, Default)]
pub(super) struct Orders {
    version: u64,
    kept: HashMap<String, Vec<usize>>,
    scratch: Vec<usize>,
}

impl Ask {
    /// Reads and checks the parameters; unknown ones are ignored, unknown values refused.
    pub(super) fn read(request: &Request, metadata: &Metadata, knobs: &Knobs) -> Result<Self, Reply> {
        let mut page = positive(request, "page", 1)?;
        let mut per_page = positive(request, "per_page", PER_PAGE)?;
        if per_page > knobs.max_per_page {
            if knobs.per_page_over == PerPageOver::Error {
                return Err(invalid(&format!("`per_page` is at most {}", knobs.max_per_page)));
            }
            per_page = knobs.max_per_page;
        }
        let mut sort = Sort::read(request.param("sort").unwrap_or(""), metadata)?;
        match knobs.sort {
            Sorting::Honour => {}
            Sorting::Refuse if sort.is_some() => return Err(invalid("contacts cannot be sorted")),
            Sorting::Refuse | Sorting::Ignore => sort = None,
        }
        if sort.is_some() && per_page > SORTED_ITEMS {
            if knobs.sort_over_100 == SortOver::Refuse {
                return Err(invalid("more than 100 items cannot be sorted"));
            }
            sort = None;
        }
        let mut selection = Selection::read(request, metadata, knobs)?;
        match sort.as_ref().map(|sort| sort.field.as_str()) {
            Some("recently viewed") => (page, per_page, selection) = (1, RECENT, Selection::default()),
            Some("users last contacted") => {
                selection.keywords.clear();
                selection.record_type = None;
            }
            _ => {}
        }
        if knobs.deep_window > 0 && page.saturating_mul(per_page) > knobs.deep_window {
            return Err(invalid(&format!("pages end at row {}", knobs.deep_window)));
        }
        Ok(Self { page, per_page, selection, sort })
    }

    /// `meta` of the answer, for so many matching contacts.
    pub(super) fn meta(&self, total: usize, knobs: &Knobs) -> String {
        let pages = if total == 0 { knobs.pages_when_empty } else { total.div_ceil(self.per_page) };
        format!(
            "{{\"page\":{},\"pages\":{pages},\"per_page\":{},\"total\":{total}}}",
            self.page, self.per_page
        )
    }
}

impl Selection {
    /// Reads `record_type`, `keyword` and `query`.
    pub(super) fn read(request: &Request, metadata: &Metadata, knobs: &Knobs) -> Result<Self, Reply> {
        let text = |name: &str| request.param(name).map(str::trim).filter(|text| !text.is_empty());
        let (keyword, query) = (text("keyword"), text("query"));
        if keyword.is_some() && query.is_some() {
            return Err(quoted_invalid("You can specify either `keyword` or `query` parameter, not both!"));
        }
        let record_type = match text("record_type") {
            None | Some("all") => None,
            Some(name) => match RecordType::parse(name) {
                Some(record_type) => Some(record_type),
                None => return Err(invalid("`record_type` is person, company or all")),
            },
        };
        let query = match query {
            Some(text) => {
                Some((text.to_owned(), Query::parse(text, metadata, knobs).map_err(|why| invalid(&why))?))
            }
            None => None,
        };
        // The type is ignored when there is a query (reference, list parameters).
        let record_type = record_type.filter(|_| query.is_none());
        let keywords = keyword.map(|text| Keyword::new(text, knobs.is_current())).into_iter().collect();
        Ok(Self { record_type, keywords, query })
    }

    /// Takes further keywords, as a delete of the current description may have several.
    pub(super) fn with_keywords(mut self, keywords: Vec<Keyword>) -> Self {
        self.keywords = keywords;
        self
    }

    /// How well a contact fits: one for each word hit (reference, `contain`).
    fn score(&self, contact: &Contact, store: &Store) -> u32 {
        let keywords = self.keywords.iter().map(|keyword| keyword.score(contact, store));
        keywords.sum::<u32>() + self.query.as_ref().map_or(0, |(_, query)| query.score(contact, store))
    }

    /// Whether nothing narrows the selection.
    pub(super) fn is_everything(&self) -> bool {
        self.record_type.is_none() && self.keywords.is_empty() && self.query.is_none()
    }

    /// Takes out of `slots` what is not selected.
    pub(super) fn apply(&self, slots: &mut Vec<usize>, store: &mut Store, now_ms: i64) {
        if let Some(record_type) = self.record_type {
            slots.retain(|slot| store.at(*slot).is_some_and(|contact| contact.record_type == record_type));
        }
        for keyword in &self.keywords {
            slots.retain(|slot| store.keyword_hits(*slot, keyword));
        }
        if let Some((_, query)) = &self.query {
            slots.retain(|slot| store.at(*slot).is_some_and(|contact| query.hits(contact, store, now_ms)));
        }
    }

    fn key(&self) -> String {
        let record_type = self.record_type.map_or("all", RecordType::name);
        let query = self.query.as_ref().map(|(text, _)| text);
        format!("{record_type}|{:?}|{query:?}", self.keywords)
    }
}

impl Sort {
    fn read(text: &str, metadata: &Metadata) -> Result<Option<Self>, Reply> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let Some((field, order)) = text.rsplit_once(':') else {
            return Err(invalid("`sort` is field:asc or field:desc"));
        };
        let descending = match order.trim() {
            "asc" => false,
            "desc" => true,
            _ => return Err(invalid("`sort` is field:asc or field:desc")),
        };
        let field = field.trim();
        let special = matches!(
            field,
            "created"
                | "updated"
                | "name"
                | "record type"
                | "score"
                | "recently viewed"
                | "users last contacted"
                | "company last contacted"
        );
        if !special && !metadata.field(field).is_some_and(|field| field.sortable) {
            return Err(invalid(&format!("contacts cannot be sorted by `{field}`")));
        }
        Ok(Some(Self { field: field.to_owned(), descending }))
    }
}

impl Orders {
    /// The slots of the selected contacts in the asked order.
    pub(super) fn slots(
        &mut self,
        ask: &Ask,
        store: &mut Store,
        knobs: &Knobs,
        dice: &mut fastrand::Rng,
        now_ms: i64,
    ) -> &[usize] {
        if self.version != store.version() {
            self.version = store.version();
            self.kept.clear();
        }
        // While a contact waits to become visible, and where the order is thrown anew, nothing can be kept;
        // nor can what a query compares with the clock.
        let random = match &ask.sort {
            None => knobs.order == Order::Random,
            Some(_) => knobs.tie_order != TieOrder::Stable,
        };
        let lasting = !random && now_ms >= store.latest_visible_ms() && ask.selection.query.is_none();
        if !lasting {
            self.scratch = made(ask, store, knobs, dice, now_ms);
            return &self.scratch;
        }
        let key = format!("{:?}|{}", ask.sort, ask.selection.key());
        self.kept.entry(key).or_insert_with(|| made(ask, store, knobs, dice, now_ms))
    }
}

fn made(ask: &Ask, store: &mut Store, knobs: &Knobs, dice: &mut fastrand::Rng, now_ms: i64) -> Vec<usize> {
    let mut slots = match &ask.sort {
        None => unsorted(store, knobs.order, dice),
        Some(sort) => sorted(store, sort, knobs.tie_order, dice),
    };
    if now_ms < store.latest_visible_ms() {
        slots.retain(|slot| store.at(*slot).is_some_and(|contact| contact.visible_ms <= now_ms));
    }
    ask.selection.apply(&mut slots, store, now_ms);
    match &ask.sort {
        Some(sort) if sort.field == "recently viewed" => slots.truncate(RECENT),
        Some(sort) if sort.field == "score" => {
            let score =
                |slot: &usize| store.at(*slot).map_or(0, |contact| ask.selection.score(contact, store));
            slots.sort_by_cached_key(|slot| {
                let score = i64::from(score(slot));
                if sort.descending { -score } else { score }
            });
        }
        _ => {}
    }
    slots
}

fn unsorted(store: &Store, order: Order, dice: &mut fastrand::Rng) -> Vec<usize> {
    let mut slots: Vec<usize> = match order {
        Order::Updated => return store.updated_order().map(|(_, slot)| slot).collect(),
        Order::Created => return store.list_order(),
        Order::Random | Order::Hash => store.iter().map(|(slot, _)| slot).collect(),
    };
    match order {
        Order::Random => dice.shuffle(&mut slots),
        Order::Hash => slots.sort_by_cached_key(|slot| {
            let mut hasher = DefaultHasher::new();
            store.at(*slot).map(|contact| &contact.id).hash(&mut hasher);
            hasher.finish()
        }),
        Order::Created | Order::Updated => {}
    }
    slots
}

fn sorted(store: &Store, sort: &Sort, ties: TieOrder, dice: &mut fastrand::Rng) -> Vec<usize> {
    match sort.field.as_str() {
        "created" => by_time(store.created_order(), 1, sort.descending, ties, dice),
        "updated" => by_time(store.updated_order(), 1000, sort.descending, ties, dice),
        // Nothing here is ever viewed or contacted; the newest changes stand for it.
        "recently viewed" => by_time(store.updated_order(), 1000, !sort.descending, ties, dice),
        "users last contacted" | "company last contacted" => {
            let moment = |contact: &Contact| contact.last_contacted_ms.unwrap_or(i64::MIN);
            by_number(store, moment, sort.descending)
        }
        // Ordered when it is known which contacts are hit.
        "score" => store.iter().map(|(slot, _)| slot).collect(),
        field => {
            let mut keyed: Vec<(bool, String, usize)> = store
                .iter()
                .map(|(slot, contact)| {
                    let text = match field {
                        "name" => name(contact),
                        "record type" => contact.record_type.name().to_owned(),
                        field => contact.first(field).to_owned(),
                    };
                    (text.is_empty(), fold(&text), slot)
                })
                .collect();
            match ties {
                TieOrder::Random => dice.shuffle(&mut keyed),
                TieOrder::Replicas if dice.bool() => keyed.reverse(),
                TieOrder::Replicas | TieOrder::Stable => {}
            }
            // Contacts without the field come last either way.
            keyed.sort_by(|left, right| {
                let texts = left.1.cmp(&right.1);
                left.0.cmp(&right.0).then(if sort.descending { texts.reverse() } else { texts })
            });
            keyed.into_iter().map(|(_, _, slot)| slot).collect()
        }
    }
}

fn by_number(store: &Store, number: impl Fn(&Contact) -> i64, descending: bool) -> Vec<usize> {
    let mut keyed: Vec<(i64, usize)> = store.iter().map(|(slot, contact)| (number(contact), slot)).collect();
    keyed.sort_by(|left, right| if descending { right.0.cmp(&left.0) } else { left.0.cmp(&right.0) });
    keyed.into_iter().map(|(_, slot)| slot).collect()
}

/// Slots from an index of times; equal means equal in units of `unit`.
fn by_time(
    index: impl DoubleEndedIterator<Item = (i64, usize)>,
    unit: i64,
    descending: bool,
    ties: TieOrder,
    dice: &mut fastrand::Rng,
) -> Vec<usize> {
    let mut entries: Vec<(i64, usize)> = if descending { index.rev().collect() } else { index.collect() };
    let turned = ties == TieOrder::Replicas && dice.bool();
    if turned || ties == TieOrder::Random {
        for equal in entries.chunk_by_mut(|left, right| left.0.div_euclid(unit) == right.0.div_euclid(unit)) {
            if turned { equal.reverse() } else { dice.shuffle(equal) }
        }
    }
    entries.into_iter().map(|(_, slot)| slot).collect()
}

/// A parameter that counts from 1.
pub(super) fn positive(request: &Request, name: &str, default: usize) -> Result<usize, Reply> {
    match request.param(name) {
        None | Some("") => Ok(default),
        Some(text) => match text.trim().parse::<usize>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(invalid(&format!("`{name}` is a number from 1"))),
        },
    }
}
