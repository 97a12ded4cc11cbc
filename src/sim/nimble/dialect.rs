//! Which fields can be searched and by which operators: the tables of the reference, one for each of its two
//! descriptions of the query language.

use super::kinds::Kind;
use super::metadata::Metadata;

/// Operators of most texts, and of custom fields, in the older description.
const TEXT: &[&str] = &["is", "is_not", "contain", "not_contain", "is_empty"];
const CURRENT_TEXT: &[&str] = &["is", "is_not", "contain", "not_contain", "starts_with", "in", "is_empty"];
const CURRENT_CHOICE: &[&str] = &["is", "is_not", "in", "is_empty"];
const CURRENT_NUMBER: &[&str] =
    &["is", "is_not", "is_empty", "gt", "gte", "lt", "lte", "range", "not_in_range"];
const CURRENT_DATE: &[&str] = &["in_the_last", "not_in_the_last", "range", "not_in_range", "is_empty"];

/// The operators of a field; nothing for one that cannot be searched.
pub(super) fn operators(field: &str, is_current: bool) -> Option<&'static [&'static str]> {
    if is_current { current(field) } else { legacy(field) }
}

/// The operators of a custom field; nothing for a standard one.
pub(super) fn custom_operators(
    field: &str,
    metadata: &Metadata,
    is_current: bool,
) -> Option<&'static [&'static str]> {
    let kind = metadata.field(field).filter(|field| !field.is_standard)?.kind;
    Some(match kind {
        _ if !is_current => TEXT,
        Kind::Number => CURRENT_NUMBER,
        Kind::Datetime => CURRENT_DATE,
        Kind::Choice | Kind::User | Kind::Boolean => CURRENT_CHOICE,
        _ => CURRENT_TEXT,
    })
}

/// Reference, search: fields and operators of era A.
fn legacy(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "email" | "skype id" | "twitter" | "linkedin" | "facebook" | "phone" | "last name" | "street"
        | "city" | "state" | "zip" | "country" | "company name" | "title" => TEXT,
        "first name" | "name" => &["is", "is_not", "contain", "not_contain"],
        "lead source" | "lead type" | "lead status" => &["is", "is_not", "is_empty"],
        "rating" => &["is", "is_not", "is_empty", "gt", "gte", "lt", "lte"],
        "created" | "updated" | "company last contacted" => &["in_the_last", "range"],
        "address" | "description" => &["contain", "not_contain", "is_empty"],
        "tag" | "record type" => &["is"],
        _ => return None,
    })
}

/// Reference, search: differences of era C.
fn current(field: &str) -> Option<&'static [&'static str]> {
    Some(match field {
        "__any" => &["contain", "not_contain", "starts_with"],
        "name" | "names" => &["contain", "not_contain", "starts_with", "is_empty", "is", "is_not"],
        "_id" => &["is", "in", "not_in"],
        "tag" => &["is", "is_not", "is_empty", "in"],
        "saved_search" => &["is"],
        "reminder" => &["is_empty"],
        "birthday" => &["day_month_range", "is_empty"],
        "rating" => CURRENT_NUMBER,
        "lead source" | "lead type" | "lead status" => CURRENT_CHOICE,
        "created" | "updated" | "company last contacted" | "user last contacted" => CURRENT_DATE,
        "record type" => &["is"],
        "domain" | "company_name" | "first name" | "middle name" | "address" | "description" | "URL"
        | "address.street" | "address.city" | "address.state" | "address.zip" | "address.country" => {
            CURRENT_TEXT
        }
        _ => return legacy(field).map(|_| CURRENT_TEXT),
    })
}
