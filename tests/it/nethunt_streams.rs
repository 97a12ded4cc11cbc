//! What belongs to the records of NetHunt, read and written: comments, call logs, files, changes, fields, folders.

use serde_json::{Value, json};

use crate::accounts::{assert_balanced, result_rows, run_of};
use crate::support::{Output, Rehearsal};

/// A folder with three records and what hangs on them.
fn seeded(scenario: &str) -> (Rehearsal, Vec<String>) {
    let rehearsal = Rehearsal::new(scenario);
    let seeds = json!([
        {"fields": {"Name": "Ada", "Tags": ["x"], "Score": 12.5, "VIP": true, "Birthday": "1815-12-10"}},
        {"fields": {"Name": "Grace", "Tags": ["y", "z"]}},
        {"fields": {"Name": "Mary"}},
    ]);
    let ids = rehearsal.post("/nethunt/records/Contacts", &seeds.to_string());
    let ids: Vec<String> = ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    let note = |record: &str, kind: &str, text: &str, at: &str| json!({"recordId": record, "kind": kind, "text": text, "createdAt": at});
    let notes = json!([
        note(&ids[0], "comment", "First; with, marks\nand \"lines\"", "2024-01-01T10:00:00.000Z"),
        note(&ids[1], "comment", "Їжак", "2024-01-01T10:00:00.001Z"),
        note(&ids[1], "comment", "=1+1", "2024-01-02T10:00:00.000Z"),
        note(&ids[0], "call-log", "Spoke", "2024-01-01T11:00:00.000Z"),
        note(&ids[2], "drive-file", "Offer.pdf", "2024-01-01T12:00:00.000Z"),
    ]);
    rehearsal.post("/nethunt/notes/Contacts", &notes.to_string());
    (rehearsal, ids)
}

fn export(rehearsal: &Rehearsal, stream: &str, file: &str) -> Output {
    rehearsal.json(["export", &format!("nethunt:{stream}"), "-o", file])
}

fn header(rehearsal: &Rehearsal, file: &str) -> String {
    rehearsal.read(file).lines().next().unwrap_or_default().trim_start_matches('\u{feff}').to_owned()
}

#[test]
fn every_stream_of_a_folder_is_read() {
    let (rehearsal, ids) = seeded("");
    for (stream, rows, columns) in [
        ("Contacts/comments", 3, "_id,_record,_created,_author,text"),
        ("Contacts/calls", 1, "_id,_record,_created,_author,text,time,duration,endTime"),
        (
            "Contacts/files",
            1,
            "_id,_record,_created,_author,name,url,mimeType,description,iconUrl,googleDriveFileId",
        ),
        ("Contacts/changes", 8, "_id,_record,_created,_user,action,field,removed,added"),
        ("Contacts/fields", 25, "name,inferred_type,inferred_several,filled,of_records,examples"),
        ("folders", 3, "_id,name,readable,writable"),
    ] {
        let out = export(&rehearsal, stream, "out.csv").expect(0);
        let complete =
            if stream.contains("fields") || stream == "folders" { json!(true) } else { json!("unproven") };
        assert_eq!(out.summary()["complete"], complete, "{stream}");
        assert_eq!(header(&rehearsal, "out.csv"), columns, "{stream}");
        if stream != "Contacts/fields" {
            assert_eq!(out.count("read"), rows, "{stream}: {}", out.transcript());
        }
    }
    rehearsal.ferry(["export", "nethunt:Contacts/fields", "-o", "fields.jsonl"]).expect(0);
    let fields = rehearsal.read("fields.jsonl");
    let field = |name: &str| {
        let rows = fields.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.into_iter().find(|row| row["name"] == name).unwrap()
    };
    assert_eq!(
        (&field("Tags")["inferred_several"], &field("Score")["inferred_type"]),
        (&json!(true), &json!("number"))
    );
    assert_eq!(
        (&field("Birthday")["inferred_type"], &field("Notes")["inferred_type"]),
        (&json!("date"), &json!("unknown"))
    );
    export(&rehearsal, "Contacts/changes", "changes.jsonl").expect(0);
    assert!(rehearsal.read("changes.jsonl").contains(r#""action":"CREATE","field":"Tags""#));
    let one = ["export", "nethunt:Contacts/comments", "-o", "one.jsonl", "--record", &ids[1]];
    assert_eq!(rehearsal.json(one).expect(0).count("read"), 2);
    let since = ["export", "nethunt:Contacts/comments", "-o", "one.jsonl", "--since", "2024-01-02"];
    assert_eq!(rehearsal.json(since).expect(0).count("read"), 1);
}

#[test]
fn a_stream_that_there_is_not_is_said_to_be_missing() {
    let (rehearsal, _) = seeded("[nethunt]\ndisabled_triggers = [\"new-gdrivefile\"]\n");
    let out = export(&rehearsal, "Contacts/files", "x.csv").expect(2);
    assert!(out.stderr.contains("cannot read the files of the NetHunt folder"), "{}", out.transcript());
    let out = export(&rehearsal, "Contacts/notes", "x.csv").expect(2);
    assert!(out.stderr.contains("`Contacts/comments`"), "{}", out.transcript());
    rehearsal.file("rows.csv", "_id,name\n,x\n");
    let out = rehearsal.ferry(["import", "rows.csv", "nethunt:Contacts/fields", "--yes"]).expect(2);
    assert!(out.stderr.contains("can be read, but not written to"), "{}", out.transcript());
}

#[test]
fn a_stream_that_is_cut_is_never_called_whole() {
    let (rehearsal, _) = seeded("[nethunt]\ncap = 2\ncap_anchor = \"oldest\"\n");
    let out = export(&rehearsal, "Contacts/comments", "x.csv").expect(4);
    assert_eq!(out.summary()["complete"], false);
    assert_eq!(out.count("read"), 3, "what the look past the end found is kept");
}

#[test]
fn an_exported_file_of_comments_goes_back_and_only_new_ones_are_made() {
    let (rehearsal, ids) = seeded("");
    export(&rehearsal, "Contacts/comments", "comments.csv").expect(0);
    let import = |file: &str| rehearsal.json(["import", file, "nethunt:Contacts/comments", "--yes"]);
    let out = import("comments.csv").expect(0);
    assert_balanced(&out);
    assert_eq!((out.count("unchanged"), rehearsal.effects("create")), (3, 0), "{}", out.transcript());

    let mut text = rehearsal.read("comments.csv").replace("Їжак", "Edited");
    text += &format!(",{},,,Brand new\n,,,,Nowhere\n,64b0000000000000000000ff,,,Lost\n", ids[2]);
    rehearsal.file("edited.csv", text);
    let out = import("edited.csv").expect(1);
    assert_balanced(&out);
    assert_eq!(
        (out.count("unchanged"), out.count("created"), out.count("failed"), out.count("rejected")),
        (2, 1, 1, 2),
        "{}",
        out.transcript()
    );
    let rejected = result_rows(&run_of(&rehearsal, &out), "rejected.csv");
    let reasons: String = rejected.iter().map(|row| row["_ferry_reason"].clone() + "\n").collect();
    assert!(reasons.contains("comments cannot be changed at NetHunt"), "{reasons}");
    assert!(reasons.contains("`_record` is empty"), "{reasons}");
    assert!(reasons.contains("there is no record `64b0000000000000000000ff`"), "{reasons}");
    let out = export(&rehearsal, "Contacts/comments", "all.jsonl").expect(0);
    assert_eq!(out.count("read"), 4);
}

#[test]
fn a_call_log_is_made_with_its_minutes() {
    let (rehearsal, ids) = seeded("");
    export(&rehearsal, "Contacts/calls", "calls.csv").expect(0);
    let unchanged = rehearsal.json(["import", "calls.csv", "nethunt:Contacts/calls", "--yes"]).expect(0);
    assert_eq!(unchanged.count("unchanged"), 1, "{}", unchanged.transcript());
    let record = &ids[0];
    rehearsal.file(
        "new.csv",
        format!(
            "_record,text,time,duration,endTime\n{record},One,2024-02-01T10:00:00Z,2.5,2024-02-01T10:02:30Z\n\
             {record},Two,2024-02-01T10:00:00Z,3,2024-02-01T10:02:30Z\n{record},Three,,,\n"
        ),
    );
    let out = rehearsal.json(["import", "new.csv", "nethunt:Contacts/calls", "--yes"]).expect(1);
    assert_balanced(&out);
    assert_eq!((out.count("created"), out.count("rejected")), (2, 1), "{}", out.transcript());
    export(&rehearsal, "Contacts/calls", "all.jsonl").expect(0);
    let text = rehearsal.read("all.jsonl");
    assert!(text.contains(r#""duration":2.5,"endTime":"2024-02-01T10:02:30Z""#), "{text}");
}

#[test]
fn a_comment_whose_answer_is_lost_is_made_once() {
    for (kind, sent) in
        [("lost_answer", 6), ("error_after_commit", 6), ("error_before_commit", 8), ("empty_body", 6)]
    {
        let (rehearsal, ids) =
            seeded(&format!("[[fault]]\nmethod = \"POST\"\nfirst = 2\nkind = \"{kind}\"\n"));
        let rows: String = (0..6).map(|row| format!("{},Comment {}\n", ids[row % 3], row / 2)).collect();
        rehearsal.file("rows.csv", format!("_record,text\n{rows}"));
        let out = rehearsal.json(["import", "rows.csv", "nethunt:Contacts/comments", "--yes"]).expect(0);
        assert_balanced(&out);
        assert_eq!(out.count("created"), 6, "{kind}: {}", out.transcript());
        assert_eq!(rehearsal.ledger().iter().filter(|entry| entry.is_write()).count(), sent, "{kind}");
        assert_eq!(export(&rehearsal, "Contacts/comments", "all.csv").expect(0).count("read"), 9, "{kind}");
    }
}

#[test]
fn when_a_record_was_changed_is_known_whatever_the_stream_of_new_ones_shows() {
    let rehearsal = Rehearsal::new("[nethunt]\nnew_record_updated_at = false\n");
    let changed = json!([
        {"fields": {"Name": "Ada"}, "createdAt": "2024-01-01T10:00:00.000Z", "updatedAt": "2024-02-01T10:00:00.000Z"},
        {"fields": {"Name": "Grace"}, "createdAt": "2024-01-01T10:00:00.000Z"},
    ]);
    rehearsal.post("/nethunt/records/Contacts", &changed.to_string());
    let out = export(&rehearsal, "Contacts", "all.jsonl").expect(0);
    assert_eq!(out.count("read"), 2, "{}", out.transcript());
    assert!(rehearsal.read("all.jsonl").contains(r#""_updated":"2024-02-01T10:00:00Z""#));
}

#[test]
fn several_values_are_changed_by_what_differs() {
    let (rehearsal, ids) = seeded("");
    export(&rehearsal, "Contacts", "contacts.csv").expect(0);
    let text = rehearsal.read("contacts.csv").replace("y;z", "z;new");
    rehearsal.file("edited.csv", text);
    let out = rehearsal.json(["import", "edited.csv", "nethunt:Contacts", "--yes"]).expect(0);
    assert_eq!((out.count("updated"), out.count("unchanged")), (1, 2), "{}", out.transcript());
    let sent = rehearsal.ledger().into_iter().find(|entry| entry.is_write()).unwrap();
    let body: Value = serde_json::from_str(&sent.body.unwrap()).unwrap();
    assert_eq!(body["fieldActions"], json!({"Tags": {"overwrite": false, "remove": ["y"], "add": ["new"]}}));
    let record =
        rehearsal.records("Contacts").into_iter().find(|record| record["id"] == ids[1].as_str()).unwrap();
    assert_eq!(record["fields"]["Tags"], json!(["z", "new"]));
}

#[test]
fn records_are_deleted_and_those_that_are_gone_count_as_done() {
    for knob in ["empty_delete_body = true", "delete_twice = 404", "unknown_id = 400"] {
        let (rehearsal, ids) = seeded(&format!(
            "[nethunt]\n{knob}\n[[fault]]\nmethod = \"POST\"\nfirst = 1\nkind = \"lost_answer\"\n"
        ));
        rehearsal.file("gone.csv", format!("_id\n{}\n{}\n", ids[0], ids[2]));
        let out = rehearsal.json(["delete", "gone.csv", "nethunt:Contacts", "--yes"]).expect(0);
        assert_eq!(out.count("deleted"), 2, "{knob}: {}", out.transcript());
        assert_eq!(rehearsal.records("Contacts").len(), 1, "{knob}");
    }
}

#[test]
fn what_can_be_read_and_written_is_said_stream_by_stream() {
    let (rehearsal, _) = seeded("");
    let out = rehearsal.json(["check", "nethunt"]).expect(0);
    let access = &out.objects()[0];
    let has = |key: &str, stream: &str| access[key].as_array().unwrap().iter().any(|name| name == stream);
    for stream in ["nethunt:folders", "nethunt:Deals", "nethunt:Deals/changes", "nethunt:Deals/fields"] {
        assert!(has("readable", stream), "{}", out.transcript());
    }
    assert!(has("writable", "nethunt:Deals/calls") && !has("writable", "nethunt:Deals/files"));
}
