//! How fast a file is cleaned, and in how much memory: rows of 12 columns from CSV to CSV through a mapping with
//! phone numbers, countries, dates and names. `cargo bench --bench clean` prints rows a second and the most memory
//! that the program ever held.
//!
//! This program is its own `ferry`: it starts itself with the arguments of an export, and notes what memory that
//! took when it is done.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench: whoever fails, fails loudly")]

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The allocator that the command has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Says to the started program what it is, and where to note its memory.
const ROLE: &str = "CLEAN_BENCH_NOTE";
/// It is measured so often; the best counts.
const ROUNDS: usize = 3;
const HEADER: &str = "Contact ID,Name,E-mail,Phone,Company,Street,Zip,City,Country,Birthday,Created,Notes\n";
const MAPPING: &str = r#"
[mapping]
on_error = "keep"
[[field]]
to = "contact_id"
from = "Contact ID"
[[field]]
to = "first_name"
from = "Name"
do = [{ name = "given" }]
[[field]]
to = "last_name"
from = "Name"
do = [{ name = "family" }]
[[field]]
to = "email"
from = "E-mail"
do = ["lowercase", "email"]
[[field]]
to = "phone"
from = "Phone"
do = [{ phone = { format = "e164", region_from = "Country" } }]
[[field]]
to = "company"
from = "Company"
[[field]]
to = "street"
from = "Street"
[[field]]
to = "zip"
from = "Zip"
[[field]]
to = "country"
from = "Country"
do = [{ country = "alpha-2" }]
[[field]]
to = "birthday"
from = "Birthday"
do = [{ date = { from = ["%d/%m/%Y"] } }]
[[field]]
to = "created_at"
from = "Created"
do = [{ datetime = { from = ["%Y-%m-%dT%H:%M:%S%z"] } }]
[[field]]
to = "notes"
from = "Notes"
"#;

/// Country as people write it, city, and how its phone numbers begin and go on.
const PLACES: [(&str, &str, &str, usize); 8] = [
    ("Germany", "Köln", "0301 ", 6),
    ("Deutschland", "Jena", "+49 30 ", 7),
    ("UK", "York", "020 7946 ", 4),
    ("France", "Nîmes", "01 42 ", 6),
    ("United States", "Boston", "(617) 555-", 4),
    ("Italy", "Milano", "06 5755 ", 4),
    ("Japan", "大阪", "03-1234-", 4),
    ("Ukraine", "Львів", "+380 44 ", 7),
];
const GIVEN: [&str; 8] = ["Ada", "Chloé", "José María", "Тарас", "Jean-Luc", "Zoë", "Kenji", "Anne"];
const FAMILY: [&str; 8] =
    ["Byron", "Bœuf", "García López", "Шевченко", "O'Neill", "van der Berg", "田中", "Müller"];

fn main() -> ExitCode {
    if let Ok(note) = std::env::var(ROLE) {
        let code = crm_ferry::cli::main();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        std::fs::write(note, peak.unwrap_or("unknown").trim()).unwrap();
        return ExitCode::from(code);
    }
    let rows = std::env::var("FERRY_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clean.toml"), MAPPING).unwrap();
    let bytes = people(&folder.path().join("people.csv"), rows);
    let (mut best, mut peak) = (Duration::MAX, String::new());
    for _ in 0..ROUNDS {
        let (time, memory) = clean(folder.path());
        if time < best {
            (best, peak) = (time, memory);
        }
    }
    let seconds = best.as_secs_f64();
    println!(
        "{rows} rows, {} MB: {seconds:.2} s, {:.0} rows/s, peak memory {peak}",
        bytes / 1_000_000,
        rows as f64 / seconds
    );
    ExitCode::SUCCESS
}

/// Writes so many rows, the same every time; gives the file's size in bytes.
fn people(path: &Path, rows: usize) -> u64 {
    let mut random = fastrand::Rng::with_seed(12);
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    file.write_all(HEADER.as_bytes()).unwrap();
    let mut line = String::new();
    for row in 0..rows {
        let (country, city, begin, digits) = PLACES[random.usize(..PLACES.len())];
        let (given, family) = (GIVEN[random.usize(..GIVEN.len())], FAMILY[random.usize(..FAMILY.len())]);
        let (year, month, day) = (random.u16(1940..2010), random.u8(1..=12), random.u8(1..=28));
        let (hour, second, zone) = (random.u8(0..24), random.u8(0..60), random.u8(0..4));
        line.clear();
        write!(line, "{row:08x},{given} {family},Person{row}@Mail.example,{begin}").unwrap();
        (0..digits).for_each(|_| line.push(random.digit(10)));
        write!(line, ",Byron & Co.,\"Street {}, rear\",{:05},{city},{country}", row % 300, row % 99_999)
            .unwrap();
        write!(line, ",{day:02}/{month:02}/{year}").unwrap();
        write!(line, ",20{:02}-{month:02}-{day:02}T{hour:02}:30:{second:02}+0{zone}00", year % 25).unwrap();
        line.push_str(if row % 5 == 0 { ",\"Met at a fair.\nSaid \"\"call me\"\".\"\n" } else { ",\n" });
        file.write_all(line.as_bytes()).unwrap();
    }
    file.flush().unwrap();
    std::fs::metadata(path).unwrap().len()
}

/// How long it takes to clean the file, and what memory the program had at most.
fn clean(folder: &Path) -> (Duration, String) {
    let note = folder.join("memory");
    let began = Instant::now();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["export", "people.csv", "-m", "clean.toml", "-o", "clean.csv", "-q"])
        .current_dir(folder)
        .env(ROLE, &note)
        .env("HOME", folder)
        .env("XDG_STATE_HOME", folder.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let time = began.elapsed();
    assert!(status.success(), "{status}");
    std::fs::remove_file(folder.join("clean.csv")).unwrap();
    (time, std::fs::read_to_string(note).unwrap())
}
