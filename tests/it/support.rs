//! What every test stands on: a folder of its own, a simulator of its own, and the command.
//!
//! Nothing is shared between tests, so they run side by side: the simulator takes any free port, and state,
//! locks and working folder of the command lie in the test's folder. Waiting is always for a condition.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crm_ferry::sim::{Options, Scenario, Simulator};
use serde_json::Value;
use tempfile::TempDir;

/// No condition is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, a simulator and the environment of the command.
pub(crate) struct Rehearsal {
    folder: TempDir,
    simulator: Simulator,
    agent: ureq::Agent,
    environment: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The exit code; -1 when a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What is replaced in the transcript, and by what.
    hidden: Vec<(String, String)>,
}

/// A command that is running; its output lies in files, so that it never waits for a reader.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    hidden: Vec<(String, String)>,
}

/// A request as the simulator saw it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Unix milliseconds of its arrival.
    pub(crate) ms: i64,
    pub(crate) method: String,
    /// Below the service's root.
    pub(crate) path: String,
    pub(crate) query: String,
    /// 0 when it was never answered.
    pub(crate) status: u64,
    /// The faults laid over it, joined by commas.
    pub(crate) fault: String,
    pub(crate) body: Option<String>,
}

impl Rehearsal {
    /// A simulator with a scenario's text; an empty text is two calm, empty services.
    pub(crate) fn new(scenario: &str) -> Self {
        Self::generated(scenario, 0)
    }

    /// The same with so many generated records in each service.
    pub(crate) fn generated(scenario: &str, records: usize) -> Self {
        let scenario = Scenario::parse(scenario).unwrap();
        let options = Options { scenario, generate: records, seed: 7, ..Options::default() };
        let simulator = Simulator::start(options).unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut rehearsal =
            Self { folder: TempDir::new().unwrap(), simulator, agent, environment: Vec::new() };
        rehearsal.set_environment();
        rehearsal
    }

    fn set_environment(&mut self) {
        let greeting = self.simulator.greeting_json();
        let text = |key: &str| greeting[key].as_str().unwrap().to_owned();
        let home = self.folder.path().display().to_string();
        for (name, value) in [
            ("FERRY_NIMBLE_URL", text("nimble")),
            ("FERRY_NIMBLE_TOKEN", text("nimble_token")),
            ("FERRY_NETHUNT_URL", text("nethunt")),
            ("FERRY_NETHUNT_EMAIL", text("nethunt_email")),
            ("FERRY_NETHUNT_KEY", text("nethunt_key")),
            ("FERRY_NIMBLE_RATE", "none".into()),
            ("FERRY_NETHUNT_RATE", "none".into()),
            ("FERRY_SETTLE", "300ms".into()),
            ("HOME", home.clone()),
            ("XDG_STATE_HOME", format!("{home}/state")),
            ("XDG_CONFIG_HOME", format!("{home}/config")),
        ] {
            self.environment.push((name.to_owned(), value));
        }
    }

    /// Sets a variable of the command's environment.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a variable out of the command's environment.
    #[allow(dead_code, reason = "for tests that need it")]
    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// A path in the test's folder, which is the command's working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Reads a text file of the folder.
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.folder.path().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    }

    /// The simulator's address.
    pub(crate) fn root(&self) -> String {
        self.simulator.root()
    }

    /// The command, ready to be run; for what [`Rehearsal::ferry`] does not cover.
    pub(crate) fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferry"));
        let inherited = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FERRY_"));
        for (name, _) in inherited {
            command.env_remove(name);
        }
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the command to its end.
    pub(crate) fn ferry<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Output {
        self.spawn(args).wait()
    }

    /// Runs the command with `--json` to its end: [`Output::summary`] then has something to read.
    pub(crate) fn json<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Output {
        self.spawn_with(self.command(args).arg("--json")).wait()
    }

    /// Starts the command and does not wait for it.
    pub(crate) fn spawn<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Running {
        self.spawn_with(&mut self.command(args))
    }

    /// Starts a prepared command and does not wait for it.
    pub(crate) fn spawn_with(&self, command: &mut Command) -> Running {
        let file = |suffix: &str| {
            let named =
                tempfile::Builder::new().prefix(".out-").suffix(suffix).tempfile_in(self.folder.path());
            named.unwrap().into_temp_path().keep().unwrap()
        };
        let (stdout, stderr) = (file(".stdout"), file(".stderr"));
        command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let child = command.spawn().unwrap();
        let hidden = vec![
            (self.folder.path().display().to_string(), "FOLDER".to_owned()),
            (self.root(), "ROOT".to_owned()),
            (self.root().trim_start_matches("http://").to_owned(), "HOST".to_owned()),
        ];
        Running { child, stdout, stderr, hidden }
    }

    /// All requests so far.
    pub(crate) fn ledger(&self) -> Vec<Entry> {
        self.ledger_since(0)
    }

    /// The requests after the first so many.
    pub(crate) fn ledger_since(&self, count: usize) -> Vec<Entry> {
        let entries = self.get(&format!("/ledger?since={count}"));
        entries.as_array().unwrap().iter().map(entry).collect()
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> usize {
        number(&self.get("/ledger/summary")["requests"])
    }

    /// How many requests had an effect, such as `create`.
    pub(crate) fn effects(&self, effect: &str) -> usize {
        number(&self.get("/ledger/summary")["by_effect"][effect])
    }

    /// Requests after the first so many that were made to change something.
    pub(crate) fn writes_since(&self, count: usize) -> Vec<Entry> {
        self.ledger_since(count).into_iter().filter(Entry::is_write).collect()
    }

    /// Everything in both services.
    pub(crate) fn state(&self) -> Value {
        self.get("/state")
    }

    /// The simulated Nimble's contacts.
    pub(crate) fn contacts(&self) -> Vec<Value> {
        self.state()["nimble"]["contacts"].as_array().unwrap().clone()
    }

    /// The records of a folder of the simulated NetHunt, as its API shows them.
    pub(crate) fn records(&self, folder: &str) -> Vec<Value> {
        self.get(&format!("/nethunt/records/{folder}")).as_array().unwrap().clone()
    }

    /// Puts other faults in force: TOML with `[[fault]]` tables; an empty text ends all faults.
    pub(crate) fn faults(&self, toml: &str) {
        self.post("/faults", toml);
    }

    /// An answer of the simulator's admin surface; `path` is below `/_sim`.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(format!("{}/_sim{path}", self.root())).call().unwrap();
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Sends something to the simulator's admin surface; `path` is below `/_sim`.
    pub(crate) fn post(&self, path: &str, body: &str) -> Value {
        let mut answer = self.agent.post(format!("{}/_sim{path}", self.root())).send(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// A request to one of the services, past Ferry: as somebody else who works in the account.
    pub(crate) fn service(&self, method: &str, path: &str, body: &Value) -> Value {
        let greeting = self.simulator.greeting_json();
        let login = if path.starts_with("/zapier") {
            "Basic c2ltQGV4YW1wbGUub3JnOnNpbS1rZXk=".to_owned()
        } else {
            format!("Bearer {}", greeting["nimble_token"].as_str().unwrap())
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.root()))
            .header("Authorization", login)
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .unwrap();
        let mut answer = self.agent.run(request).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {} {text}", answer.status());
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The folders of the runs, the oldest first.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let listed = self.json(["runs", "list"]);
        listed
            .objects()
            .iter()
            .map(|run| self.path(".ferry/runs").join(run["run"].as_str().unwrap()))
            .collect()
    }

    /// Waits until `condition` holds; panics with `what` when it does not in a minute.
    pub(crate) fn wait_until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Output {
    /// The run's summary: the last line of stdout, or of stderr where data went to stdout.
    pub(crate) fn summary(&self) -> Value {
        let last = |text: &str| text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let of = |text| last(text).filter(|object| object.get("status").is_some());
        of(&self.stdout).or_else(|| of(&self.stderr)).unwrap_or_else(|| panic!("{}", self.transcript()))
    }

    /// A number of the summary.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.summary()[key].as_u64().unwrap_or_else(|| panic!("no `{key}`: {}", self.transcript()))
    }

    /// The JSON objects on stdout.
    pub(crate) fn objects(&self) -> Vec<Value> {
        let object = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{}", self.transcript()));
        self.stdout.lines().map(object).collect()
    }

    /// Fails the test when the exit code is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.transcript());
        self
    }

    /// Exit code and both outputs; what differs from run to run (folder, address, names of runs, times) is
    /// replaced, so that transcripts can be compared.
    pub(crate) fn transcript(&self) -> String {
        let mut text = format!("exit: {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr);
        for (secret, name) in &self.hidden {
            text = text.replace(secret, name);
        }
        for (pattern, name) in [
            (r"\b\d{8}-\d{4}-[a-z]+-[a-z0-9-]+-[a-z0-9]{4}\b", "RUN"),
            (r#""seconds":[0-9.e-]+"#, r#""seconds":0"#),
            (r"after \d+(\.\d+)? ?m?s\b", "after TIME"),
            (r"process \d+", "process PID"),
        ] {
            text = regex::Regex::new(pattern).unwrap().replace_all(&text, name).into_owned();
        }
        text
    }
}

impl Running {
    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Output {
        let status = self.child.wait().unwrap();
        let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        Output {
            code: status.code().unwrap_or(-1),
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
            hidden: std::mem::take(&mut self.hidden),
        }
    }

    /// Ends it as a power cut would (`kill -9`); false when it had ended before.
    pub(crate) fn kill_9(mut self) -> bool {
        let was_running = self.child.try_wait().unwrap().is_none();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        was_running
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal by name: `INT`, `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails must not leave a process behind; one that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Entry {
    /// Whether it was made to change something.
    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

fn entry(value: &Value) -> Entry {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Entry {
        ms: value["ms"].as_i64().unwrap(),
        method: text("method"),
        path: text("path"),
        query: text("query"),
        status: value["status"].as_u64().unwrap(),
        fault: text("fault"),
        body: value["body"].as_str().map(str::to_owned),
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().map_or(0, |number| usize::try_from(number).unwrap())
}
