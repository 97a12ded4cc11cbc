//! Faults as data: which requests are disturbed, and how.
//!
//! A [`Rule`] says which requests it looks at (service, method, path), which of those it hits (counting,
//! chance, a quota window) and what happens to them. Every rule has its own seeded dice and its own count, so
//! the same requests meet the same faults. Nothing is done here: [`Faults::judge`] only says what to do.

use regex::Regex;
use serde::Deserialize;

use crate::sim::exchange::Request;

/// One `[[fault]]` of a scenario; every condition that is given has to hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    kind: Kind,
    #[serde(default)]
    service: Where,
    /// `GET`, `POST,PUT`, or `write` for everything but GET.
    method: Option<String>,
    /// What the path below the service's root begins with.
    path: Option<String>,
    path_regex: Option<String>,
    /// A chance between 0 and 1 for each matching request.
    probability: Option<f64>,
    every: Option<u64>,
    at: Option<Vec<u64>>,
    first: Option<u64>,
    after: Option<u64>,
    /// At most so many hits.
    times: Option<u64>,
    /// The rule ends so many seconds after its first hit.
    seconds: Option<f64>,
    /// Hits only what exceeds so many matching requests in any 60 seconds; refused ones do not count.
    per_minute: Option<usize>,
    status: Option<u16>,
    retry_after: Option<RetryAfter>,
    latency_ms: Option<Millis>,
    late_commit_ms: Option<u64>,
    slow_ms: Option<u64>,
    /// For `down`: `503` (default) or `close`.
    mode: Option<Mode>,
}

/// What `method` may name.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "write"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Latency,
    TooManyRequests,
    ErrorBeforeCommit,
    ErrorAfterCommit,
    LostRequest,
    LostAnswer,
    LateCommit,
    TruncatedBody,
    SlowBody,
    Html,
    EmptyBody,
    Unauthorized,
    Quota,
    Down,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Where {
    Nimble,
    Nethunt,
    #[default]
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Mode {
    #[serde(rename = "503")]
    Unavailable,
    #[serde(rename = "close")]
    Close,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Millis {
    Fixed(u64),
    Between(u64, u64),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum RetryAfter {
    Seconds(u64),
    /// `"window"`: until the quota window has room again; any other text is sent as it is.
    Text(String),
}

/// What happens to a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The kinds that hit, joined by commas.
    pub(crate) names: String,
    /// Waiting time before the service sees the request.
    pub(crate) delay_ms: u64,
    /// What is done beside waiting.
    pub(crate) action: Action,
    /// Status for the actions that answer in the service's place.
    pub(crate) status: u16,
    /// Whether that is the usual one of the kind, which no rule asked for.
    pub(crate) is_usual: bool,
    /// `Retry-After` header.
    pub(crate) retry_after: Option<String>,
    /// Milliseconds of [`Action::LateCommit`] and [`Action::Slow`].
    pub(crate) ms: u64,
}

/// The disturbance itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// None: the service answers.
    #[default]
    None,
    /// The service never sees the request; it is refused with the verdict's status.
    Refuse,
    /// A page of HTML as a proxy would send it; the service never sees the request.
    Html,
    /// The connection is closed, the service never sees the request.
    CloseBefore,
    /// The service does its work, then the verdict's status is sent.
    ErrorAfter,
    /// The service does its work, then the connection is closed.
    CloseAfter,
    /// The connection is closed at once, the service does its work later.
    LateCommit,
    /// The answer breaks off in the middle.
    Truncate,
    /// The answer comes in small pieces.
    Slow,
    /// The answer keeps its status and loses its body.
    Empty,
}

/// The rules in force and their counts.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    pattern: Option<Regex>,
    dice: fastrand::Rng,
    seen: u64,
    hits: u64,
    first_hit_ms: Option<i64>,
    /// Arrival times of the last minute, for `per_minute`.
    window: Vec<i64>,
}

impl Faults {
    /// Arms `rules` with dice from `seed`.
    ///
    /// # Errors
    /// When a rule lacks what its kind needs or its pattern is not one; the text names the rule.
    pub(crate) fn new(rules: Vec<Rule>, seed: u64) -> Result<Self, String> {
        let arm = |(index, rule): (usize, Rule)| {
            let place = format!("fault {}", index + 1);
            rule.check().map_err(|why| format!("{place}: {why}"))?;
            let pattern = rule.pattern().map_err(|why| format!("{place}: {why}"))?;
            let dice =
                fastrand::Rng::with_seed(seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            Ok(Armed { rule, pattern, dice, seen: 0, hits: 0, first_hit_ms: None, window: Vec::new() })
        };
        Ok(Self { rules: rules.into_iter().enumerate().map(arm).collect::<Result<_, String>>()? })
    }

    /// Counts `request` and says what happens to it: delays add up, of the rest the first rule that hits wins.
    pub(crate) fn judge(&mut self, service: &str, request: &Request, now_ms: i64) -> Verdict {
        let mut verdict = Verdict::default();
        for armed in &mut self.rules {
            if !armed.matches(service, request) {
                continue;
            }
            let spent = verdict.action != Action::None && armed.rule.kind != Kind::Latency;
            if !armed.hits(now_ms, spent) {
                continue;
            }
            armed.lay_over(&mut verdict, now_ms);
        }
        verdict
    }
}

impl Rule {
    /// # Errors
    /// When the rule lacks what its kind needs or a value makes no sense; the text names the key.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.pattern()?;
        let missing = match self.kind {
            Kind::Latency if self.latency_ms.is_none() => "latency_ms",
            Kind::LateCommit if self.late_commit_ms.is_none() => "late_commit_ms",
            Kind::SlowBody if self.slow_ms.is_none() => "slow_ms",
            _ => "",
        };
        if !missing.is_empty() {
            return Err(format!("`{missing}` is missing"));
        }
        if self.every == Some(0) {
            return Err("`every` counts from 1".to_owned());
        }
        if self.at.as_ref().is_some_and(|at| at.is_empty() || at.contains(&0)) {
            return Err("`at` lists numbers of requests, which count from 1".to_owned());
        }
        let unknown = |method: &&str| !METHODS.iter().any(|known| known.eq_ignore_ascii_case(method));
        if let Some(method) = self.methods().find(unknown) {
            return Err(format!("`method`: there is no `{method}`, only {}", METHODS.join(", ")));
        }
        if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err("`path` begins with `/`; it is the path below the service's root".to_owned());
        }
        if self.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return Err("`probability` lies between 0 and 1".to_owned());
        }
        if let Some(Millis::Between(low, high)) = self.latency_ms
            && low > high
        {
            return Err("`latency_ms` is [least, most]".to_owned());
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err("`status` lies between 200 and 599".to_owned());
        }
        Ok(())
    }

    fn methods(&self) -> impl Iterator<Item = &str> {
        self.method.iter().flat_map(|methods| methods.split(',')).map(str::trim)
    }

    fn pattern(&self) -> Result<Option<Regex>, String> {
        let pattern = self.path_regex.as_deref().map(Regex::new).transpose();
        pattern.map_err(|why| format!("`path_regex`: {why}"))
    }

    /// The action and the status that is usual for it.
    fn action(&self) -> (Action, u16) {
        match self.kind {
            Kind::Latency => (Action::None, 0),
            Kind::TooManyRequests => (Action::Refuse, 429),
            Kind::ErrorBeforeCommit => (Action::Refuse, 500),
            Kind::Unauthorized => (Action::Refuse, 401),
            Kind::Quota => (Action::Refuse, 402),
            Kind::Down if self.mode == Some(Mode::Close) => (Action::CloseBefore, 0),
            Kind::Down => (Action::Refuse, 503),
            Kind::LostRequest => (Action::CloseBefore, 0),
            Kind::Html => (Action::Html, 502),
            Kind::ErrorAfterCommit => (Action::ErrorAfter, 500),
            Kind::LostAnswer => (Action::CloseAfter, 0),
            Kind::LateCommit => (Action::LateCommit, 0),
            Kind::TruncatedBody => (Action::Truncate, 0),
            Kind::SlowBody => (Action::Slow, 0),
            Kind::EmptyBody => (Action::Empty, 0),
        }
    }
}

impl Armed {
    fn matches(&self, service: &str, request: &Request) -> bool {
        let rule = &self.rule;
        let place = match rule.service {
            Where::Any => true,
            Where::Nimble => service == "nimble",
            Where::Nethunt => service == "nethunt",
        };
        let method = rule.method.is_none()
            || rule.methods().any(|method| {
                method.eq_ignore_ascii_case(&request.method)
                    || (method.eq_ignore_ascii_case("write") && request.method != "GET")
            });
        place
            && method
            && rule.path.as_deref().is_none_or(|prefix| request.path.starts_with(prefix))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&request.path))
    }

    /// Counts a matching request; true when the rule hits it. With `spent` it is only counted.
    fn hits(&mut self, now_ms: i64, spent: bool) -> bool {
        self.seen += 1;
        let (rule, seen) = (&self.rule, self.seen);
        // The dice are thrown for every request, so that one rule's outcome never shifts another's.
        let lucky = rule.probability.is_none_or(|chance| self.dice.f64() < chance);
        let ended = match (rule.seconds, self.first_hit_ms) {
            #[expect(clippy::cast_precision_loss, reason = "seconds of a test, far below 2^53 ms")]
            (Some(seconds), Some(first)) => (now_ms - first) as f64 >= seconds * 1000.0,
            _ => false,
        };
        let counted = rule.every.is_none_or(|every| seen.is_multiple_of(every))
            && rule.at.as_ref().is_none_or(|at| at.contains(&seen))
            && rule.first.is_none_or(|first| seen <= first)
            && rule.after.is_none_or(|after| seen > after)
            && rule.times.is_none_or(|times| self.hits < times);
        if spent || !lucky || ended || !counted || !self.over_quota(now_ms) {
            return false;
        }
        self.hits += 1;
        self.first_hit_ms.get_or_insert(now_ms);
        true
    }

    fn over_quota(&mut self, now_ms: i64) -> bool {
        let Some(quota) = self.rule.per_minute else { return true };
        self.window.retain(|arrived| now_ms - arrived < 60_000);
        let over = self.window.len() >= quota;
        if !over {
            self.window.push(now_ms);
        }
        over
    }

    fn lay_over(&mut self, verdict: &mut Verdict, now_ms: i64) {
        let rule = &self.rule;
        if !verdict.names.is_empty() {
            verdict.names.push(',');
        }
        verdict.names.push_str(rule.kind.name());
        match rule.latency_ms {
            Some(Millis::Fixed(ms)) => verdict.delay_ms += ms,
            Some(Millis::Between(low, high)) => verdict.delay_ms += self.dice.u64(low..=high),
            None => {}
        }
        if rule.kind == Kind::Latency {
            return;
        }
        let (action, status) = rule.action();
        verdict.action = action;
        (verdict.status, verdict.is_usual) = (rule.status.unwrap_or(status), rule.status.is_none());
        verdict.ms = rule.late_commit_ms.or(rule.slow_ms).unwrap_or(0);
        verdict.retry_after = rule.retry_after.as_ref().map(|retry_after| match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Text(text) if text == "window" => {
                let free_at = self.window.first().map_or(now_ms, |oldest| oldest + 60_000);
                // Rounded up: who waits exactly so long finds room.
                ((free_at - now_ms).max(0) + 999).div_euclid(1000).to_string()
            }
            RetryAfter::Text(text) => text.clone(),
        });
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::TooManyRequests => "too_many_requests",
            Self::ErrorBeforeCommit => "error_before_commit",
            Self::ErrorAfterCommit => "error_after_commit",
            Self::LostRequest => "lost_request",
            Self::LostAnswer => "lost_answer",
            Self::LateCommit => "late_commit",
            Self::TruncatedBody => "truncated_body",
            Self::SlowBody => "slow_body",
            Self::Html => "html",
            Self::EmptyBody => "empty_body",
            Self::Unauthorized => "unauthorized",
            Self::Quota => "quota",
            Self::Down => "down",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Faults {
        #[derive(Deserialize)]
        struct File {
            fault: Vec<Rule>,
        }
        Faults::new(toml::from_str::<File>(text).unwrap().fault, 7).unwrap()
    }

    fn request(method: &str, path: &str) -> Request {
        Request { method: method.into(), path: path.into(), ..Request::default() }
    }

    /// The numbers, counted from 1, of those of 12 requests that were hit.
    fn hit(conditions: &str) -> Vec<i64> {
        let mut faults = faults(&format!("[[fault]]\nkind = \"error_before_commit\"\n{conditions}"));
        let get = request("GET", "/contacts");
        (1..=12).filter(|n| faults.judge("nimble", &get, n * 1000).action == Action::Refuse).collect()
    }

    #[test]
    fn conditions_choose_requests_by_their_count() {
        for (conditions, expected) in [
            ("every = 5", vec![5, 10]),
            ("at = [2, 3]", vec![2, 3]),
            ("first = 2", vec![1, 2]),
            ("after = 10", vec![11, 12]),
            ("after = 3\nseconds = 4", vec![4, 5, 6, 7]),
            ("times = 3", vec![1, 2, 3]),
            ("per_minute = 10", vec![11, 12]),
            ("probability = 0.0", vec![]),
            ("service = \"nethunt\"", vec![]),
            ("method = \"write\"", vec![]),
            ("method = \"POST, get\"\nevery = 6", vec![6, 12]),
            ("path = \"/contact/\"", vec![]),
            ("path_regex = \"^/contacts$\"\nat = [1]", vec![1]),
        ] {
            assert_eq!(hit(conditions), expected, "{conditions}");
        }
    }

    #[test]
    fn the_same_seed_throws_the_same_dice() {
        let hits = hit("probability = 0.5");
        assert_eq!(hits, hit("probability = 0.5"));
        assert!(!hits.is_empty() && hits.len() < 12);
    }

    #[test]
    fn delays_add_up_and_the_first_action_wins() {
        let mut faults = faults(
            "[[fault]]\nkind = \"latency\"\nlatency_ms = 5\n[[fault]]\nkind = \"lost_answer\"\n\
             [[fault]]\nkind = \"down\"\n[[fault]]\nkind = \"latency\"\nlatency_ms = [2, 2]",
        );
        let verdict = faults.judge("nethunt", &request("POST", "/x"), 0);
        assert_eq!((verdict.delay_ms, verdict.action), (7, Action::CloseAfter));
        assert_eq!(verdict.names, "latency,lost_answer,latency");
    }

    #[test]
    fn retry_after_can_follow_the_quota_window() {
        let mut faults =
            faults("[[fault]]\nkind = \"too_many_requests\"\nper_minute = 1\nretry_after = \"window\"");
        let get = request("GET", "/contacts");
        assert_eq!(faults.judge("nimble", &get, 0).action, Action::None);
        let verdict = faults.judge("nimble", &get, 20_500);
        assert_eq!((verdict.status, verdict.retry_after.as_deref()), (429, Some("40")));
        assert_eq!(faults.judge("nimble", &get, 60_500).action, Action::None);
    }

    #[test]
    fn a_rule_without_what_its_kind_needs_is_refused() {
        let rule: Rule = toml::from_str("kind = \"late_commit\"").unwrap();
        assert_eq!(Faults::new(vec![rule], 0).unwrap_err(), "fault 1: `late_commit_ms` is missing");
    }

    #[test]
    fn a_rule_that_can_never_hit_is_refused() {
        for (condition, word) in [
            ("method = \"PSOT\"", "`PSOT`"),
            ("method = \"POST,\"", "``"),
            ("at = [1, 0]", "`at`"),
            ("at = []", "`at`"),
            ("path = \"myself\"", "`path`"),
        ] {
            let rule: Rule = toml::from_str(&format!("kind = \"html\"\n{condition}")).unwrap();
            let why = rule.check().unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }
}
