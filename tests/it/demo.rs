//! The guided tour, as a user runs it: it holds, whatever the environment is set to.

use crate::support::Rehearsal;

#[test]
fn the_demo_holds_and_heeds_no_settings_for_other_accounts() {
    let rehearsal = Rehearsal::new("")
        .set("FERRY_NIMBLE_TOKEN", "wrong")
        .set("FERRY_RATE", "1/min")
        .set("HTTP_PROXY", "http://127.0.0.1:1");
    let shown = rehearsal.ferry(["demo"]).expect(0).stdout;
    assert_eq!(shown.matches("\n✓ ").count(), 9, "{shown}");
    assert!(shown.contains("none missing, none twice"), "{shown}");
    assert!(rehearsal.path("ferry-demo/contacts.parquet").is_file());
    assert_eq!(rehearsal.requests(), 0, "the user's own accounts are left alone");
}
