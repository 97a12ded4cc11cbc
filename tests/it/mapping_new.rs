//! `ferry mapping new`: drafts that say how sure they are, pass every check, and overwrite nothing.

use crate::support::Rehearsal;

const SHEET: &str = "Vorname;Nachname;E-Mail;Telefon;Handy;PLZ;Ort;Land;Geburtstag;Lieblingsfarbe\n\
    Jörg;Schäfer;joerg@schaefer.example;030 23125-101;0171 3920001;01067;Dresden;Deutschland;24.12.1971;blau\n\
    Ursula;Weiß;ursula@weiss.example;0221/4710-150;;50667;Köln;Deutschland;03.05.1964;\n";

/// Drafts a mapping of a sheet and proves that it holds together.
fn drafted(rehearsal: &Rehearsal, sheet: &str, target: &str) -> String {
    rehearsal.file("sheet.csv", sheet);
    rehearsal.ferry(["mapping", "new", "sheet.csv", target, "-o", "draft.toml"]).expect(0);
    rehearsal.ferry(["mapping", "check", "draft.toml"]).expect(0);
    let tested = rehearsal.ferry(["mapping", "test", "draft.toml"]).expect(0).stdout;
    assert!(tested.lines().all(|line| line.ends_with(": ok")), "{tested}");
    let text = rehearsal.read("draft.toml");
    std::fs::remove_file(rehearsal.path("draft.toml")).unwrap();
    text
}

#[track_caller]
fn has(text: &str, piece: &str) {
    assert!(text.contains(piece), "no `{piece}` in\n{text}");
}

#[test]
fn a_german_sheet_finds_its_places_in_both_services() {
    let rehearsal = Rehearsal::new("");
    let nimble = drafted(&rehearsal, SHEET, "nimble:contacts");
    for piece in [
        "const = \"person\"",
        "# likely: `Vorname`: first name\n[[field]]\nto = \"first name\"\nfrom = \"Vorname\"",
        "to = \"phone[mobile]\"\nfrom = \"Handy\"",
        "region_from = \"Land\"",
        "to = \"address[work].zip\"\nfrom = \"PLZ\"",
        "key = [\"email\"]",
        "{ date = { from = [\"%d.%m.%Y\"], to = \"%m/%d/%Y\" } }",
        "# unsure: `Lieblingsfarbe` is filled in 1 of 2 rows, such as `blau`\n# [[field]]",
        "\"birthday\" = \"12/24/1971\"",
    ] {
        has(&nimble, piece);
    }
    let nethunt = drafted(&rehearsal, SHEET, "nethunt:Contacts");
    for piece in [
        "to = \"Name\"\nfrom = [\"Vorname\", \"Nachname\"]\njoin = \" \"",
        "to = \"Phone\"\nfrom = [\"Telefon\", \"Handy\"]\ntake = \"all\"",
        "# sure: same name but for case, accents and signs\n[[field]]\nto = \"Email\"",
        "\"Phone\" = [\"+49 30 23125101\", \"+49 171 3920001\"]",
    ] {
        has(&nethunt, piece);
    }
}

#[test]
fn a_draft_goes_into_the_service_as_it_is() {
    for target in ["nimble:contacts", "nethunt:Contacts"] {
        let rehearsal = Rehearsal::new("");
        rehearsal.file("sheet.csv", SHEET);
        rehearsal.ferry(["mapping", "new", "sheet.csv", target, "-o", "draft.toml"]).expect(0);
        let out = rehearsal.json(["import", "sheet.csv", target, "-m", "draft.toml", "--yes"]).expect(0);
        assert_eq!((out.count("created"), out.count("rejected")), (2, 0), "{}", out.transcript());
    }
}

#[test]
fn what_cannot_be_told_is_left_to_decide() {
    let rehearsal = Rehearsal::new("");
    let sheet = "Name,Mail,Kontakt,Birthday,Lead source\n\
        Ada Byron,a@x.example;b@x.example,+44 20 7946 0018,01/02/1990,Trade fair\n\
        Bob Bee,c@x.example,+44 20 7946 0019,03/04/1991,Web\n";
    let text = drafted(&rehearsal, sheet, "nimble:contacts");
    has(
        &text,
        "# decide: is `01/02/1990` day or month first? keep one of the formats\n# [[field]]\n# to = \"birthday\"",
    );
    has(&text, "# decide: what do these values mean there?");
    has(&text, "# do = [{ lookup = { table = { \"Trade fair\" = \"\" }, else = \"keep\" } }]");
    has(&text, "to = \"first name\"\nfrom = \"Name\"\ndo = [{ name = \"given\" }]");
    has(&text, "to = \"last name\"\nfrom = \"Name\"\ndo = [{ name = \"family\" }]");
    has(&text, "from = \"Mail\"\nmulti = true\ndo = [\"email\"]");
}

#[test]
fn values_say_what_a_header_does_not() {
    let rehearsal = Rehearsal::new("");
    let sheet =
        "Name,Spalte 1,Spalte 2\nAda,ada@x.example,+44 20 7946 0018\nBob,bob@x.example,+44 20 7946 0019\n";
    let text = drafted(&rehearsal, sheet, "nethunt:Contacts");
    has(&text, "# likely: the values of `Spalte 1` are e-mail addresses\n[[field]]\nto = \"Email\"");
    has(&text, "# likely: the values of `Spalte 2` are telephone numbers\n[[field]]\nto = \"Phone\"");
    has(&text, "# sure: same name\n[[field]]\nto = \"Name\"");
}

#[test]
fn odd_headers_and_values_make_no_broken_draft() {
    let rehearsal = Rehearsal::new("");
    let sheet = "\"a \"\"quoted\"\" name\",x,x,,back\\slash,\"two\nlines\",_row\n\"v \"\"1\"\"\",1,2,3,c:\\d,\"e\nf\",9\n";
    drafted(&rehearsal, sheet, "nethunt:Contacts");
    drafted(&rehearsal, sheet, "out.csv");
    // A header alone makes a draft without examples.
    rehearsal.file("sheet.csv", "Name\n");
    rehearsal.ferry(["mapping", "new", "sheet.csv", "nethunt:Contacts", "-o", "h.toml"]).expect(0);
    rehearsal.ferry(["mapping", "check", "h.toml"]).expect(0);
}

#[test]
fn a_stream_can_be_drafted_into_another_and_into_a_file() {
    let rehearsal = Rehearsal::generated("", 30);
    let to_stdout = rehearsal.ferry(["mapping", "new", "nimble:contacts", "nethunt:Contacts"]).expect(0);
    has(&to_stdout.stdout, "to = \"Name\"\nfrom = [\"first name\", ");
    has(&to_stdout.stdout, "source = \"nimble:contacts\"");
    rehearsal.ferry(["mapping", "new", "nethunt:Contacts", "people.csv", "-o", "m.toml"]).expect(0);
    rehearsal.ferry(["mapping", "check", "m.toml"]).expect(0);
    rehearsal.ferry(["mapping", "test", "m.toml"]).expect(0);
    rehearsal.ferry(["export", "nethunt:Contacts", "-m", "m.toml", "-o", "people.csv"]).expect(0);
}

#[test]
fn a_file_is_never_overwritten() {
    let rehearsal = Rehearsal::new("");
    rehearsal.file("sheet.csv", SHEET);
    rehearsal.file("mine.toml", "# mine\n");
    let out =
        rehearsal.ferry(["mapping", "new", "sheet.csv", "nimble:contacts", "-o", "mine.toml"]).expect(2);
    has(&out.stderr, "`mine.toml` is there already");
    assert_eq!(rehearsal.read("mine.toml"), "# mine\n");
    let json = rehearsal.json(["mapping", "new", "sheet.csv", "nimble:contacts"]).expect(0);
    let object = &json.objects()[0];
    assert!(object["likely"].as_u64() > Some(5) && object["mapping"].as_str().is_some(), "{object}");
}
