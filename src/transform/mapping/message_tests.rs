//! Golden texts: what a mapping file with mistakes is answered.

use super::tests::{file, parse, service};
use super::*;

/// The whole message with its hint, as `ferry` prints it.
fn said(result: Result<impl Sized>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            assert_eq!(error.class().exit_code(), 2);
            let hint = error.way_out().map(|hint| format!(" | {hint}")).unwrap_or_default();
            format!("{error}{hint}")
        }
    }
}

#[test]
fn mistakes_in_a_file_are_said_with_their_place() {
    let cases = [
        (
            "[mapping]\nmoode = \"upsert\"",
            "m.toml:2:1: unknown key of [mapping] `moode` | did you mean `mode`?",
        ),
        (
            "[mapping]\nmode = \"upsrt\"",
            "m.toml:2:8: unknown value of `mode` `upsrt` | did you mean `upsert`?",
        ),
        (
            "[mapping]\nkey = []",
            "m.toml:2:7: `key` is a list of target fields | write [\"a\", \"b\"] for a key of two fields, [[\"a\"], [\"b\"]] for two keys in order",
        ),
        (
            "[mapping]\ntime_zone = \"Europe/Lodnon\"",
            "m.toml:2:13: `Europe/Lodnon` is no time zone that is known | did you mean `Europe/London`?",
        ),
        ("[mapping]\ntrim = \"no\"", "m.toml:2:8: `trim` is true or false"),
        (
            "[map]\nx = 1",
            "m.toml:1:2: unknown key of a mapping `map` | known are mapping, filter, field, example",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [\"lowercse\"]",
            "m.toml:4:7: unknown operation `lowercse` | did you mean `lowercase`?",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ phone = { regoin = \"GB\" } }]",
            "m.toml:4:19: unknown key of `phone` `regoin` | did you mean `region`?",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ phone = { region = \"Atlantis\" } }]",
            "m.toml:4:28: `Atlantis` is no country with phone numbers | write its two letters, such as \"GB\"",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [\"country\"]",
            "m.toml:4:7: `country` needs arguments | such as { country = \"alpha-2\" }",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ country = \"alpha2\" }]",
            "m.toml:4:19: unknown value of `country` `alpha2` | did you mean `alpha-2`?",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ subdivision = { country = \"Atlantis\" } }]",
            "m.toml:4:35: `Atlantis` is no country with states or provinces | write its two letters, such as \"US\"",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ name = \"famly\" }]",
            "m.toml:4:16: unknown value of `name` `famly` | did you mean `family`?",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ name = { order = \"family-first\" } }]",
            "m.toml:4:16: `name` needs `part`: which part; `full` is all of them, given name first | such as { name = \"given\" }",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ currency = { prefer = [\"USDD\"] } }]",
            "m.toml:4:32: `USDD` is no currency in use | write its three letters, such as \"USD\"",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ date = { from = [\"%d/%m/%y\"] } }]",
            "m.toml:4:16: `%d/%m/%y` has a year of two digits, and no `pivot` says which century: with `pivot = 30`, 00 to 29 are 2000 to 2029, and 30 to 99 are 1930 to 1999",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ mask = \"NO_SUCH_KEY_IS_SET\" }]",
            "m.toml:4:16: the environment has no `NO_SUCH_KEY_IS_SET`, which holds the key | set it to a secret of 16 characters or more, such as that of `openssl rand -hex 16`",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ trim = { x = 1 } }]",
            "m.toml:4:16: `trim` takes no arguments | write \"trim\"",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\nwhen = { any = [], field = \"b\" }",
            "m.toml:4:10: `any` stands alone in its table | put each in a table of its own: `all = [{ .. }, { .. }]`",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\nwhen = { any = [] }",
            "m.toml:4:16: `any` is a list of conditions",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ date = { from = [\"%H:%M\"] } }]",
            "m.toml:4:16: `%H:%M` does not say which day it is",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ number = { thousands = \".\" } }]",
            "m.toml:4:18: `.` cannot mark both decimals and thousands | say `decimal` too, such as \",\"",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ndo = [{ lookup = { file = \"none.csv\", from = \"a\", to = \"b\" } }]",
            "m.toml:4:27: cannot read the lookup file `none.csv`: No such file or directory (os error 2)",
        ),
        (
            "[[field]]\nto = \"t\"",
            "m.toml:1:1: [[field]] does not say where its values come from | add `from`, `const` or `template`",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\nconst = 1",
            "m.toml:1:1: [[field]] has both `from` and `const` | keep one of them",
        ),
        ("[[field]]\nfrom = \"a\"", "m.toml:1:1: [[field]] has no `to` | name the target field"),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\nlink = { by = \"Name\" }",
            "m.toml:4:8: `link` needs `stream` and `by` | such as { stream = \"crm:Companies\", by = \"Name\" }",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\n[[field]]\nto = \"t\"\nfrom = \"b\"",
            "m.toml:5:6: `t` is already the target of line 2 | use one [[field]] with a list in `from`",
        ),
        (
            "[[field]]\nto = \"t\"\ntemplate = \"{a\"",
            "m.toml:3:12: the template cannot be read: a `{` is never closed; `{{` stands for the brace itself",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\nwhen = { field = \"b\" }",
            "m.toml:4:8: `when` tests nothing | add one of is, is_not, in, not_in, matches, empty, gt, gte, lt, lte, above, at_least, below, at_most, all, any, not",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\n[[filter]]\nfield = \"b\"\nis = [\"x\"]",
            "m.toml:6:1: `is` takes one value | write `in` for a list",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\n[[filter]]\nfield = \"b\"\nmatches = \"(\"",
            "m.toml:6:11: `matches` is no regular expression: unclosed group",
        ),
        (
            "[[field]]\nto = \"t\"\nfrom = \"a\"\ntake = \"frist\"",
            "m.toml:4:8: unknown value of `take` `frist` | did you mean `first`?",
        ),
        ("", "m.toml:1:1: there is no [[field]] | add one for every target field"),
    ];
    for (text, expected) in cases {
        let text = if text.contains("[[field]]") || text.is_empty() {
            text.to_owned()
        } else {
            format!("{text}\n[[field]]\nto = \"t\"\nfrom = \"a\"\n")
        };
        assert_eq!(said(parse(&text)), expected, "{text}");
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let text = "[mapping]\nmode = \"x\"\n[[field]]\nto = \"t\"\nform = \"a\"\n";
    assert_eq!(
        said(parse(text)),
        "m.toml:2:8: unknown value of `mode` `x` (known are create, update, upsert)\n\
         m.toml:3:1: [[field]] does not say where its values come from (add `from`, `const` or `template`)\n\
         m.toml:5:1: unknown key of [[field]] `form` (did you mean `from`?)"
    );
    assert!(said(parse("[[field]\nto = 1")).starts_with("m.toml:1:"));
}

#[test]
fn names_that_a_side_does_not_have_are_said_with_the_nearest() {
    let doubled = ["E-mail".to_owned()];
    let headers = file(&["Name", "E-mail", "E-mail (2)", "Country"]);
    let source = SourceSide::cells(&headers, &doubled, ';');
    let target = service();
    let cases = [
        (
            "to = \"name\"\nfrom = \"Nmae\"",
            "m.toml:3:8: unknown field `Nmae`: a.csv has none of that name | did you mean `Name`?",
        ),
        (
            "to = \"name\"\nfrom = \"E-mail\"",
            "m.toml:3:8: a.csv has several columns `E-mail` | rename them in the file; as it is, the second is `E-mail (2)`",
        ),
        ("to = \"name\"\nfrom = \"E-mail (2)\"", "ok"),
        (
            "to = \"email\"\nfrom = \"Name\"",
            "m.toml:2:6: `email` of crm:contacts has modifiers, say which one | one of `email[work]`, `email[home]`",
        ),
        (
            "to = \"email[wrok]\"\nfrom = \"Name\"",
            "m.toml:2:6: `email` has no modifier `wrok` | did you mean `email[work]`?",
        ),
        (
            "to = \"_owner\"\nfrom = \"Name\"",
            "m.toml:2:6: `_owner` of crm:contacts is filled by the service itself | map it to a field of your own",
        ),
        (
            "to = \"name\"\nfrom = \"Name\"\ndo = [{ phone = { region_from = \"Contry\" } }]",
            "m.toml:4:33: unknown field `Contry`: a.csv has none of that name | did you mean `Country`?",
        ),
        (
            "to = \"name\"\ntemplate = \"{Name} {Nme}\"",
            "m.toml:3:12: unknown field `Nme`: a.csv has none of that name | did you mean `Name`?",
        ),
        (
            "to = \"address[work]\"\nfrom = \"Name\"\n[[field]]\nto = \"address[work].city\"\nfrom = \"Name\"",
            "m.toml:5:6: `address[work].city` is already the target of line 2 | use one [[field]] for each place",
        ),
        (
            "to = \"name\"\nfrom = \"Name\"\n[mapping]\nkey = [\"email\"]",
            "m.toml:5:8: no [[field]] fills the key `email` | add a [[field]] with to = \"email\"",
        ),
        (
            "to = \"name\"\nfrom = \"Name\"\n[mapping]\nkey = [\"nam\"]",
            "m.toml:5:8: key: unknown field `nam`: crm:contacts has none of that name | did you mean `name`?",
        ),
    ];
    for (fields, expected) in cases {
        let mapping = parse(&format!("[[field]]\n{fields}\n")).unwrap();
        let said = said(mapping.bind(&source, Some(&target)));
        assert_eq!(said.lines().next().unwrap(), expected, "{fields}");
    }
    let mapping = parse("[[field]]\nto = \"name\"\nfrom = \"Name\"\n").unwrap();
    let keyed = mapping.with_keys(vec![vec!["email".to_owned()]]);
    assert_eq!(
        said(keyed.bind(&source, Some(&target))),
        "--key: no [[field]] fills the key `email` | add a [[field]] with to = \"email\""
    );
}
