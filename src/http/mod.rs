//! The one place that sends, waits and retries.
//!
//! A blocking client with kept-alive connections, gzip and timeouts. Every request goes through the
//! connection's [`pace`], every failure through the pure decision in [`retry`], and every wait through
//! [`Stop`], so that Ctrl-C is obeyed. What a request means is not known here.
//!
//! What a request shows to be let in comes from [`authorize`]: a request that is refused because its token has
//! expired is sent again with the next one.
//!
//! Reads come back parsed, since a body that cannot be read is a reason to ask again. Writes come back as they
//! are: the caller has to tell what was refused from what may have happened.

mod answer;
pub mod authorize;
mod names;
pub mod oauth;
pub mod pace;
pub mod redirect;
pub mod retry;
mod secrets;
mod shared;
#[cfg(test)]
mod tests;

use crate::stop::Stop;
use answer::{
    Refusal, Response, http_date, is_loopback, is_page, next_address, not_the_service, observe, ordinary,
    page, refused, standing, whole, words,
};
use authorize::{Authorize, Credential, Fixed};
use jiff::Timestamp;
use names::Remembering;
use pace::Pace;
use retry::{Decision, Nature, Observed, Patience, decide};
use secrecy::{ExposeSecret, SecretString};
use secrets::Secrets;
use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

/// A client for one connection; clones share pace, counters and kept-alive sockets.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    authorize: Arc<dyn Authorize>,
    pace: Arc<Pace>,
    counters: Arc<Counters>,
    stop: Stop,
    patience: Patience,
    /// Whether a refusal that is a web page is taken for none.
    doubts_pages: bool,
}

/// What was sent so far.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests sent, repeated ones included.
    pub requests: AtomicU64,
    /// Of these, repetitions.
    pub retries: AtomicU64,
    /// Of all, those that may have changed something, refused ones included.
    pub writes: AtomicU64,
    /// The server's clock minus ours at the last answer with a `Date`, in milliseconds.
    skew: Mutex<Option<i64>>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// Full address with its query.
    pub url: String,
    /// JSON body.
    pub body: Option<Vec<u8>>,
    /// The longest wait for the answer to begin, and for each further piece of it.
    pub timeout: Duration,
}

/// An answer whose body was read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The server's clock when it answered.
    pub date: Option<Timestamp>,
    /// `Content-Type`, empty where absent.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Head of an answer whose body is still to be read.
#[derive(Debug, Clone)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// The server's clock when it answered.
    pub date: Option<Timestamp>,
    /// `Content-Type`, empty where absent.
    pub content_type: String,
}

/// Why there is no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A stop was asked for; nothing was sent in this attempt.
    Stopped,
    /// Given up after the attempts that patience allows; nothing changed at the service.
    GaveUp(String),
    /// The service refused the request with this status and text.
    Refused {
        /// HTTP status, 4xx.
        status: u16,
        /// Body as text, shortened.
        text: String,
    },
    /// There is no credential to send the request with: what was tried, and what would help.
    Unauthorized {
        /// Why, for people.
        why: String,
        /// The next step.
        hint: String,
    },
    /// The write may have been carried out.
    MaybeApplied {
        /// What was seen, for people.
        why: String,
        /// HTTP status, where there was one.
        status: Option<u16>,
    },
}

/// A 2xx body that is not what was asked for; the read is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// The longest wait for an ordinary answer.
pub const ORDINARY: Duration = Duration::from_secs(60);

/// How often a read is sent on to another address of the service.
const REDIRECTS: u32 = 4;

/// How often one request is sent again because its token had expired.
const RENEWALS: u32 = 6;

impl Client {
    /// A client that sends `authorization` as that header and keeps to `pace`.
    #[must_use]
    pub fn new(authorization: SecretString, pace: Arc<Pace>, stop: Stop) -> Self {
        Self::authorized(Fixed::new(authorization), pace, stop)
    }

    /// A client whose credentials come from `authorize`, and that keeps to `pace`.
    #[must_use]
    pub fn authorized(authorize: Arc<dyn Authorize>, pace: Arc<Pace>, stop: Stop) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            // Followed by hand, to the same origin alone: the engine compares hosts and leaves out the port.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("crm-ferry/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections_per_host(pace.concurrency())
            .max_idle_connections(pace.concurrency())
            .max_idle_age(Duration::from_secs(20))
            .build();
        Self {
            agent: ureq::Agent::with_parts(
                config,
                DefaultConnector::default(),
                Remembering::new(DefaultResolver::default()),
            ),
            authorize,
            pace,
            counters: Arc::default(),
            stop,
            patience: Patience::default(),
            doubts_pages: false,
        }
    }

    /// The same for a service whose own refusals are never web pages: a page in place of one comes from something
    /// in between, so a read is repeated.
    #[must_use]
    pub fn doubting_pages(self) -> Self {
        Self { doubts_pages: true, ..self }
    }

    /// What was sent so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The pace kept.
    #[must_use]
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// The wish to stop that this client obeys.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The server's clock now, as far as its last `Date` tells; our own before the first answer.
    #[must_use]
    pub fn server_now(&self) -> Timestamp {
        let skew = lock(&self.counters.skew).unwrap_or(0);
        let now = Timestamp::now().as_millisecond().saturating_add(skew);
        Timestamp::from_millisecond(now).unwrap_or_else(|_| Timestamp::now())
    }

    /// Sends a read until its 2xx body was parsed.
    ///
    /// # Errors
    /// [`Failure::Refused`] for a 4xx, [`Failure::GaveUp`] when the service stayed down or unreadable,
    /// [`Failure::Stopped`].
    pub fn read<T>(
        &self,
        call: &Call,
        parse: impl Fn(&Answer) -> Result<T, Unreadable>,
    ) -> Result<T, Failure> {
        self.stream(call, |head, body| {
            let body = ordinary(body).map_err(Unreadable)?;
            let Head { status, date, content_type } = head.clone();
            parse(&Answer { status, date, content_type, body })
        })
    }

    /// Sends a read and hands over its 2xx body as a stream. `take` is called again, from the start, when an
    /// earlier body broke off.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn stream<T>(
        &self,
        call: &Call,
        mut take: impl FnMut(&Head, &mut dyn Read) -> Result<T, Unreadable>,
    ) -> Result<T, Failure> {
        self.admitted(Nature::Read, |credential| match self.send(call, credential) {
            Err(observed) => Err(observed),
            Ok((head, mut response)) if (200..300).contains(&head.status) => {
                let mut body = response.body_mut().as_reader();
                take(&head, &mut body).map(Ok).map_err(|Unreadable(why)| Observed::Unreadable(why))
            }
            Ok((head, mut response)) => {
                let refusal = refused(&head, &mut response, credential.secrets())?;
                match page(&head, &refusal).filter(|_| self.doubts_pages) {
                    Some(why) => Err(Observed::Unreadable(why)),
                    None => Ok(Err(refusal)),
                }
            }
        })
    }

    /// Sends a write. It is repeated only where the service certainly did nothing: 429, no connection, and an
    /// expired token.
    ///
    /// # Errors
    /// [`Failure::MaybeApplied`] when the answer was lost, a 5xx, a 2xx body that broke off, or a web page of any
    /// status, which is not the service's word; a 401 refuses the credentials in whatever form.
    pub fn write(&self, call: &Call) -> Result<Answer, Failure> {
        let answer = self.admitted(Nature::Write, |credential| {
            self.counters.writes.fetch_add(1, Ordering::Relaxed);
            let secrets = credential.secrets();
            let answer = self.send(call, credential).and_then(|answer| whole(answer, secrets))?;
            Ok(answer.map(|answer| Answer { body: secrets.hide_in(answer.body), ..answer }))
        });
        match answer {
            Ok(answer) if is_page(&answer.body) => Err(not_the_service(answer.status, &answer.body)),
            Err(Failure::Refused { status, text }) if status != 401 && is_page(text.as_bytes()) => {
                Err(not_the_service(status, text.as_bytes()))
            }
            other => other,
        }
    }

    /// Sends a form to a token endpoint, without a credential. It keeps to the pace within the slot that its
    /// caller holds, and is repeated as a write is.
    ///
    /// # Errors
    /// As [`Client::write`].
    pub fn exchange(&self, url: &str, form: &SecretString) -> Result<Answer, Failure> {
        let secrets = Secrets::of_form(form.expose_secret());
        self.attempts(Nature::Write, || {
            self.pace.turn(&self.stop).ok_or(Failure::Stopped)?;
            let body = form.expose_secret().as_bytes().to_vec();
            let length = body.len();
            let request = ureq::http::Request::builder()
                .method("POST")
                .uri(url)
                .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
                .header("Content-Length", length)
                .body(ureq::SendBody::from_owned_reader(std::io::Cursor::new(body)));
            Ok(self.transmit(request, url, ORDINARY).and_then(|answer| whole(answer, &secrets)))
        })
    }

    /// Tries with a slot and a credential each time. A request that was refused because its token had expired is
    /// sent again with the next one; the service did nothing with it.
    fn admitted<T>(
        &self,
        nature: Nature,
        mut attempt_once: impl FnMut(&Credential) -> Result<Result<T, Refusal>, Observed>,
    ) -> Result<T, Failure> {
        self.attempts(nature, || {
            let _slot = self.pace.slot(&self.stop).ok_or(Failure::Stopped)?;
            for renewals in 0.. {
                let credential = self.authorize.credential(self)?;
                self.pace.turn(&self.stop).ok_or(Failure::Stopped)?;
                if renewals > 0 {
                    self.counters.retries.fetch_add(1, Ordering::Relaxed);
                }
                let hide = |why| credential.secrets().hide(why);
                let ended = attempt_once(&credential).map_err(|observed| observed.in_words(hide));
                match &ended {
                    Ok(Err(Refusal { status, text, .. })) if renewals < RENEWALS => {
                        if !self.authorize.renew(&credential, *status, text, self)? {
                            return Ok(ended);
                        }
                    }
                    Ok(Ok(_)) => {
                        credential.accept();
                        return Ok(ended);
                    }
                    _ => return Ok(ended),
                }
            }
            Err(Failure::Stopped)
        })
    }

    /// Tries until the decision is made. The innermost result is a refusal that stands.
    fn attempts<T>(
        &self,
        nature: Nature,
        mut attempt_once: impl FnMut() -> Result<Result<Result<T, Refusal>, Observed>, Failure>,
    ) -> Result<T, Failure> {
        let mut slowdowns = 0;
        for attempt in 1.. {
            if attempt > 1 {
                self.counters.retries.fetch_add(1, Ordering::Relaxed);
            }
            let (observed, refusal) = match attempt_once()? {
                Ok(Ok(value)) => {
                    self.pace.recover();
                    return Ok(value);
                }
                Ok(Err(refusal)) => (Observed::Status(refusal.status, refusal.retry_after), Some(refusal)),
                Err(observed) => (observed, None),
            };
            slowdowns += u32::from(matches!(observed, Observed::Status(429, _)));
            match decide(nature, &observed, attempt, slowdowns, &self.patience, fastrand::f64()) {
                Decision::Done => return Err(standing(refusal)),
                Decision::GiveUp(why) => {
                    let words = refusal.and_then(|refusal| words(&refusal.text));
                    return Err(Failure::GaveUp(
                        words.map_or(why.clone(), |words| format!("{why}: {words}")),
                    ));
                }
                Decision::MaybeApplied(why) => {
                    self.pace.back_off();
                    let status = refusal.as_ref().map(|refusal| refusal.status);
                    let text = refusal.map(|refusal| refusal.text).filter(|text| !text.is_empty());
                    let why = text.map_or_else(|| why.clone(), |text| format!("{why}: {text}"));
                    return Err(Failure::MaybeApplied { why, status });
                }
                Decision::Wait { time, everybody } => {
                    self.pace.back_off();
                    if everybody {
                        self.pace.pause(time, &self.stop);
                    } else if self.stop.wait(time) {
                        return Err(Failure::Stopped);
                    }
                }
            }
        }
        Err(Failure::Stopped)
    }

    /// Sends a request; a read goes where the service sends it on to, as long as that is the service itself.
    fn send(&self, call: &Call, credential: &Credential) -> Result<(Head, Response), Observed> {
        let mut url = call.url.clone();
        let mut left = if call.method == "GET" { REDIRECTS } else { 0 };
        loop {
            let (head, response) = self.transmit(request(call, &url, credential), &url, call.timeout)?;
            match next_address(&url, &head, &response).filter(|_| left > 0) {
                Some(next) => url = next,
                None => return Ok((head, response)),
            }
            left -= 1;
            let stopped = || Observed::NotSent("stopped on request".to_owned());
            self.pace.turn(&self.stop).ok_or_else(stopped)?;
        }
    }

    fn transmit(
        &self,
        request: Result<Request, ureq::http::Error>,
        url: &str,
        timeout: Duration,
    ) -> Result<(Head, Response), Observed> {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let request =
            request.map_err(|error| Observed::Hopeless(format!("the request cannot be built: {error}")))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_per_write(Some(timeout))
            .timeout_global(Some(timeout * 10));
        // A proxy for the way out, as `HTTP_PROXY` names it, cannot reach a service on this machine.
        let request = if is_loopback(url) { request.proxy(None) } else { request };
        let answer = self.agent.run(request.build()).map_err(|error| observe(&error))?;
        let header =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        let date = http_date(header("date"));
        if let Some(date) = date {
            let skew = date.as_millisecond() - Timestamp::now().as_millisecond();
            *lock(&self.counters.skew) = Some(skew);
        }
        let content_type = header("content-type").to_owned();
        Ok((Head { status: answer.status().as_u16(), date, content_type }, answer))
    }
}

type Request = ureq::http::Request<ureq::SendBody<'static>>;

fn request(call: &Call, url: &str, credential: &Credential) -> Result<Request, ureq::http::Error> {
    let mut request = ureq::http::Request::builder()
        .method(call.method)
        .uri(url)
        .header("Authorization", credential.header())
        .header("Accept", "application/json")
        .header("Content-Type", "application/json");
    let body = match &call.body {
        Some(body) => {
            request = request.header("Content-Length", body.len());
            ureq::SendBody::from_owned_reader(std::io::Cursor::new(body.clone()))
        }
        None => ureq::SendBody::none(),
    };
    request.body(body)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
