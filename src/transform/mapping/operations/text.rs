//! Operations on text and on lists of values.

use super::super::condition::flat;
use super::super::file::{Findings, Table};
use super::entry::{BARE, Entry, Kind, WITH, many, may, must, one};
use crate::transform::ops::Operation;
use crate::transform::ops::text::{By, Replace, Unusable};

/// The operations, in the order of the reference.
pub(super) const TEXT: &[Entry] = &[
    Entry {
        name: "trim",
        what: "Takes outer blanks away. Done for every value unless `trim = false`.",
        examples: &[one("trim", &["  Ada "], &["Ada"])],
        compile: |_, _, _| Some(Operation::Trim),
        ..BARE
    },
    Entry {
        name: "collapse",
        what: "Makes every run of blanks, line breaks and no-break spaces included, one space.",
        examples: &[one("collapse", &["Ada \u{a0}  King\nByron"], &["Ada King Byron"])],
        compile: |_, _, _| Some(Operation::Collapse),
        ..BARE
    },
    Entry {
        name: "lowercase",
        what: "Small letters, in every script that has them.",
        examples: &[one("lowercase", &["ADA Ünal"], &["ada ünal"])],
        compile: |_, _, _| Some(Operation::Lowercase),
        ..BARE
    },
    Entry {
        name: "uppercase",
        what: "Capital letters, in every script that has them.",
        examples: &[one("uppercase", &["straße"], &["STRASSE"])],
        compile: |_, _, _| Some(Operation::Uppercase),
        ..BARE
    },
    Entry {
        name: "titlecase",
        what: "The capitals of names: one at the start of every word, and those that names have inside.",
        rules: &[
            "Particles within a name stand small (`van der`, `de la`, `von`), the first word never does. Roman \
             numerals behind a name are capitals, but for `VI` and `XI`, which are names as well.",
            "A word with an inner capital behind a small letter is left as it is: `DeVito`.",
        ],
        examples: &[
            one("titlecase", &["RONALD MCDONALD"], &["Ronald McDonald"]),
            one("titlecase", &["shaquille o'neill"], &["Shaquille O'Neill"]),
            one("titlecase", &["LUDWIG VAN BEETHOVEN"], &["Ludwig van Beethoven"]),
            one("titlecase", &["maría de la cruz"], &["María de la Cruz"]),
            one("titlecase", &["henry viii"], &["Henry VIII"]),
            one("titlecase", &["Danny DeVito"], &["Danny DeVito"]),
        ],
        compile: |_, _, _| Some(Operation::Titlecase),
        ..BARE
    },
    Entry {
        name: "replace",
        what: "Replaces a text or a regular expression wherever it occurs.",
        arguments: &[
            may("find", Kind::Text, "", "text to be replaced, letter by letter"),
            may(
                "regex",
                Kind::Text,
                "",
                "instead of `find`: a regular expression (syntax of Rust's `regex`)",
            ),
            may(
                "with",
                Kind::Text,
                "nothing",
                "what takes its place; `$1` or `${name}` are groups of `regex`",
            ),
        ],
        rules: &[
            "In `with`, a `$` and the letters and digits behind it are one name: a group with text behind it is `${1}m`, \
             and `$$` is a `$`. A group that `regex` does not have is an error.",
        ],
        examples: &[
            one(r#"{ replace = { find = " GmbH", with = "" } }"#, &["Acme GmbH"], &["Acme"]),
            one(
                r#"{ replace = { regex = '^(\w+), (\w+)$', with = "$2 $1" } }"#,
                &["Byron, Ada"],
                &["Ada Byron"],
            ),
            one(r#"{ replace = { regex = '^(\d+)$', with = "${1}m" } }"#, &["12"], &["12m"]),
            one(r#"{ replace = { regex = '(?i)^n/?a$' } }"#, &["n.a."], &["n.a."]),
            many(r#"{ replace = { regex = '(?i)^n/?a$' } }"#, &["N/A"], &[]),
        ],
        compile: |table, _, findings| replace(table, findings),
        ..WITH
    },
    Entry {
        name: "prefix",
        what: "Puts a text in front of a value. A blank value stays blank.",
        short: Some("text"),
        arguments: &[must("text", Kind::Text, "what stands in front")],
        examples: &[one(r#"{ prefix = "https://" }"#, &["example.org"], &["https://example.org"])],
        compile: |table, _, findings| Some(Operation::Prefix(table.text("text", findings)?.text)),
        ..WITH
    },
    Entry {
        name: "suffix",
        what: "Puts a text behind a value. A blank value stays blank.",
        short: Some("text"),
        arguments: &[must("text", Kind::Text, "what stands behind")],
        examples: &[one(r#"{ suffix = " Ltd" }"#, &["Acme"], &["Acme Ltd"])],
        compile: |table, _, findings| Some(Operation::Suffix(table.text("text", findings)?.text)),
        ..WITH
    },
    Entry {
        name: "ascii",
        what: "Writes letters of every script in ASCII: accents go, other scripts become Latin.",
        examples: &[
            one("ascii", &["Łódź"], &["Lodz"]),
            one("ascii", &["Шевченко"], &["Shevchenko"]),
            one("ascii", &["Straße"], &["Strasse"]),
        ],
        compile: |_, _, _| Some(Operation::Ascii),
        ..BARE
    },
    Entry {
        name: "slug",
        what: "Small ASCII letters and digits with a hyphen between words, as in web addresses.",
        short: Some("between"),
        arguments: &[may("between", Kind::Text, "-", "what stands between words")],
        examples: &[
            one("slug", &["O'Brien & Söhne"], &["obrien-sohne"]),
            one(r#"{ slug = "_" }"#, &["Lead Status"], &["lead_status"]),
        ],
        compile: |table, _, findings| {
            let between = table.text("between", findings);
            Some(Operation::Slug(between.map_or_else(|| "-".to_owned(), |written| written.text)))
        },
        ..BARE
    },
    Entry {
        name: "html_to_text",
        what: "Plain text from HTML: tags go, entities are read, paragraphs and list items keep their lines.",
        rules: &["A text without `<` and `&` is left as it is."],
        examples: &[
            one(
                "html_to_text",
                &["<p>Smith &amp; Sons</p><p>Call <b>back</b></p>"],
                &["Smith & Sons\n\nCall back"],
            ),
            one("html_to_text", &["Tel.<br>12 34"], &["Tel.\n12 34"]),
        ],
        compile: |_, _, _| Some(Operation::HtmlToText),
        ..BARE
    },
    Entry {
        name: "percent_decode",
        what: "Reads `%20` and the like, as they stand in web addresses and forms.",
        arguments: &[may("plus", Kind::Flag, "false", "whether `+` is a blank, as in forms")],
        examples: &[
            one("percent_decode", &["Caf%C3%A9"], &["Café"]),
            one("{ percent_decode = { plus = true } }", &["Ada+Byron"], &["Ada Byron"]),
        ],
        compile: |table, _, findings| {
            Some(Operation::PercentDecode(table.flag("plus", findings).unwrap_or(false)))
        },
        ..BARE
    },
];

/// Operations that make one value several, or work on several.
pub(super) const LISTS: &[Entry] = &[
    Entry {
        name: "split",
        what: "Takes each value apart at a text. The pieces are trimmed; blank ones count for `nth`, and are left \
               out at the end.",
        short: Some("on"),
        arguments: &[must("on", Kind::Text, "the text between the pieces")],
        examples: &[
            many(r#"{ split = "," }"#, &["a, b,,c"], &["a", "b", "c"]),
            many(r#"{ split = { on = " / " } }"#, &["02-784 / 02-788"], &["02-784", "02-788"]),
        ],
        compile: |table, _, findings| match table.text("on", findings) {
            Some(on) if !on.text.is_empty() => Some(Operation::Split(on.text)),
            on => {
                if on.is_some() {
                    findings.add(table.at, "`split` needs `on`: the text between the pieces", None);
                }
                None
            }
        },
        ..WITH
    },
    Entry {
        name: "nth",
        what: "One of the pieces that `split` made of a value. Which of several values of a field is taken, `take` \
               says.",
        short: Some("n"),
        arguments: &[must("n", Kind::Whole, "counted from 1, or from the end: -1 is the last")],
        examples: &[
            one(r#"[{ split = "," }, { nth = 2 }]"#, &["a, b, c"], &["b"]),
            one(r#"[{ split = "," }, { nth = -1 }]"#, &["a, b, c"], &["c"]),
        ],
        compile: |table, _, findings| match table.whole("n", findings) {
            Some(n) if n != 0 => Some(Operation::Nth(n)),
            n => {
                if n.is_some() {
                    findings.add(table.at, "`nth` needs `n`: a number from 1 (-1 is the last)", None);
                }
                None
            }
        },
        ..WITH
    },
    Entry {
        name: "join",
        what: "Makes one text of all values of the field. The key `join` does the same behind all operations.",
        short: Some("with"),
        arguments: &[must("with", Kind::Text, "what stands between the values")],
        examples: &[many(r#"{ join = ", " }"#, &["b", "a"], &["b, a"])],
        compile: |table, _, findings| Some(Operation::Join(table.text("with", findings)?.text)),
        ..WITH
    },
    Entry {
        name: "unique",
        what: "Leaves out values of the field that came before, letter by letter.",
        examples: &[many("unique", &["a", "b", "a"], &["a", "b"])],
        compile: |_, _, _| Some(Operation::Unique),
        ..BARE
    },
    Entry {
        name: "sort",
        what: "Puts all values of the field in order.",
        short: Some("by"),
        arguments: &[
            may("by", Kind::Choice(&["text", "number"]), "text", "without regard to case, or by number"),
            may("descending", Kind::Flag, "false", "whether the last comes first"),
        ],
        examples: &[
            many("sort", &["b", "C", "a"], &["a", "b", "C"]),
            many(r#"{ sort = { by = "number", descending = true } }"#, &["9", "10"], &["10", "9"]),
        ],
        compile: |table, _, findings| {
            let orders = [("text", By::Text), ("number", By::Number)];
            let by = table.choice("by", &orders, findings).unwrap_or_default();
            Some(Operation::Sort { by, descending: table.flag("descending", findings).unwrap_or(false) })
        },
        ..BARE
    },
];

fn replace(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Operation> {
    let (find, regex) = (table.text("find", findings), table.text("regex", findings));
    let (at, with) = match table.text("with", findings) {
        Some(with) => (with.at, with.text),
        None => (table.at, String::new()),
    };
    match (find, regex) {
        (Some(find), None) if !find.text.is_empty() => {
            Some(Operation::Replace(Replace::text(find.text, with)))
        }
        (None, Some(regex)) => match Replace::pattern(&regex.text, with) {
            Ok(replace) => Some(Operation::Replace(replace)),
            Err(Unusable::Pattern(cause)) => {
                findings.add(regex.at, format!("`regex` is no regular expression: {}", flat(&cause)), None);
                None
            }
            Err(Unusable::Group(written, hint)) => {
                findings.add(
                    at,
                    format!("`with` has `{written}`, and `regex` has no such group"),
                    Some(hint),
                );
                None
            }
        },
        _ => {
            let hint = Some(
                "write { find = \"text\", with = \"..\" } or { regex = \"..\", with = \"$1\" }".to_owned(),
            );
            findings.add(table.at, "`replace` needs `find` or `regex`, one of them", hint);
            None
        }
    }
}
