//! The socket: HTTP/1.1 on the loopback address, and the carrying out of what a fault's verdict says.
//!
//! One thread, one asynchronous runtime; the engine is asked under a lock that is never held while waiting. A
//! request whose client goes away while it waits is dropped, as a real service's would be, unless a late
//! commit was ordered for it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::time::sleep;
use url::form_urlencoded;

use crate::sim::admin;
use crate::sim::engine::{Engine, Target, locked};
use crate::sim::exchange::{Reply, Request};
use crate::sim::faults::{Action, Verdict};
use crate::sim::wire::{Damage, Doorway, Wire};

/// The largest request body that is read.
const BODY_LIMIT: usize = 64 << 20;
/// The state file is written at most so often.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Into so many pieces a slow answer is cut.
const SLOW_PIECES: u64 = 20;
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n\
                    <body><center><h1>502 Bad Gateway</h1></center><hr></body></html>\n";

type Shared = Arc<Mutex<Engine>>;

/// Stops the server when it is dropped.
#[derive(Debug)]
pub(crate) struct Stopper {
    _sender: tokio::sync::oneshot::Sender<()>,
}

/// Binds the port and answers on a thread of its own.
///
/// # Errors
/// When the port is taken or no thread can be made.
pub(crate) fn start(port: u16, engine: Shared) -> Result<(SocketAddr, Stopper, JoinHandle<()>), String> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|why| format!("cannot listen on 127.0.0.1:{port}: {why}"))?;
    let address = listener.local_addr().map_err(|why| why.to_string())?;
    listener.set_nonblocking(true).map_err(|why| why.to_string())?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    let (sender, stopped) = tokio::sync::oneshot::channel::<()>();
    let serve = move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            tokio::spawn(save_now_and_then(Arc::clone(&engine)));
            let router = Router::new().fallback(answer).with_state(engine);
            let service = router.into_make_service_with_connect_info::<Wire>();
            tokio::spawn(async move { axum::serve(Doorway(listener), service).await });
            // Either way of ending means stop: the sender is only ever dropped.
            let _ = stopped.await;
        });
    };
    let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(serve);
    Ok((address, Stopper { _sender: sender }, thread.map_err(|why| why.to_string())?))
}

async fn save_now_and_then(engine: Shared) {
    let mut pause = SAVE_EVERY;
    loop {
        sleep(pause).await;
        let started = Instant::now();
        // A full disk is reported when the simulator stops; until then the next round may succeed.
        let _ = locked(&engine).save();
        // A large state takes long to write, and nobody is answered meanwhile: at most a tenth of the time.
        pause = SAVE_EVERY.max(started.elapsed() * 10);
    }
}

async fn answer(State(engine): State<Shared>, request: axum::extract::Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let wire = head.extensions.get::<ConnectInfo<Wire>>().map(|info| info.0.clone()).unwrap_or_default();
    wire.order(Damage::None);
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return response(Reply::text(413, "the request body is too large or broke off"), None);
    };
    let (path, request) = read(&head, body.to_vec());
    if let Some(path) = below("/_sim", &path) {
        return response(admin::answer(&mut locked(&engine), &Request { path, ..request }), None);
    }
    let Some((target, path)) = addressee(&path) else {
        return response(Reply::text(404, "no service here"), None);
    };
    let query = head.uri.query().unwrap_or_default().to_owned();
    let clock = Shared::clone(&engine);
    let mut response = disturbed(engine, wire, target, Request { path, ..request }, &query).await;
    if let Some(date) = locked(&clock).date().and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// Whom a request is for, and the path as that service sees it. Nimble's OAuth lies beside its API, at the
/// host's root (reference, OAuth 2.0).
fn addressee(path: &str) -> Option<(Target, String)> {
    if let Some(path) = below("/api/v1/zapier", path) {
        return Some((Target::NetHunt, path));
    }
    let is_oauth = |path: &str| ["/oauth", "/api/oauth"].iter().any(|root| below(root, path).is_some());
    if is_oauth(path) {
        return Some((Target::Nimble, path.to_owned()));
    }
    below("/api/v1", path).filter(|path| !is_oauth(path)).map(|path| (Target::Nimble, path))
}

/// What follows `root` in a path, if it lies there.
fn below(root: &str, path: &str) -> Option<String> {
    let rest = path.strip_prefix(root)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| if rest.is_empty() { "/" } else { rest }.to_owned())
}

/// Answers a service's request as its verdict says.
async fn disturbed(
    engine: Shared,
    wire: Wire,
    target: Target,
    request: Request,
    query: &str,
) -> Response<Body> {
    let (seq, verdict) = locked(&engine).arrive(target, &request, query);
    if verdict.delay_ms > 0 {
        sleep(Duration::from_millis(verdict.delay_ms)).await;
    }
    let cut = |wire: &Wire| {
        wire.order(Damage::Cut);
        response(Reply::text(500, ""), None)
    };
    let refused = || locked(&engine).refusal(target, verdict.status, verdict.is_usual);
    let before = match verdict.action {
        Action::Refuse => Some(refused()),
        Action::Html => Some(html(verdict.status)),
        Action::CloseBefore => return cut(&wire),
        Action::LateCommit => {
            let late = Duration::from_millis(verdict.ms);
            tokio::spawn(async move {
                sleep(late).await;
                locked(&engine).commit(seq, target, &request);
            });
            return cut(&wire);
        }
        _ => None,
    };
    let reply = match before {
        Some(reply) => reply,
        None => {
            let reply = locked(&engine).commit(seq, target, &request);
            match after(&verdict, &wire, refused, reply) {
                Some(reply) => reply,
                None => return cut(&wire),
            }
        }
    };
    locked(&engine).ledger.answered(seq, reply.status);
    response(reply, verdict.retry_after.as_deref())
}

/// What becomes of an answer after the service's work is done; none: the connection is closed.
fn after(verdict: &Verdict, wire: &Wire, refused: impl Fn() -> Reply, mut reply: Reply) -> Option<Reply> {
    match verdict.action {
        Action::CloseAfter => return None,
        Action::ErrorAfter => reply = refused(),
        Action::Empty => reply.body.clear(),
        Action::Truncate => wire.order(Damage::CutBody(reply.body.len() / 2)),
        Action::Slow => {
            let piece = reply.body.len().div_ceil(20).max(1);
            wire.order(Damage::Slow(piece, Duration::from_millis(verdict.ms / SLOW_PIECES)));
        }
        _ => {}
    }
    Some(reply)
}

fn html(status: u16) -> Reply {
    Reply { content_type: "text/html", ..Reply::text(status, HTML) }
}

/// The decoded path, and the request with everything else.
fn read(head: &Parts, body: Vec<u8>) -> (String, Request) {
    // A slash that is escaped is no slash of the path.
    let escaped = head.uri.path().replace("%2f", "%252F").replace("%2F", "%252F");
    let mut path = percent_decoded(&escaped);
    if path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    let query = head.uri.query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: String::new(),
        query,
        headers: headers.collect(),
        body,
    };
    (path, request)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        out.push(escaped.unwrap_or(bytes[index]));
        index += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn response(reply: Reply, retry_after: Option<&str>) -> Response<Body> {
    let location = (reply.status == 302).then(|| HeaderValue::from_bytes(&reply.body).ok()).flatten();
    let mut response = Response::new(Body::from(reply.body));
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if let Some(value) = retry_after.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sim::{Options, Scenario, Simulator};

    struct Client {
        simulator: Simulator,
        agent: ureq::Agent,
    }

    impl Client {
        fn new(scenario: &str) -> Self {
            let scenario = Scenario::parse(scenario).unwrap();
            let simulator = Simulator::start(Options { scenario, ..Options::default() }).unwrap();
            let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            Self { simulator, agent }
        }

        fn call(&self, method: &str, path: &str, body: &Value) -> Result<(u16, String), ureq::Error> {
            let request = ureq::http::Request::builder()
                .method(method)
                .uri(format!("{}{path}", self.simulator.root()))
                .header("Authorization", "Bearer sim-token");
            let mut answer = if body.is_null() {
                self.agent.run(request.body(()).unwrap())?
            } else {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())?
            };
            Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
        }

        fn get(&self, path: &str) -> (u16, Value) {
            let (status, body) = self.call("GET", path, &Value::Null).unwrap();
            (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
        }

        fn create(&self, name: &str) -> Result<(u16, String), ureq::Error> {
            let body = json!({"record_type": "person", "fields": {"first name": [{"value": name}]}});
            self.call("POST", "/api/v1/contact/", &body)
        }

        fn total(&self) -> Value {
            self.get("/api/v1/contacts").1["meta"]["total"].clone()
        }
    }

    #[test]
    fn contacts_go_in_and_come_out_over_the_socket() {
        let client = Client::new("");
        assert_eq!(client.create("Ada").unwrap().0, 201);
        let (status, list) = client.get("/api/v1/contacts/?keyword=ada&tags=0");
        assert_eq!((status, &list["meta"]["total"]), (200, &json!(1)));
        for path in
            ["contacts/x/y", "contacts%2Fids", "contacts%2fids", "/contacts", "contacts//", "contacts//ids"]
        {
            assert_eq!(client.get(&format!("/api/v1/{path}")).0, 404, "{path}");
        }
        assert_eq!(client.get("/nowhere").0, 404);
        let ledger = client.get("/_sim/ledger?since=0").1;
        assert_eq!(ledger[0]["effect"], "create");
        assert_eq!(ledger[0]["answered"], true);
        assert_eq!(ledger[0]["path"], "/contact");
        assert_eq!(client.get("/_sim/ledger/summary").1["by_effect"]["create"], 1);
    }

    #[test]
    fn without_the_token_every_path_is_401() {
        let client = Client::new("");
        for path in ["/api/v1/contacts", "/api/v1/no/such"] {
            let answer = client.agent.get(format!("{}{path}", client.simulator.root())).call().unwrap();
            assert_eq!(answer.status().as_u16(), 401);
            let url = format!("{}{path}?access_token=sim-token", client.simulator.root());
            assert_ne!(client.agent.get(url).call().unwrap().status().as_u16(), 401);
        }
    }

    #[test]
    fn each_fault_happens_before_or_after_the_commit_as_its_kind_says() {
        for (kind, status, stored) in [
            ("error_before_commit", Some(500), 0),
            ("html", Some(502), 0),
            ("unauthorized", Some(401), 0),
            ("quota", Some(402), 0),
            ("too_many_requests", Some(429), 0),
            ("down", Some(503), 0),
            ("lost_request", None, 0),
            ("error_after_commit", Some(500), 1),
            ("lost_answer", None, 1),
            ("truncated_body", None, 1),
            ("empty_body", Some(201), 1),
            ("slow_body\"\nslow_ms = \"40", Some(201), 1),
        ] {
            let kind = kind.replace("\"40", "40");
            let quote = if kind.contains('\n') { "" } else { "\"" };
            let client = Client::new(&format!("[[fault]]\nmethod = \"POST\"\nkind = \"{kind}{quote}\n"));
            let answer = client.create("Ada").ok().map(|(status, _)| status);
            assert_eq!(answer, status, "{kind}");
            assert_eq!(client.total(), json!(stored), "{kind}");
        }
    }

    #[test]
    fn what_a_fault_answers_follows_the_settings_of_the_service() {
        let client = Client::new("[nimble]\nprofile = \"current\"\n[nethunt]\nerror_body = \"json\"\n");
        for (rule, status, words) in [
            (json!({"kind": "unauthorized"}), 403, "Can't authenticate request"),
            (json!({"kind": "unauthorized", "status": 401}), 401, "invalid_token"),
            (json!({"kind": "quota"}), 402, "number_of_contacts"),
            (json!({"kind": "error_before_commit"}), 500, "Internal error handling request"),
        ] {
            assert_eq!(client.call("POST", "/_sim/faults", &json!([rule])).unwrap().0, 200);
            let (answered, body) = client.call("GET", "/api/v1/myself", &Value::Null).unwrap();
            assert!(answered == status && body.contains(words), "{rule}: {answered} {body}");
        }
        for (kind, status, text) in [
            ("unauthorized", 401, "Your email address or API key does not appear to be valid"),
            ("quota", 402, "x-simulated: the plan does not allow more"),
            ("error_before_commit", 500, "x-simulated: internal server error"),
        ] {
            let rules = json!([{"kind": kind}]);
            assert_eq!(client.call("POST", "/_sim/faults", &rules).unwrap().0, 200);
            let answer = client.get("/api/v1/zapier/triggers/auth-test");
            assert_eq!(answer, (status, json!({"error": text})));
        }
    }

    #[test]
    fn a_late_commit_comes_after_the_connection_is_gone() {
        let client =
            Client::new("[[fault]]\nmethod = \"POST\"\nkind = \"late_commit\"\nlate_commit_ms = 150\n");
        assert!(client.create("Ada").is_err());
        assert_eq!(client.total(), json!(0));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while client.total() != json!(1) {
            assert!(std::time::Instant::now() < deadline, "never committed");
        }
        let ledger = client.get("/_sim/ledger").1;
        assert_eq!(ledger[0]["effect"], "create");
        assert_eq!(ledger[0]["answered"], false);
    }

    #[test]
    fn faults_can_be_set_and_cleared_while_it_runs() {
        let client = Client::new("");
        let rules = json!([{"kind": "too_many_requests", "retry_after": 3}]);
        assert_eq!(client.call("POST", "/_sim/faults", &rules).unwrap().0, 200);
        let url = format!("{}/api/v1/myself", client.simulator.root());
        let answer = client.agent.get(url).call().unwrap();
        assert_eq!(answer.status().as_u16(), 429);
        assert_eq!(answer.headers()["retry-after"], "3");
        assert!(answer.headers().contains_key("date"));
        assert_eq!(client.call("POST", "/_sim/faults", &json!([])).unwrap().0, 200);
        assert_eq!(client.get("/api/v1/myself").0, 200);
    }

    #[test]
    fn drift_changes_the_account_between_reads_and_tells_what_it_did() {
        let client = Client::new(
            "generate = 20\n[drift]\nservice = \"nimble\"\nevery = 2\ninserts = 3\ndeletes = 1\nupdates = 1\n",
        );
        let totals: Vec<Value> = (0..12).map(|_| client.total()).collect();
        assert_eq!((&totals[0], &totals[11]), (&json!(20), &json!(22)));
        let done = client.get("/_sim/drift").1["done"].clone();
        assert_eq!(done.as_array().unwrap().len(), 5);
        assert_eq!(client.call("POST", "/_sim/reset?empty=1", &Value::Null).unwrap().0, 200);
        assert_eq!(client.total(), json!(0));
        assert_eq!(client.get("/_sim/ledger").1.as_array().unwrap().len(), 1);
    }

    #[test]
    fn the_state_file_brings_everything_back() {
        let folder = tempfile::tempdir().unwrap();
        let options = || Options { state: Some(folder.path().join("sim.json")), ..Options::default() };
        let agent = || ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let first = Client { simulator: Simulator::start(options()).unwrap(), agent: agent() };
        first.create("Ada").unwrap();
        let before = first.get("/api/v1/contacts").1;
        first.simulator.stop();
        let second = Client { simulator: Simulator::start(options()).unwrap(), agent: agent() };
        assert_eq!(second.get("/api/v1/contacts").1, before);
        second.create("Bob").unwrap();
        assert_eq!(second.total(), json!(2));
    }
}
