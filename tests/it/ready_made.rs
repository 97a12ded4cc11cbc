//! The ready-made mappings of other services' exports: each takes its sample into both services, and a second time
//! nothing changes.

use crate::support::Rehearsal;

/// Mapping, sample, and of its rows: created, rejected, filtered in Nimble; in NetHunt.
type Case = (&'static str, &'static str, [u64; 3], [u64; 3]);

const EXPORTS: [Case; 9] = [
    ("google-contacts", "google-contacts.csv", [2, 1, 0], [2, 1, 0]),
    ("google-contacts", "google-contacts-old.csv", [2, 0, 0], [2, 0, 0]),
    ("outlook", "outlook.csv", [2, 1, 0], [2, 1, 0]),
    ("hubspot-contacts", "hubspot-contacts.csv", [2, 1, 0], [3, 0, 0]),
    ("salesforce-contacts", "salesforce-contacts.csv", [2, 0, 0], [2, 0, 0]),
    ("salesforce-leads", "salesforce-leads.csv", [2, 0, 1], [2, 0, 1]),
    ("pipedrive-persons", "pipedrive-persons.csv", [2, 0, 0], [2, 0, 0]),
    ("linkedin-connections", "linkedin-connections.csv", [2, 0, 0], [2, 0, 0]),
    ("vcard", "contacts.vcf", [3, 0, 0], [3, 0, 0]),
];

#[test]
fn exports_of_other_services_go_into_both() {
    for (mapping, sample, nimble, nethunt) in EXPORTS {
        for (target, expected) in [("nimble:contacts", nimble), ("nethunt:Contacts", nethunt)] {
            let rehearsal = Rehearsal::new("");
            let root = env!("CARGO_MANIFEST_DIR");
            let service = target.split(':').next().unwrap();
            let mapping = format!("{root}/mappings/{mapping}-{service}.toml");
            let sheet = format!("{root}/samples/exports/{sample}");
            let import = ["import", sheet.as_str(), target, "-m", mapping.as_str(), "--yes"];
            let code = i32::from(expected[1] > 0);
            let first = rehearsal.json(import).expect(code);
            let counts = ["created", "rejected", "filtered"].map(|key| first.count(key));
            assert_eq!(counts, expected, "{mapping}: {}", first.transcript());
            let requests = rehearsal.requests();
            let again = rehearsal.json(import).expect(code);
            assert_eq!(again.count("unchanged"), expected[0], "{mapping}: {}", again.transcript());
            assert!(rehearsal.writes_since(requests).is_empty(), "{mapping}");
        }
    }
}

#[test]
fn a_broken_card_is_rejected_and_the_rest_goes_on() {
    let rehearsal = Rehearsal::new("");
    let root = env!("CARGO_MANIFEST_DIR");
    let good = std::fs::read_to_string(format!("{root}/samples/exports/contacts.vcf")).unwrap();
    rehearsal.file("c.vcf", format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Cut off\r\n{good}"));
    let mapping = format!("{root}/mappings/vcard-nimble.toml");
    let out = rehearsal.json(["import", "c.vcf", "nimble:contacts", "-m", &mapping, "--yes"]).expect(1);
    assert_eq!((out.count("created"), out.count("rejected")), (3, 1), "{}", out.transcript());
    let rejected = rehearsal.read(out.summary()["files"]["rejected"].as_str().unwrap());
    assert!(rejected.contains("line 1: the card that begins here never ends"), "{rejected}");
    let out = rehearsal.ferry(["export", "c.vcf", "-o", "c.csv"]).expect(1);
    assert!(rehearsal.read("c.csv").contains("EMAIL[work]"), "{}", out.transcript());
    let out = rehearsal.ferry(["export", "c.csv", "-o", "d.vcf"]).expect(2);
    assert!(out.stderr.contains("vCards are read, but not written"), "{}", out.stderr);
}
