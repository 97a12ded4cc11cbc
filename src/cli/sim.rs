//! `ferry sim`: the simulator of both CRMs in the foreground, until it is told to stop.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::sim::{Options, Scenario, Simulator};

/// How soon a signal is noticed.
const WATCH_EVERY: Duration = Duration::from_millis(50);

/// Run the simulator of Nimble and NetHunt on this machine, for trials and rehearsals
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ferry sim --generate 500                              500 invented contacts in each service
  ferry sim --scenario samples/scenarios/flaky.toml     a bad day, the same each time
  ferry sim --state rehearsal.json --port 0 --json      for scripts: the address is in the first line")]
pub(crate) struct SimArgs {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "P", default_value_t = 4711)]
    port: u16,
    /// Scenario file: what the services are like and what goes wrong
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Fill each service with so many invented contacts
    #[arg(long, value_name = "N", default_value_t = 0)]
    generate: usize,
    /// Seed of everything random: same seed, same records, same faults
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Keep the state in this file; it is loaded at start when it exists
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// Starts the simulator, prints how to reach it, and waits for SIGINT or SIGTERM.
///
/// # Errors
/// When the scenario or the state cannot be read, the port is taken, or the state cannot be written.
pub(crate) fn run(args: SimArgs, json: bool, out: &mut dyn Write) -> Result<(), String> {
    let SimArgs { port, scenario, generate, seed, state } = args;
    // Before anything else: a signal must find its flag, or the state would be lost.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&stop))
            .map_err(|why| format!("cannot watch for signals: {why}"))?;
    }
    let scenario = scenario.map_or_else(|| Ok(Scenario::default()), |path| Scenario::load(&path))?;
    let simulator = Simulator::start(Options { port, scenario, state, generate, seed })?;
    let greeting = if json { format!("{}\n", simulator.greeting_json()) } else { simulator.greeting_shell() };
    out.write_all(greeting.as_bytes()).and_then(|()| out.flush()).map_err(|why| why.to_string())?;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(WATCH_EVERY);
    }
    let saved = simulator.save();
    simulator.stop();
    saved
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Lines(Sender<Vec<u8>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_greeting_comes_first_and_a_signal_saves_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("sim.json");
        let args = SimArgs { port: 0, scenario: None, generate: 20, seed: 1, state: Some(state.clone()) };
        let (sender, lines) = channel();
        let simulator = std::thread::spawn(move || run(args, true, &mut Lines(sender)));
        let greeting: serde_json::Value = serde_json::from_slice(&lines.recv().unwrap()).unwrap();
        let url = format!("{}/contacts?access_token=sim-token", greeting["nimble"].as_str().unwrap());
        let body = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
        assert!(body.contains("\"total\":20"), "{body}");
        signal_hook::low_level::raise(SIGTERM).unwrap();
        simulator.join().unwrap().unwrap();
        let saved = std::fs::read_to_string(state).unwrap();
        assert!(saved.starts_with("{\"nimble\":"));
    }

    #[test]
    fn a_state_that_cannot_be_kept_or_read_is_an_error_at_start_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("bad.json");
        std::fs::write(&bad, r#"{"nimble":{"contacts":7},"nethunt":{}}"#).unwrap();
        for (file, word) in [(bad, "bad.json` is not"), (folder.path().join("no/such.json"), "no/such.json`")]
        {
            let args = SimArgs { port: 0, scenario: None, generate: 0, seed: 1, state: Some(file) };
            let error = run(args, false, &mut Vec::new()).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_bad_scenario_is_an_error_that_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        std::fs::write(&file, "[nimble]\nindex_delay = 5\n").unwrap();
        let args = SimArgs { port: 0, scenario: Some(file), generate: 0, seed: 1, state: None };
        let error = run(args, false, &mut Vec::new()).unwrap_err();
        assert!(error.contains("s.toml:2: unknown field `index_delay`"), "{error}");
    }
}
