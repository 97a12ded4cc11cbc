//! What the checkpoint's durability costs: an import into the simulator with the checkpoint as it is, and with one
//! that waits for no disk. `cargo bench --bench durability` prints both and their ratio, and fails below 80 %.
//!
//! This program is its own `ferry`: it starts itself with the arguments of an import, and gives up durability first
//! where it is told to. The command itself cannot be told so.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench: whoever fails, fails loudly")]

use crm_ferry::sim::{Options, Simulator};
use std::fmt::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Says to the started program what it is.
const ROLE: &str = "DURABILITY_BENCH_ROLE";
/// Long enough that the start of a run, some thirty synchronisations whatever its size, does not count.
const ROWS: usize = 10_000;
/// Each way is measured so often, by turns; the best counts.
const ROUNDS: usize = 5;
const MAPPING: &str = "[mapping]\nkey = [\"Email\"]\n[[field]]\nto = \"Name\"\nfrom = \"name\"\n\
                       [[field]]\nto = \"Email\"\nfrom = \"email\"\nmulti = true\n";

fn main() -> ExitCode {
    match std::env::var(ROLE).as_deref() {
        Ok("durable") => return ExitCode::from(crm_ferry::cli::main()),
        Ok("hasty") => {
            crm_ferry::run::checkpoint::give_up_durability();
            return ExitCode::from(crm_ferry::cli::main());
        }
        _ => {}
    }
    let rows = std::env::var("FERRY_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROWS);
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (best, role) in best.iter_mut().zip(["durable", "hasty"]) {
            *best = (*best).min(import(rows, role));
        }
    }
    let speed = |time: Duration| rows as f64 / time.as_secs_f64();
    let [durable, hasty] = best.map(speed);
    let ratio = durable / hasty;
    println!(
        "{rows} rows: {durable:.0} rows/s durable, {hasty:.0} rows/s without, ratio {:.0} %",
        ratio * 100.0
    );
    if ratio < 0.8 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How long an import of so many rows takes.
fn import(rows: usize, role: &str) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let simulator = Simulator::start(Options::default()).unwrap();
    let greeting = simulator.greeting_json();
    let text = |key: &str| greeting[key].as_str().unwrap().to_owned();
    let mut file = "name,email\n".to_owned();
    (0..rows).for_each(|row| writeln!(file, "Row {row},row{row}@x.example").unwrap());
    std::fs::write(folder.path().join("rows.csv"), file).unwrap();
    std::fs::write(folder.path().join("map.toml"), MAPPING).unwrap();
    let began = Instant::now();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["import", "rows.csv", "nethunt:Contacts", "-m", "map.toml", "--yes", "--no-verify", "-q"])
        .current_dir(folder.path())
        .env(ROLE, role)
        .env("FERRY_NETHUNT_URL", text("nethunt"))
        .env("FERRY_NETHUNT_EMAIL", text("nethunt_email"))
        .env("FERRY_NETHUNT_KEY", text("nethunt_key"))
        .env("FERRY_NETHUNT_RATE", "none")
        .env("HOME", folder.path())
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{role}: {status}");
    began.elapsed()
}
