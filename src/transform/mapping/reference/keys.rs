//! The keys of a mapping's tables, for the compiler, the documentation and the schema.

use super::super::operations::entry::{Argument, Kind, may, must};

/// Keys of `[mapping]`.
pub(in crate::transform::mapping) const SETTINGS: &[Argument] = &[
    may("source", Kind::Text, "", "where records come from: a stream or a file; the command line wins"),
    may("target", Kind::Text, "", "where they go; the command line wins"),
    may(
        "mode",
        Kind::Choice(&["create", "update", "upsert"]),
        "upsert",
        "new records only, known ones only, or both",
    ),
    may(
        "key",
        Kind::Keys,
        "",
        "what identifies a record at the target: `\"a\"`, `[\"a\", \"b\"]` for both together, `[[\"a\"], [\"b\"]]` for one \
         after the other",
    ),
    may("blank_key", Kind::Choice(&["reject", "create"]), "reject", "what a record without a key means"),
    may(
        "time_zone",
        Kind::Text,
        "`time_zone` of the connection",
        "the zone of times without an offset, by any name",
    ),
    may(
        "time_zone_from",
        Kind::Field,
        "",
        "a source field that names the zone of each record; where it is blank, `time_zone` holds",
    ),
    may(
        "blank",
        Kind::Choice(&["keep", "clear"]),
        "keep",
        "whether an empty source value clears what the target has",
    ),
    may(
        "on_error",
        Kind::Choice(&["reject", "blank", "keep"]),
        "reject",
        "what becomes of a value that cannot be read: the row is rejected, the value dropped, or its text kept",
    ),
    may("trim", Kind::Flag, "true", "whether outer blanks go"),
    may(
        "absent",
        Kind::Choice(&["error", "blank"]),
        "error",
        "what a column means that the file does not have; exports of some services leave out what nobody fills",
    ),
    may(
        "header_row",
        Kind::Texts,
        "the first row",
        "cells by which the header row of a CSV file is known, such as `[\"First Name\", \"Last Name\"]`: the first line \
         that has them all; what stands above it is passed over",
    ),
];

/// Keys of `[[field]]`.
pub(in crate::transform::mapping) const FIELD: &[Argument] = &[
    must(
        "to",
        Kind::Text,
        "the target field: `email[work]`, `address[work].city`, `_tags`, `_id`, `_type`, …",
    ),
    may(
        "from",
        Kind::Texts,
        "",
        "the source field, or several: the first that is not blank, unless `take` or `join` is there",
    ),
    may("const", Kind::Scalars, "", "instead of `from`: always this"),
    may(
        "template",
        Kind::Text,
        "",
        "instead of `from`: text with `{field}` in it; what stands around blank fields is tidied",
    ),
    may(
        "take",
        Kind::Take,
        "first of a list",
        "which of the values found: `\"first\"`, `\"last\"`, `\"all\"` (doubles once), or a number from 1 (-1 is the last)",
    ),
    may("join", Kind::Text, "", "makes one text of the values, with this between them"),
    may(
        "multi",
        Kind::Flag,
        "",
        "whether the target holds several values; list cells of a file are split then",
    ),
    may(
        "type",
        Kind::Choice(&["text", "number", "bool", "date", "datetime", "option", "link"]),
        "",
        "the JSON type that the value takes; read strictly",
    ),
    may("do", Kind::Operations, "", "operations in order, each applied to every value"),
    may("default", Kind::Scalars, "", "what is written when nothing is left"),
    may("when", Kind::Conditions, "", "conditions that must all hold; the field is left alone otherwise"),
    may(
        "write",
        Kind::Choice(&["replace", "add", "fill"]),
        "replace, for several values add; a part of an address corrects the one that is there",
        "at an existing record: in place of its values, beside them, or only where it has none",
    ),
    may(
        "on_extra",
        Kind::Choice(&["first", "reject"]),
        "first",
        "several values for a place that holds one: the first is taken and the rest counted, or the row rejected",
    ),
    may("blank", Kind::Choice(&["keep", "clear"]), "as in [mapping]", "for this field alone"),
    may("on_error", Kind::Choice(&["reject", "blank", "keep"]), "as in [mapping]", "for this field alone"),
    may("trim", Kind::Flag, "as in [mapping]", "for this field alone"),
    may("link", Kind::Link, "", "the value names a record, see [Links](#links)"),
];

/// Keys of `link`.
pub(in crate::transform::mapping) const LINK: &[Argument] = &[
    must("stream", Kind::Text, "the stream, such as `crm:Companies`"),
    must("by", Kind::Text, "its field that holds the value, or `_source_id`"),
    may(
        "missing",
        Kind::Choice(&["reject", "create", "blank"]),
        "reject",
        "what becomes of a value that no record has",
    ),
];

/// Keys of a condition: of `[[filter]]`, of `when`, and within `all`, `any` and `not`.
pub(in crate::transform::mapping) const CONDITION: &[Argument] = &[
    may(
        "field",
        Kind::Field,
        "",
        "the source field that is tested; of several values, one that fits is enough",
    ),
    may(
        "is",
        Kind::Scalar,
        "",
        "it is this value: numbers by value, times as instants, text letter by letter",
    ),
    may("is_not", Kind::Scalar, "", "no value is this one"),
    may("in", Kind::Scalars, "", "it is one of these; `\"\"` stands for a field without values"),
    may("not_in", Kind::Scalars, "", "no value is one of these"),
    may("matches", Kind::Text, "", "a regular expression fits somewhere in it; `^` and `$` are its ends"),
    may("empty", Kind::Flag, "", "it has no value (true), or one at least (false)"),
    may("gt", Kind::Scalar, "", "greater or later: a number, a date or a time"),
    may("gte", Kind::Scalar, "", "that or greater"),
    may("lt", Kind::Scalar, "", "less or earlier"),
    may("lte", Kind::Scalar, "", "that or less"),
    may("above", Kind::Scalar, "", "the same as `gt`"),
    may("at_least", Kind::Scalar, "", "the same as `gte`"),
    may("below", Kind::Scalar, "", "the same as `lt`"),
    may("at_most", Kind::Scalar, "", "the same as `lte`"),
    may("all", Kind::Conditions, "", "alone in its table: every one of these conditions holds"),
    may("any", Kind::Conditions, "", "alone in its table: one of these conditions holds"),
    may("not", Kind::Condition, "", "alone in its table: this condition does not hold"),
];

/// Keys of `[[example]]`.
pub(in crate::transform::mapping) const EXAMPLE: &[Argument] = &[
    must("in", Kind::Record, "a record of the source: names and values"),
    must("out", Kind::Record, "what the mapping must make of it; fields that are not named are not compared"),
];
