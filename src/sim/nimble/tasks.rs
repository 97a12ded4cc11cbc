//! Tasks, which the service only lets be created, and the list of activities that shows them (reference, users
//! and tasks).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::body::{ids, json_body, optional_flag, optional_text, text, texts};
use super::brief::user;
use super::errors::{invalid, not_found};
use super::listing::positive;
use super::read::split_escaped;
use super::{COMPANY_ID, Nimble, USERS};
use crate::sim::exchange::{Reply, Request};

/// Characters of a subject, least and most (reference, create a task).
const SUBJECT: std::ops::RangeInclusive<usize> = 2..=128;
/// Activities on a page when no limit is given; the reference is silent.
const LIMIT: usize = 20;

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Task {
    id: String,
    created_ms: i64,
    subject: String,
    notes: Option<String>,
    due_ms: Option<i64>,
    completed_ms: Option<i64>,
    is_important: bool,
    tags: Vec<String>,
    contact_ids: Vec<String>,
    /// Place of the user it is assigned to.
    assigned_to: usize,
}

impl Task {
    /// The moment by which activities are ordered.
    fn moment(&self) -> i64 {
        self.due_ms.unwrap_or(self.created_ms)
    }

    fn is_past(&self, now_ms: i64) -> bool {
        self.completed_ms.is_some() || self.moment() < now_ms && self.due_ms.is_some()
    }
}

impl Nimble {
    /// `POST /activities/task`: contacts in `related_to`; unknown keys, `related` among them, are ignored.
    pub(super) fn create_task(&mut self, now_ms: i64, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let contacts = ids(body.get("related_to"), "related_to")?;
        if let Some(unknown) = contacts.iter().find(|id| self.store.slot(id).is_none()) {
            return Err(invalid(&format!("no such contact: `{unknown}`")));
        }
        let task = self.task(now_ms, &body, contacts)?;
        Ok(self.add_task(task, self.knobs.task_status))
    }

    /// `POST /tasks`, the newer form: contacts in `related.contacts`; `related_to` is not looked at.
    pub(super) fn create_related_task(&mut self, now_ms: i64, request: &Request) -> Result<Reply, Reply> {
        let body = json_body(request)?;
        let related = body.get("related").unwrap_or(&Value::Null);
        if !related.is_null() && !related.is_object() {
            return Err(invalid("`related` is an object"));
        }
        let contacts = ids(related.get("contacts"), "related.contacts")?;
        if let Some(unknown) = contacts.iter().find(|id| self.store.slot(id).is_none()) {
            return Err(not_found("contact", unknown));
        }
        // There are no deals here, so that every id of one is unknown.
        if let Some(deal) = ids(related.get("deals"), "related.deals")?.first() {
            return Err(not_found("deal", deal));
        }
        let mut task = self.task(now_ms, &body, contacts)?;
        task.is_important = optional_flag(&body, "is_important")?.unwrap_or(false);
        task.tags = texts(body.get("tags"), "tags")?;
        task.completed_ms = optional_moment(&body, "completed_time")?;
        if let Some(id) = optional_text(&body, "assigned_to")? {
            let place = USERS.iter().position(|(known, ..)| *known == id);
            task.assigned_to = place.ok_or_else(|| not_found("user", &id))?;
        }
        Ok(self.add_task(task, 201))
    }

    /// `GET /activities`: of all kinds of activity there are only tasks here.
    pub(super) fn activities(&self, now_ms: i64, request: &Request) -> Result<Reply, Reply> {
        let past = match request.param("direction") {
            Some("past") => true,
            Some("pending") => false,
            _ => return Err(invalid("`direction` is pending or past")),
        };
        let limit = positive(request, "limit", LIMIT)?;
        let types = split_escaped(request.param("types").unwrap_or_default());
        let contacts = split_escaped(request.param("contacts").unwrap_or_default());
        let mut tasks: Vec<&Task> = self.tasks.iter().filter(|task| task.is_past(now_ms) == past).collect();
        tasks.retain(|task| {
            (types.is_empty() || types.iter().any(|kind| kind == "task"))
                && (contacts.is_empty() || task.contact_ids.iter().any(|id| contacts.contains(id)))
        });
        tasks.sort_by(|left, right| (left.moment(), &left.id).cmp(&(right.moment(), &right.id)));
        if past {
            tasks.reverse();
        }
        if let Some(last) = request.param("next_activity_id") {
            let place = tasks.iter().position(|task| task.id == last);
            let place = place.ok_or_else(|| invalid("`next_activity_id` is not in the list"))?;
            tasks.drain(..=place);
        }
        let next_page = (tasks.len() > limit).then(|| {
            let last = tasks[limit - 1];
            json!({"next_tstamp": utc(last.moment()), "next_activity_id": last.id})
        });
        let shown: Vec<Value> = tasks.iter().take(limit).map(|task| self.activity(task)).collect();
        Ok(Reply::json(200, &json!({"activities": shown, "next_page": next_page, "meta": {}})))
    }

    /// All tasks as the API shows them, for the tests.
    pub(super) fn all_tasks(&self) -> Reply {
        Reply::json(200, &self.tasks.iter().map(|task| self.shown(task)).collect())
    }

    fn task(&self, now_ms: i64, body: &Map<String, Value>, contact_ids: Vec<String>) -> Result<Task, Reply> {
        let subject = text(body, "subject")?;
        if !SUBJECT.contains(&subject.chars().count()) {
            return Err(invalid("`subject` has 2 to 128 characters"));
        }
        Ok(Task {
            id: self.numbered_id(now_ms.div_euclid(1000), 1 << 37 | self.tasks.len() as u64),
            created_ms: now_ms,
            subject: subject.to_owned(),
            notes: optional_text(body, "notes")?,
            due_ms: optional_moment(body, "due_date")?,
            completed_ms: None,
            is_important: false,
            tags: Vec::new(),
            contact_ids,
            assigned_to: 0,
        })
    }

    fn add_task(&mut self, task: Task, status: u16) -> Reply {
        let reply = Reply::json(status, &self.shown(&task)).with_effect("create", &task.id);
        self.tasks.push(task);
        reply
    }

    fn shown(&self, task: &Task) -> Value {
        json!({
            "id": task.id, "version": 2, "subject": task.subject, "notes": task.notes,
            "due_date": task.due_ms.map(utc), "due_date_text": task.due_ms.map(|ms| utc(ms)[..10].to_owned()),
            "created": utc(task.created_ms), "updated": utc(task.created_ms),
            "completed": task.completed_ms.is_some(), "completed_time": task.completed_ms.map(utc),
            "starred": false, "is_important": task.is_important, "tags": task.tags, "comments": [],
            "company_id": COMPANY_ID, "owner": user(0), "owner_id": USERS[0].0,
            "assigned_to": user(task.assigned_to), "related_to": task.contact_ids,
            "related": {"contacts": self.briefs(&task.contact_ids), "deals": []},
        })
    }

    fn activity(&self, task: &Task) -> Value {
        json!({
            "activity_id": task.id, "activity_type": "task", "name": task.subject, "description": task.notes,
            "assigned_to": user(task.assigned_to), "owner": user(0), "created": utc(task.created_ms),
            "scheduled_tstamp": task.due_ms.map(utc), "completed_tstamp": task.completed_ms.map(utc),
            "feed_tstamp": utc(task.moment()), "tags": task.tags, "priority": "medium", "comments": [],
            "is_important": task.is_important, "related_contacts": self.briefs(&task.contact_ids),
            "related_sequence": null, "details": {},
        })
    }
}

/// The tasks of a snapshot; none of one from before there were tasks.
///
/// # Errors
/// When the snapshot's tasks are not such.
pub(super) fn read(snapshot: &Value) -> Result<Vec<Task>, String> {
    if snapshot.is_null() {
        return Ok(Vec::new());
    }
    Vec::deserialize(snapshot).map_err(|why| format!("nimble: `tasks`: {why}"))
}

fn utc(ms: i64) -> String {
    let moment = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// A moment of a body: `YYYY-MM-DDTHH:MM:SS`, the older `YYYY-MM-DD HH:MM`, or with an offset.
fn optional_moment(body: &Map<String, Value>, key: &str) -> Result<Option<i64>, Reply> {
    let Some(text) = optional_text(body, key)? else { return Ok(None) };
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => Some(moment),
        // The parser takes a date alone for midnight; the reference knows no such form.
        Err(_) if text.len() < 16 => None,
        Err(_) => text.parse::<DateTime>().ok().and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok()),
    };
    let refusal = || invalid(&format!("`{key}` is YYYY-MM-DDTHH:MM:SS or YYYY-MM-DD HH:MM"));
    moment.map(|moment| Some(moment.as_millisecond())).ok_or_else(refusal)
}
