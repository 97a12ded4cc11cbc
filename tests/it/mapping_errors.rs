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
        ("lookup-no-table", op("{ lookup = { else = \"keep\" } }")),
        ("lookup-no-file", op("{ lookup = { file = \"none.csv\", from = \"a\", to = \"b\" } }")),
        ("example-without-out", format!("{GOOD}[[example]]\nin = {{ name = \"x\" }}\n")),
        ("unknown-source-field", head("source = \"s.csv\"").replace("\"name\"", "\"nmae\"")),
        ("doubled-source-field", head("source = \"s.csv\"").replace("\"name\"", "\"twice\"")),
        ("unknown-target-field", head("target = \"nethunt:Contacts\"").replace("\"Name\"", "\"Nmae\"")),
        ("target-modifier-missing", nimble("email", "name")),
        ("target-modifier-unknown", nimble("email[wrok]", "name")),
        ("target-read-only", nimble("source", "name")),
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
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name,note,twice,twice\nAda,x,1,2\n");
    for (name, mapping) in wrong_files() {
        rehearsal.file("m.toml", &mapping);
        let out = rehearsal.ferry(["mapping", "check", "m.toml"]).expect(2);
        golden(name, &format!("{mapping}\n=== ferry mapping check m.toml\n{}", out.stderr));
    }
}

/// A rule's operations, and a value that they cannot read.
const BAD_VALUES: [(&str, &str, &str); 19] = [
    ("email", "\"email\"", "ada at example"),
    ("phone", "{ phone = { region = \"GB\" } }", "12"),
    ("phone-no-region", "\"phone\"", "020 7946 0018"),
    ("country", "{ country = \"alpha-2\" }", "Deutschlnad"),
    ("country-ambiguous", "{ country = \"alpha-2\" }", "Congo"),
    ("subdivision", "{ subdivision = { to = \"code\", country = \"US\" } }", "Californai"),
    ("language", "{ language = \"alpha-2\" }", "Germna"),
    ("currency", "{ currency = \"code\" }", "Thaler"),
    ("date", "{ date = { from = [\"%d/%m/%Y\"] } }", "31/02/1990"),
    ("date-iso", "\"date\"", "1.2.1990"),
    ("date-short-year", "{ date = { from = [\"%d/%m/%Y\"] } }", "1/2/90"),
    ("datetime-no-zone", "\"datetime\"", "2024-07-30T10:00:00"),
    ("datetime-gap", "{ datetime = { zone = \"Europe/London\" } }", "2024-03-31T01:30:00"),
    ("time_zone", "\"time_zone\"", "Europe/Lodnon"),
    ("number", "\"number\"", "1.234,50"),
    ("bool", "\"bool\"", "perhaps"),
    ("url", "\"url\"", "http://"),
    ("lookup", "{ lookup = { table = { Open = \"New\" } } }", "Opne"),
    ("percent_decode", "\"percent_decode\"", "%FF"),
];

#[test]
fn why_a_row_is_rejected_reads_as_it_is_kept() {
    let rehearsal = Rehearsal::new("");
    let mut text = String::new();
    for (name, operation, value) in BAD_VALUES {
        let mapping = format!("{GOOD}\n[[field]]\nto = \"Made\"\nfrom = \"given\"\ndo = [{operation}]\n");
        rehearsal.file("m.toml", mapping);
        rehearsal.file("s.csv", format!("name,given\nAda,\"{value}\"\n"));
        let out = rehearsal.json(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(1);
        text.push_str(&format!("{name}: do = [{operation}]\n{}\n", reasons(&rehearsal, &out)));
    }
    golden("rejected-values", &text);
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
