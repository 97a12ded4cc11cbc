//! Every message about a mapping, as people read it, kept in `tests/golden/mapping`: what is wrong with a file, and
//! why a row is rejected. `UPDATE_GOLDEN=1` writes them anew; look at the difference before you keep it.

use std::path::PathBuf;

use crate::support::Rehearsal;

const GOOD: &str = "[[field]]\nto = \"Name\"\nfrom = \"name\"\n";

/// A file's name, and what is wrong with the mapping.
fn wrong_files() -> Vec<(&'static str, String)> {
    let field = |rest: &str| format!("{GOOD}\n[[field]]\nto = \"Notes\"\n{rest}\n");
    let from = |rest: &str| field(&format!("from = \"note\"\n{rest}"));
    let op = |operation: &str| from(&format!("do = [{operation}]"));
    let head = |rest: &str| format!("[mapping]\n{rest}\n{GOOD}");
    vec![
        ("not-toml", "[[field]\nto = 1".to_owned()),
        ("no-field", "[mapping]\nmode = \"create\"\n".to_owned()),
        ("unknown-table", format!("[feild]\n{GOOD}")),
        ("unknown-setting", head("mdoe = \"create\"")),
        ("unknown-mode", head("mode = \"crate\"")),
        ("bad-key", head("key = []")),
        ("key-not-filled", head("key = [\"Email\"]")),
        ("bad-time-zone", head("time_zone = \"Europe/Lodnon\"")),
        ("bad-absent", head("absent = \"blnak\"")),
        ("no-origin", field("")),
        ("two-origins", from("const = \"x\"")),
        ("unknown-field-key", from("form = \"x\"")),
        ("same-target-twice", format!("{GOOD}{GOOD}")),
        ("bad-template", field("template = \"{note\"")),
        ("bad-take", from("take = 0")),
        ("join-and-multi", from("join = \" \"\nmulti = true")),
        ("bad-type", from("type = \"txt\"")),
        ("bad-write", from("write = \"append\"")),
        ("condition-tests-nothing", from("when = { field = \"note\" }")),
        ("condition-bad-regex", from("when = { field = \"note\", matches = \"(\" }")),
        ("unknown-operation", op("\"emial\"")),
        ("operation-needs-arguments", op("\"replace\"")),
        ("operation-unknown-argument", op("{ phone = { region_form = \"x\" } }")),
        ("phone-bad-region", op("{ phone = { region = \"Atlantis\" } }")),
        ("country-bad-form", op("{ country = \"alpha2\" }")),
        ("date-bad-format", op("{ date = { from = [\"%Q\"] } }")),
        ("date-no-century", op("{ date = { from = [\"%d/%m/%y\"] } }")),
        ("replace-bad-regex", op("{ replace = { regex = \"(\", with = \"\" } }")),
        ("replace-glued-group", op("{ replace = { regex = '^(\\d+)$', with = '$1m' } }")),
        ("replace-no-group", op("{ replace = { regex = '^(\\d+)$', with = '${2}m' } }")),
        ("lookup-no-table", op("{ lookup = { else = \"keep\" } }")),
        ("lookup-no-file", op("{ lookup = { file = \"none.csv\", from = \"a\", to = \"b\" } }")),
        ("no-to", format!("{GOOD}\n[[field]]\nfrom = \"note\"\n")),
        ("to-no-text", format!("{GOOD}\n[[field]]\nto = 5\nfrom = \"note\"\n")),
        ("field-no-list", GOOD.replace("[[field]]", "[field]")),
        ("from-no-text", field("from = 5")),
        ("const-table", field("const = { a = 1 }")),
        ("trim-no-flag", from("trim = \"no\"")),
        ("link-incomplete", from("link = { stream = \"nethunt:Companies\" }")),
        ("link-no-table", from("link = \"nethunt:Companies\"")),
        ("template-empty", field("template = \"{}\"")),
        ("template-stray", field("template = \"{note} }\"")),
        ("template-no-field", field("template = \"note\"")),
        (
            "condition-not-alone",
            from("when = { field = \"note\", any = [{ field = \"note\", is = \"x\" }] }"),
        ),
        ("condition-no-list", from("when = { any = \"x\" }")),
        ("condition-one-value", from("when = { field = \"note\", is = [\"a\", \"b\"] }")),
        ("condition-no-field", from("when = { is = \"x\" }")),
        ("condition-bad-limit", from("when = { field = \"note\", gt = \"soon\" }")),
        (
            "condition-too-deep",
            from(&format!(
                "when = {}{{ field = \"note\", is = \"x\" }}{}",
                "{ not = ".repeat(9),
                " }".repeat(9)
            )),
        ),
        ("operation-no-shape", op("5")),
        ("operation-no-arguments", op("{ trim = 1 }")),
        ("country-language", op("{ country = { to = \"alpha-2\", language = \"de\" } }")),
        ("country-unknown-language", op("{ country = { to = \"name\", language = \"Quenya\" } }")),
        ("subdivision-bad-country", op("{ subdivision = { country = \"Atlantis\" } }")),
        ("currency-bad-preference", op("{ currency = { prefer = [\"XXZ\"] } }")),
        ("date-bad-pivot", op("{ date = { from = [\"%d/%m/%y\"], pivot = 100 } }")),
        ("date-pivot-no-number", op("{ date = { from = [\"%d/%m/%y\"], pivot = \"30\" } }")),
        ("date-idle-pivot", op("{ date = { from = [\"%d/%m/%Y\"], pivot = 30 } }")),
        ("date-no-day", op("{ date = { from = [\"%m/%Y\"] } }")),
        ("date-unknown-language", op("{ date = { from = [\"%d %B %Y\"], language = \"German\" } }")),
        ("date-idle-language", op("{ date = { from = [\"%d/%m/%Y\"], language = \"de\" } }")),
        ("number-bad-mark", op("{ number = { decimal = \"5\" } }")),
        ("number-one-mark", op("{ number = { thousands = \".\" } }")),
        ("split-nothing", op("{ split = \"\" }")),
        ("nth-zero", op("{ nth = 0 }")),
        ("replace-nothing", op("{ replace = { with = \"x\" } }")),
        ("hash-bad-length", op("{ hash = { key_env = \"FERRY_GOOD_KEY\", length = 4 } }")),
        ("mask-no-key", op("{ mask = \"FERRY_NO_KEY\" }")),
        ("mask-short-key", op("{ mask = \"FERRY_SHORT_KEY\" }")),
        (
            "lookup-both-others",
            op("{ lookup = { table = { a = \"b\" }, else = \"keep\", else_value = \"x\" } }"),
        ),
        ("lookup-twice", op("{ lookup = { table = { A = \"1\", a = \"2\" }, ignore_case = true } }")),
        ("lookup-no-columns", op("{ lookup = { file = \"l.csv\" } }")),
        ("lookup-near-column", op("{ lookup = { file = \"l.csv\", from = \"wrod\", to = \"code\" } }")),
        ("lookup-no-column", op("{ lookup = { file = \"l.csv\", from = \"word\", to = \"meaning\" } }")),
        ("lookup-file-twice", op("{ lookup = { file = \"l.csv\", from = \"word\", to = \"code\" } }")),
        ("lookup-file-broken-row", op("{ lookup = { file = \"row.csv\", from = \"word\", to = \"code\" } }")),
        (
            "lookup-file-broken-header",
            op("{ lookup = { file = \"header.csv\", from = \"word\", to = \"code\" } }"),
        ),
        ("example-without-out", format!("{GOOD}[[example]]\nin = {{ name = \"x\" }}\n")),
        ("unknown-source-field", head("source = \"s.csv\"").replace("\"name\"", "\"nmae\"")),
        ("doubled-source-field", head("source = \"s.csv\"").replace("\"name\"", "\"twice\"")),
        ("unknown-target-field", head("target = \"nethunt:Contacts\"").replace("\"Name\"", "\"Nmae\"")),
        ("target-modifier-missing", nimble("email", "name")),
        ("target-modifier-unknown", nimble("email[wrok]", "name")),
        ("target-modifier-none", nimble("email[office at noon]", "name")),
        ("target-no-parts", nimble("title.city", "name")),
        ("target-read-only", nimble("source", "name")),
        (
            "no-choice-near",
            nimble("lead source", "name").replace("from = \"name\"\n#", "const = \"of old\"\n#"),
        ),
        ("no-choice", nimble("lead source", "name").replace("from = \"name\"\n#", "const = \"Wbe\"\n#")),
        (
            "no-name",
            "[mapping]\ntarget = \"nimble:contacts\"\n[[field]]\nto = \"title\"\nfrom = \"name\"\n"
                .to_owned(),
        ),
    ]
}

fn nimble(to: &str, from: &str) -> String {
    format!(
        "[mapping]\ntarget = \"nimble:contacts\"\n[[field]]\nto = \"first name\"\nfrom = \"name\"\n[[field]]\nto = \"{to}\"\nfrom = \"{from}\"\n#\n"
    )
}

#[test]
fn what_is_wrong_with_a_mapping_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("")
        .set("FERRY_SHORT_KEY", "short")
        .set("FERRY_GOOD_KEY", "a key for tests only")
        .unset("FERRY_NO_KEY");
    rehearsal.file("s.csv", "name,note,twice,twice\nAda,x,1,2\n");
    rehearsal.file("l.csv", "word,code\nOpen,1\nWon,2\nOpen,3\n");
    rehearsal.file("row.csv", "word,code\nOpen,1,x\n");
    rehearsal.file("header.csv", b"word,\xff\nOpen,1\n");
    for (name, mapping) in wrong_files() {
        rehearsal.file("m.toml", &mapping);
        let out = rehearsal.ferry(["mapping", "check", "m.toml"]).expect(2);
        golden(name, &format!("{mapping}\n=== ferry mapping check m.toml\n{}", out.stderr));
    }
}

/// A rule's operations, and a value that they cannot read.
const BAD_VALUES: [(&str, &str, &str); 65] = [
    ("email", r#""email""#, "ada at example"),
    ("email-several", r#""email""#, "a@x.example, b@x.example"),
    ("email-no-domain", r#""email""#, "a@exa/mple.org"),
    ("email-no-script", r#""email""#, "a@éא.example"),
    ("email-hidden", r#""email""#, "a\u{200b}@x.example"),
    ("phone", r#"{ phone = { region = "GB" } }"#, "12"),
    ("phone-no-region", r#""phone""#, "020 7946 0018"),
    ("phone-no-one-country", r#"{ phone = { region_from = "name" } }"#, "020 7946 0018"),
    ("phone-no-area", r#"{ phone = { region = "US" } }"#, "555-0123"),
    ("phone-not-in-use", r#"{ phone = { region = "US", strict = true } }"#, "555 555 5555"),
    ("phone-no-such-country", r#""phone""#, "+999 123456"),
    ("phone-two", r#""phone""#, "+44 20 7946 0018 020 7946 0019"),
    ("phone-none", r#"{ phone = { region = "GB" } }"#, "ask Ada"),
    ("phone-range", r#"{ phone = { region = "KR" } }"#, "02-784-9761~3"),
    ("phone-length", r#"{ phone = { region = "NO" } }"#, "123456"),
    ("country", r#"{ country = "alpha-2" }"#, "Deutschlnad"),
    ("country-unlike", r#"{ country = "alpha-2" }"#, "Middle Earth"),
    ("country-ambiguous", r#"{ country = "alpha-2" }"#, "Congo"),
    ("subdivision", r#"{ subdivision = { to = "code", country = "US" } }"#, "Californai"),
    ("subdivision-unlike", r#"{ subdivision = { country = "US" } }"#, "Middle Earth"),
    ("subdivision-elsewhere", r#"{ subdivision = { country = "US" } }"#, "DE-BY"),
    ("subdivision-none-there", r#"{ subdivision = { country_from = "land" } }"#, "Rome"),
    ("subdivision-short", r#""subdivision""#, "CA"),
    ("subdivision-anywhere", r#""subdivision""#, "Middle, Earth"),
    ("subdivision-ambiguous", r#""subdivision""#, "Amazonas"),
    ("language", r#"{ language = "alpha-2" }"#, "Germna"),
    ("language-unlike", r#""language""#, "Quenya of old"),
    ("language-no-code", r#"{ language = "alpha-2" }"#, "Hawaiian"),
    ("currency", r#"{ currency = "code" }"#, "Thaler"),
    ("currency-ambiguous", r#""currency""#, "$ 5"),
    ("date", r#"{ date = { from = ["%d/%m/%Y"] } }"#, "31/02/1990"),
    ("date-iso", r#""date""#, "1.2.1990"),
    ("date-serial", r#""date""#, "45292"),
    ("date-short-year", r#"{ date = { from = ["%d/%m/%Y"] } }"#, "1/2/90"),
    ("date-name", r#"{ date = { from = ["%d %B %Y"] } }"#, "12 mars 2019"),
    ("date-other-name", r#"{ date = { from = ["%d %B %Y"], language = "de" } }"#, "12 mars 2019"),
    ("date-name-of-two", r#"{ date = { from = ["%d %B %Y"], language = ["cs", "hr"] } }"#, "5 listopad 2021"),
    ("datetime-no-zone", r#""datetime""#, "2024-07-30T10:00:00"),
    ("datetime-no-time", r#""datetime""#, "2024-07-30"),
    ("datetime-bad-zone", r#"{ datetime = { zone_from = "name" } }"#, "2024-07-30T10:00:00"),
    ("datetime-gap", r#"{ datetime = { zone = "Europe/London" } }"#, "2024-03-31T01:30:00"),
    ("datetime-brackets", r#""datetime""#, "2024-07-24T10:00+02:00[Asia/Tokyo]"),
    ("datetime-no-brackets", r#""datetime""#, "2024-07-24T10:00[Europe/Pris]"),
    ("datetime-far", r#""datetime""#, "2024-07-24T10:00+25:00"),
    ("time_zone", r#""time_zone""#, "Europe/Lodnon"),
    ("time_zone-unlike", r#""time_zone""#, "Mars"),
    ("time_zone-ambiguous", r#""time_zone""#, "CST"),
    ("time_zone-offset", r#""time_zone""#, "+05:45"),
    ("number", r#""number""#, "1.234,50"),
    ("number-grouped", r#"{ number = { decimal = ",", thousands = "." } }"#, "1.23.4"),
    ("number-currency", r#""number""#, "$5"),
    ("number-no-amount", r#"{ number = { currency = true } }"#, "free"),
    ("number-no-currency", r#"{ number = { currency = true } }"#, "5 apples"),
    ("number-two-signs", r#"{ number = { currency = true } }"#, "(-5)"),
    ("bool", r#""bool""#, "perhaps"),
    ("bool-words", r#"{ bool = { true = ["x"], false = ["-"] } }"#, "perhaps"),
    ("url", r#""url""#, "http://"),
    ("url-mail", r#""url""#, "ada@x.example"),
    ("social", r#""social""#, "https://x.example/ada"),
    ("social-elsewhere", r#"{ social = { network = "x" } }"#, "https://github.com/ada"),
    ("social-nobody", r#"{ social = { network = "x" } }"#, "@"),
    ("social-no-network", r#"{ social = "url" }"#, "ada"),
    ("lookup", r#"{ lookup = { table = { Open = "New" } } }"#, "Opne"),
    ("lookup-unlike", r#"{ lookup = { table = { Open = "New" } } }"#, "Gone"),
    ("percent_decode", r#""percent_decode""#, "%FF"),
];

#[test]
fn why_a_row_is_rejected_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    // Every value in a column and a [[field]] of its own, so that one run rejects one row for all of them.
    let mut mapping = GOOD.to_owned();
    let (mut header, mut row) = ("name,land".to_owned(), "Ada,Vatican City".to_owned());
    for (name, operation, value) in BAD_VALUES {
        mapping
            .push_str(&format!("[[field]]\nto = \"{name}\"\nfrom = \"{name} given\"\ndo = [{operation}]\n"));
        header.push_str(&format!(",{name} given"));
        row.push_str(&format!(",\"{value}\""));
    }
    rehearsal.file("m.toml", mapping);
    rehearsal.file("s.csv", format!("{header}\n{row}\n"));
    let out = rehearsal.json(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(1);
    let operations: String =
        BAD_VALUES.iter().map(|(name, operation, _)| format!("{name}: do = [{operation}]\n")).collect();
    let reasons = reasons(&rehearsal, &out).replace("; m.toml:", ";\n    m.toml:");
    golden("rejected-values", &format!("{operations}\n{reasons}"));
}

#[test]
fn a_zone_that_cannot_be_read_rejects_the_row_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("m.toml", format!("[mapping]\ntime_zone_from = \"zone\"\n{GOOD}"));
    rehearsal.file("s.csv", "name,zone\nAda,Europe/Lodnon\nBob,CST\n");
    let out = rehearsal.json(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(1);
    golden("rejected-zones", &reasons(&rehearsal, &out));
}

#[test]
fn what_an_example_does_not_come_to_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    let mapping = "[[filter]]\nfield = \"name\"\nis_not = \"Zoe\"\n\
        [[field]]\nto = \"Name\"\nfrom = \"name\"\n[[field]]\nto = \"Mail\"\nfrom = \"mail\"\ndo = [\"email\"]\n\
        [[example]]\nin = { name = \"Ada\", mail = \"a@x.example\" }\nout = { Name = \"Bob\", Mail = [\"a\", \"b\"] }\n\
        [[example]]\nin = { name = \"Zoe\" }\nout = { Name = \"Zoe\" }\n\
        [[example]]\nin = { name = \"Ada\", mail = \"nope\" }\nout = { Name = \"Ada\" }\n";
    let wrong_name = "[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
        [[example]]\nin = { name = \"Ada\" }\nout = { Nmae = \"Ada\" }\n";
    let mut text = String::new();
    for mapping in [mapping, wrong_name] {
        rehearsal.file("m.toml", mapping);
        let out = rehearsal.ferry(["mapping", "test", "m.toml"]);
        text.push_str(&format!("{mapping}\n=== ferry mapping test m.toml\n{}\n", out.transcript()));
    }
    golden("examples-differ", &text);
}

#[test]
fn what_is_only_doubtful_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name,mail,left\nAda,a@x.example,behind\n");
    let mapping = "[mapping]\nsource = \"s.csv\"\ntarget = \"nimble:contacts\"\nabsent = \"blank\"\n\
        [[field]]\nto = \"first name\"\nfrom = [\"name\", \"nmae\"]\n\
        [[field]]\nto = \"lead source\"\nfrom = [\"mail\", \"name\"]\ntake = \"all\"\n";
    let nameless = "[mapping]\ntarget = \"nethunt:Contacts\"\n[[field]]\nto = \"Email\"\nfrom = \"mail\"\n";
    let mut text = String::new();
    for mapping in [mapping, nameless] {
        rehearsal.file("m.toml", mapping);
        let out = rehearsal.ferry(["mapping", "check", "m.toml"]).expect(0);
        text.push_str(&format!("{mapping}\n=== ferry mapping check m.toml\n{}\n", out.transcript()));
    }
    golden("warnings", &text);
}

#[test]
fn a_file_that_is_not_there_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name\nAda\n");
    let check = rehearsal.ferry(["mapping", "check", "none.toml"]).expect(2);
    let export = rehearsal.ferry(["export", "s.csv", "-m", "none.toml", "-o", "o.csv"]).expect(2);
    rehearsal.file("m.toml", format!("[mapping]\nheader_row = [\"Vorname\"]\n{GOOD}"));
    let header = rehearsal.ferry(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(2);
    let text = [check, export, header].map(|out| out.transcript()).join("\n");
    golden("not-there", &text);
}

#[test]
fn why_a_whole_row_is_rejected_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file(
        "m.toml",
        "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Email\"\nfrom = \"mail\"\n\
         [[field]]\nto = \"Name\"\nfrom = \"name\"\ndo = [{ split = { on = \"/\" } }]\non_extra = \"reject\"\n",
    );
    rehearsal
        .file("s.csv", "name,mail\nAda,a@x.example\nAda,A@x.example\nBob,\nCyd/Dee,c@x.example\nx,y,z\n");
    let import = ["import", "s.csv", "nethunt:Contacts", "-m", "m.toml", "-n"];
    let out = rehearsal.json(import).expect(0);
    golden("rejected-rows", &reasons(&rehearsal, &out));
}

/// Ferry's own columns of the rejected rows.
fn reasons(rehearsal: &Rehearsal, out: &crate::support::Output) -> String {
    let rejected = rehearsal.read(out.summary()["files"]["rejected"].as_str().unwrap());
    let mut rows = csv::Reader::from_reader(rejected.as_bytes());
    let headers = rows.headers().unwrap().clone();
    let mut text = String::new();
    for row in rows.records() {
        for (name, cell) in headers.iter().zip(&row.unwrap()).filter(|(name, _)| name.starts_with("_ferry_"))
        {
            if !cell.is_empty() {
                text.push_str(&format!("  {name} = {cell}\n"));
            }
        }
        text.push('\n');
    }
    text.replace(&rehearsal.path("").display().to_string(), "")
}

/// Compares a text with what is kept under a name, or keeps it.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/mapping/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{}:\n--- kept\n{kept}\n--- now\n{text}\n`UPDATE_GOLDEN=1` keeps it",
        path.display()
    );
}
