//! What stands behind the socket: both services, the faults, the drift, the ledger and the clock.
//!
//! One request passes through in two steps, [`Engine::arrive`] and [`Engine::commit`]; between them the server
//! may wait or close the connection, as the verdict says. No step waits itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::sim::drift::{self, Change, Drift};
use crate::sim::exchange::{Reply, Request, Service};
use crate::sim::faults::{Faults, Rule, Verdict};
use crate::sim::ledger::Ledger;
use crate::sim::nethunt::NetHunt;
use crate::sim::nimble::Nimble;
use crate::sim::state::StateFile;
use crate::sim::{Options, Scenario};

/// The two simulated services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Nimble,
    NetHunt,
}

impl Target {
    /// The name in scenarios and in the ledger.
    pub(crate) fn name(self) -> &'static str {
        if self == Self::Nimble { "nimble" } else { "nethunt" }
    }
}

/// Everything but the socket.
pub(crate) struct Engine {
    pub(crate) ledger: Ledger,
    pub(crate) nimble: Nimble,
    pub(crate) nethunt: NetHunt,
    scenario: Scenario,
    faults: Faults,
    drift: Drift,
    state: StateFile,
    seed: u64,
    generate: usize,
    last_ms: i64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// The engine, whatever happened to another request's thread: every change is whole before a panic can come.
pub(crate) fn locked(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// Both services as the options say, from the state file if there is one.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let Options { scenario, state, generate, seed, .. } = options;
        let seed = scenario.seed.unwrap_or(seed);
        let generate = if generate > 0 { generate } else { scenario.generate.unwrap_or(0) };
        let mut engine = Self {
            ledger: Ledger::default(),
            nimble: Nimble::new(scenario.nimble.clone(), seed),
            nethunt: NetHunt::new(scenario.nethunt.clone(), seed),
            faults: Faults::new(scenario.fault.clone(), seed)?,
            drift: Drift::new(scenario.drift.clone(), seed)?,
            scenario,
            state: StateFile::new(state),
            seed,
            generate,
            last_ms: 0,
        };
        match engine.state.load()? {
            Some(snapshot) => {
                let restored = engine.nimble.restore(&snapshot["nimble"]);
                let restored = restored.and_then(|()| engine.nethunt.restore(&snapshot["nethunt"]));
                restored.map_err(|why| engine.state.refused(&why))?;
            }
            None => engine.populate(),
        }
        Ok(engine)
    }

    /// Unix milliseconds, never going back.
    pub(crate) fn now_ms(&mut self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = i64::try_from(now).unwrap_or(i64::MAX).saturating_add(self.scenario.clock_ahead_ms);
        self.last_ms = self.last_ms.max(now);
        self.last_ms
    }

    /// The `Date` of an answer, where the services' clock is not ours.
    pub(crate) fn date(&mut self) -> Option<String> {
        let now = u64::try_from(self.now_ms()).ok().filter(|_| self.scenario.clock_ahead_ms != 0)?;
        Some(httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now)))
    }

    /// Enters a request into the ledger and judges it; gives its number.
    pub(crate) fn arrive(&mut self, target: Target, request: &Request, query: &str) -> (u64, Verdict) {
        let now_ms = self.now_ms();
        let seq = self.ledger.open(now_ms, target.name(), request, query);
        let verdict = self.faults.judge(target.name(), request, now_ms);
        if !verdict.names.is_empty() {
            self.ledger.fault(seq, verdict.names.clone());
        }
        (seq, verdict)
    }

    /// Lets the service answer, after what others do meanwhile.
    pub(crate) fn commit(&mut self, seq: u64, target: Target, request: &Request) -> Reply {
        if request.method == "GET" {
            self.drift(target);
        }
        let now_ms = self.now_ms();
        let reply = catch_unwind(AssertUnwindSafe(|| match target {
            Target::Nimble => self.nimble.handle(now_ms, request),
            Target::NetHunt => self.nethunt.handle(now_ms, request),
        }))
        .unwrap_or_else(|_| self.refusal(target, 500, true));
        if !reply.effect.is_empty() {
            self.state.touch();
        }
        self.ledger.committed(seq, &reply);
        reply
    }

    /// Lets a service's admin surface answer; the request is not entered into the ledger.
    pub(crate) fn admin(&mut self, target: Target, request: &Request) -> Reply {
        let now_ms = self.now_ms();
        if request.method != "GET" {
            self.state.touch();
        }
        catch_unwind(AssertUnwindSafe(|| match target {
            Target::Nimble => self.nimble.admin(now_ms, request),
            Target::NetHunt => self.nethunt.admin(now_ms, request),
        }))
        .unwrap_or_else(|_| self.refusal(target, 500, true))
    }

    /// A refusal in the service's own manner, as its settings have it; `is_usual` when no rule asked for that status.
    pub(crate) fn refusal(&self, target: Target, status: u16, is_usual: bool) -> Reply {
        match target {
            Target::Nimble => self.nimble.refusal(status, is_usual),
            Target::NetHunt => self.nethunt.refusal(status),
        }
    }

    /// Puts other fault rules in force.
    pub(crate) fn set_faults(&mut self, rules: Vec<Rule>) -> Result<(), String> {
        self.faults = Faults::new(rules, self.seed)?;
        Ok(())
    }

    /// Orders other drift.
    pub(crate) fn set_drift(&mut self, order: drift::Order) -> Result<(), String> {
        self.drift = Drift::new(order, self.seed)?;
        Ok(())
    }

    /// The drift so far.
    pub(crate) fn drift_json(&self) -> Value {
        self.drift.json()
    }

    /// Back to the start, or to empty services: state, ledger, faults and drift.
    pub(crate) fn reset(&mut self, empty: bool) -> Result<(), String> {
        self.nimble = Nimble::new(self.scenario.nimble.clone(), self.seed);
        self.nethunt = NetHunt::new(self.scenario.nethunt.clone(), self.seed);
        self.ledger.clear();
        self.set_faults(self.scenario.fault.clone())?;
        self.set_drift(self.scenario.drift.clone())?;
        if !empty {
            self.populate();
        }
        self.state.touch();
        Ok(())
    }

    /// Both services' snapshots.
    pub(crate) fn snapshot(&self) -> Value {
        // Moved in, not copied as `json!` would.
        [("nimble", self.nimble.snapshot()), ("nethunt", self.nethunt.snapshot())].into_iter().collect()
    }

    /// Writes the state file if something changed since it was written.
    pub(crate) fn save(&mut self) -> Result<(), String> {
        if !self.state.is_due() {
            return Ok(());
        }
        let snapshot = self.snapshot();
        self.state.write(&snapshot)
    }

    fn populate(&mut self) {
        if self.generate > 0 {
            let now_ms = self.now_ms();
            self.nimble.generate(self.generate, self.seed, now_ms);
            self.nethunt.generate(self.generate, self.seed, now_ms);
            self.state.touch();
        }
    }

    fn drift(&mut self, target: Target) {
        let mut now_ms = self.now_ms();
        for Change { kind, dice, together } in self.drift.due(target.name()) {
            if !together {
                now_ms = self.now_ms();
            }
            let record = match target {
                Target::Nimble => self.nimble.drift(now_ms, dice, kind),
                Target::NetHunt => self.nethunt.drift(now_ms, dice, kind),
            };
            if let Some(record) = record {
                self.drift.note(target.name(), now_ms, kind, record);
                self.state.touch();
            }
        }
    }
}
