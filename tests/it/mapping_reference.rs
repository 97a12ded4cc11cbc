//! What mappings can do beyond names and values, through the command: the reference and the schema, what
//! surrounds a record, zones of records, masks.

use crate::support::Rehearsal;

#[test]
fn the_reference_and_the_schema_are_printed() {
    let rehearsal = Rehearsal::new("");
    let docs = rehearsal.ferry(["mapping", "docs"]).expect(0).stdout;
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mapping.md")).unwrap();
    assert!(docs == kept, "docs/mapping.md is not what `ferry mapping docs` prints");
    let schema = rehearsal.ferry(["mapping", "schema"]).expect(0).stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["field"]["items"]["properties"]["do"].is_object());
}

const HEAD: &str = "[[field]]\nto = \"name\"\nfrom = \"name\"\n";

#[test]
fn the_row_the_file_and_the_day_of_the_run_can_be_written() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name\nAda\nBob\n");
    let more = "[[field]]\nto = \"at\"\ntemplate = \"{_file}#{_row}\"\n\
                [[field]]\nto = \"day\"\nfrom = \"_run_date\"\ntype = \"date\"\n";
    rehearsal.file("m.toml", format!("{HEAD}{more}"));
    rehearsal.ferry(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(0);
    let made = rehearsal.read("o.csv");
    let rows: Vec<Vec<&str>> = made.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["name", "at", "day"]);
    assert_eq!([rows[1][1], rows[2][1]], ["s.csv#1", "s.csv#2"]);
    // The day that the run was asked for stands in its name.
    let run = rehearsal.runs().pop().unwrap();
    let day = run.file_name().unwrap().to_str().unwrap()[..8].to_owned();
    assert_eq!(rows[1][2].replace('-', ""), day);
}

#[test]
fn a_zone_of_its_own_reaches_a_new_record() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name,zone\nAda,Eastern Standard Time\nBob,\n");
    let mapping = "[mapping]\ntarget = \"nethunt:Contacts\"\nkey = [\"Name\"]\ntime_zone = \"Europe/London\"\n\
                   time_zone_from = \"zone\"\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n";
    rehearsal.file("m.toml", mapping);
    let out = rehearsal.json(["import", "s.csv", "nethunt:Contacts", "-m", "m.toml", "--yes"]).expect(0);
    assert_eq!(out.count("created"), 2, "{}", out.transcript());
}

#[test]
fn a_mask_needs_its_key_and_never_shows_it() {
    let secret = "a key that nobody sees";
    let rehearsal = Rehearsal::new("").set("FERRY_MASK_KEY", secret);
    rehearsal.file("s.csv", "name\nAda Byron\nAda Byron\n");
    let mask = "do = [{ mask = { key_env = \"FERRY_MASK_KEY\" } }]\n";
    rehearsal.file("m.toml", format!("{HEAD}{mask}"));
    let out = rehearsal.ferry(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(0);
    let made = rehearsal.read("o.csv");
    let names: Vec<_> = made.lines().skip(1).collect();
    assert_eq!(names[0], names[1]);
    assert!(names[0] != "Ada Byron" && names[0].len() == "Ada Byron".len(), "{names:?}");
    let kept = std::fs::read_to_string(rehearsal.runs()[0].join("run.json")).unwrap();
    assert!(!out.transcript().contains(secret) && !kept.contains(secret));
    let without = Rehearsal::new("").unset("FERRY_MASK_KEY");
    without.file("m.toml", format!("{HEAD}{mask}"));
    let refused = without.ferry(["mapping", "check", "m.toml"]).expect(2);
    assert!(refused.stderr.contains("the environment has no `FERRY_MASK_KEY`"), "{}", refused.stderr);
}

#[test]
fn two_orders_of_rows_give_the_same_rows() {
    let rehearsal = Rehearsal::new("");
    let row = |number: usize| {
        format!("{number},P{number} O'Neill,{number}. März 2021,0{number}0 7946 0018,land {number}\n")
    };
    let rows: Vec<String> = (1..=300).map(|number| row(number % 32)).collect();
    let header = "no,name,day,phone,land\n";
    let mapping = "[[field]]\nto = \"no\"\nfrom = \"no\"\n[[field]]\nto = \"name\"\nfrom = \"name\"\ndo = [\"titlecase\"]\n\
        [[field]]\nto = \"day\"\nfrom = \"day\"\ndo = [{ date = { from = [\"%d. %B %Y\"], language = \"de\" } }]\non_error = \"blank\"\n\
        [[field]]\nto = \"phone\"\nfrom = \"phone\"\ndo = [{ phone = { region = \"GB\" } }]\non_error = \"keep\"\n";
    rehearsal.file("m.toml", mapping);
    let made = |name: &str, rows: Vec<&String>| {
        let text: String = rows.into_iter().map(String::as_str).collect();
        rehearsal.file(&format!("{name}.csv"), format!("{header}{text}"));
        let (input, output) = (format!("{name}.csv"), format!("{name}-made.csv"));
        rehearsal.ferry(["export", &input, "-m", "m.toml", "-o", &output]).expect(0);
        let mut lines: Vec<String> = rehearsal.read(output).lines().skip(1).map(str::to_owned).collect();
        assert_eq!(lines.len(), 300);
        assert!(lines.iter().any(|line| line.contains("P3 O'Neill,2021-03-03,")), "{lines:?}");
        lines.sort();
        lines
    };
    assert!(made("forth", rows.iter().collect()) == made("back", rows.iter().rev().collect()));
}

#[test]
fn links_are_refused_where_a_file_is_written() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("s.csv", "name\nAda\n");
    let link = "link = { stream = \"nethunt:Companies\", by = \"Name\" }\n";
    rehearsal.file("m.toml", format!("{HEAD}{link}"));
    rehearsal.ferry(["mapping", "check", "m.toml"]).expect(0);
    let refused = rehearsal.ferry(["export", "s.csv", "-m", "m.toml", "-o", "o.csv"]).expect(2);
    assert!(refused.stderr.contains("which a file has none of"), "{}", refused.stderr);
}
