//! The ledger: every request that reached a simulated service, what was done to it, and what it did.
//!
//! Tests judge a client by it: nothing created twice, nothing sent after a refusal, never more than the
//! allowed requests in a minute. An entry is opened when the request arrives and completed when its answer is
//! handed to the connection; one that never gets that far keeps `answered: false`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::exchange::{Reply, Request};

/// Bytes of a write's body that are kept.
const BODY_LIMIT: usize = 64 * 1024;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    seq: u64,
    /// Unix milliseconds of the arrival; never less than the entry before.
    ms: i64,
    service: &'static str,
    method: String,
    path: String,
    query: String,
    /// 0 while there is no answer.
    status: u16,
    fault: String,
    effect: &'static str,
    record: Option<String>,
    body: Option<String>,
    answered: bool,
}

/// All entries since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    /// Opens an entry and gives its sequence number, counted from 1.
    pub(crate) fn open(&mut self, ms: i64, service: &'static str, request: &Request, query: &str) -> u64 {
        let seq = self.entries.len() as u64 + 1;
        let body = (request.method != "GET" && !request.body.is_empty()).then(|| {
            let kept = &request.body[..request.body.len().min(BODY_LIMIT)];
            String::from_utf8_lossy(kept).into_owned()
        });
        self.entries.push(Entry {
            seq,
            ms,
            service,
            method: request.method.clone(),
            path: request.path.clone(),
            query: query.to_owned(),
            status: 0,
            fault: String::new(),
            effect: "",
            record: None,
            body,
            answered: false,
        });
        seq
    }

    /// Notes the faults that were laid over a request.
    pub(crate) fn fault(&mut self, seq: u64, fault: String) {
        if let Some(entry) = self.entry(seq) {
            entry.fault = fault;
        }
    }

    /// Notes what a request did; the status is the service's own until an answer says otherwise.
    pub(crate) fn committed(&mut self, seq: u64, reply: &Reply) {
        if let Some(entry) = self.entry(seq) {
            entry.effect = reply.effect;
            entry.record.clone_from(&reply.record);
        }
    }

    /// Notes the status that was sent.
    pub(crate) fn answered(&mut self, seq: u64, status: u16) {
        if let Some(entry) = self.entry(seq) {
            entry.status = status;
            entry.answered = true;
        }
    }

    /// The entries after `seq`, as the JSON array of `GET /_sim/ledger`.
    pub(crate) fn since(&self, seq: u64) -> Value {
        let first = usize::try_from(seq).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries[first..].iter().map(Entry::json).collect()
    }

    /// Totals by service, status, effect, fault and method, and the densest minute and second.
    pub(crate) fn summary(&self) -> Value {
        let mut by_service = BTreeMap::<&str, u64>::new();
        let mut by_status = BTreeMap::<String, u64>::new();
        let mut by_effect = BTreeMap::<&str, u64>::new();
        let mut by_fault = BTreeMap::<&str, u64>::new();
        let mut by_method = BTreeMap::<&str, u64>::new();
        for entry in &self.entries {
            *by_service.entry(entry.service).or_default() += 1;
            *by_status.entry(entry.status.to_string()).or_default() += 1;
            *by_method.entry(&entry.method).or_default() += 1;
            if !entry.effect.is_empty() {
                *by_effect.entry(entry.effect).or_default() += 1;
            }
            for fault in entry.fault.split(',').filter(|fault| !fault.is_empty()) {
                *by_fault.entry(fault).or_default() += 1;
            }
        }
        json!({
            "requests": self.entries.len(),
            "unanswered": self.entries.iter().filter(|entry| !entry.answered).count(),
            "by_service": by_service,
            "by_method": by_method,
            "by_status": by_status,
            "by_effect": by_effect,
            "by_fault": by_fault,
            "most_in_60_s": self.most_within(60_000),
            "most_in_1_s": self.most_within(1_000),
            "first_ms": self.entries.first().map(|entry| entry.ms),
            "last_ms": self.entries.last().map(|entry| entry.ms),
        })
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The most requests in any half-open window of so many milliseconds.
    fn most_within(&self, window_ms: i64) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (index, entry) in self.entries.iter().enumerate() {
            while entry.ms - self.entries[first].ms >= window_ms {
                first += 1;
            }
            most = most.max(index - first + 1);
        }
        most
    }

    fn entry(&mut self, seq: u64) -> Option<&mut Entry> {
        // A reset may have come between a request and its answer: then there is nothing to complete.
        let index = usize::try_from(seq).ok()?.checked_sub(1)?;
        self.entries.get_mut(index)
    }
}

impl Entry {
    fn json(&self) -> Value {
        json!({
            "seq": self.seq, "ms": self.ms, "service": self.service, "method": self.method,
            "path": self.path, "query": self.query, "status": self.status, "fault": self.fault,
            "effect": self.effect, "record": self.record, "body": self.body, "answered": self.answered,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_and_summary_tell_what_happened() {
        let mut ledger = Ledger::default();
        let read = Request { method: "GET".into(), path: "/contacts".into(), ..Request::default() };
        let write = Request {
            method: "POST".into(),
            path: "/contact".into(),
            body: b"{}".to_vec(),
            ..Request::default()
        };
        for (ms, request) in [(0, &read), (500, &write), (1_500, &read)] {
            ledger.open(ms, "nimble", request, "");
        }
        ledger.answered(1, 200);
        ledger.fault(2, "lost_answer".into());
        ledger.committed(2, &Reply::text(201, "").with_effect("create", "64"));

        assert_eq!(ledger.since(1).as_array().map(Vec::len), Some(2));
        assert_eq!(ledger.since(0)[1]["record"], "64");
        assert_eq!(ledger.since(0)[1]["body"], "{}");
        let summary = ledger.summary();
        assert_eq!(summary["unanswered"], 2);
        assert_eq!(summary["by_effect"]["create"], 1);
        assert_eq!(summary["most_in_1_s"], 2);
        assert_eq!(summary["most_in_60_s"], 3);
    }
}
