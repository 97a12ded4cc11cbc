//! Comments, call logs and files: the rows of their streams, made once and kept as text.

use serde_json::{Value, json};

use super::store::{Note, NoteKind, Store};
use super::values::{instant, instant_in_seconds};

/// Hangs a comment on the record at `at` and answers its id.
pub(super) fn comment(store: &mut Store, at: usize, created_ms: i64, text: &str) -> String {
    hang(store, at, created_ms, NoteKind::Comment, |id, _, record| {
        json!({
            "id": id, "commentId": id, "recordId": record, "createdAt": instant(created_ms), "text": text,
        })
    })
}

/// Hangs a call of so many `minutes` on the record at `at` and answers its id.
pub(super) fn call_log(
    store: &mut Store,
    at: usize,
    created_ms: i64,
    text: &str,
    time_ms: i64,
    minutes: &Value,
) -> String {
    // Whole milliseconds of a call: far below the range where a float loses them.
    let length_ms = (minutes.as_f64().unwrap_or(0.0).min(1e9) * 60_000.0).round() as i64;
    hang(store, at, created_ms, NoteKind::CallLog, |id, _, record| {
        json!({
            "id": id, "callLogId": id, "recordId": record, "createdAt": instant(created_ms), "text": text,
            "time": instant_in_seconds(time_ms), "duration": minutes,
            "endTime": instant_in_seconds(time_ms.saturating_add(length_ms)),
        })
    })
}

/// Hangs a file in Google Drive on the record at `at` and answers its id.
pub(super) fn drive_file(
    store: &mut Store,
    at: usize,
    created_ms: i64,
    name: &str,
    mime: &str,
    drive: &str,
) -> String {
    hang(store, at, created_ms, NoteKind::DriveFile, |id, folder, record| {
        json!({
            "id": id, "fileId": id, "folderId": folder, "recordId": record, "createdAt": instant(created_ms),
            "googleDriveFileId": drive, "description": "", "mimeType": mime, "name": name,
            "iconUrl": format!("https://drive.example/icons/{}.png", mime.replace('/', "-")),
            "url": format!("https://drive.example/file/d/{drive}/view"),
        })
    })
}

fn hang(
    store: &mut Store,
    at: usize,
    created_ms: i64,
    kind: NoteKind,
    row: impl FnOnce(&str, &str, &str) -> Value,
) -> String {
    let id = store.new_id(created_ms);
    if let Some((folder, record)) = store.folder_and_id(at) {
        let row = row(&id, &store.folders[folder].definition.id, &record).to_string();
        store.put_note(Note { folder, kind, record, created_ms, row });
    }
    id
}
