//! A budget of requests that several processes of the user keep together: when they sent, in a small file.
//!
//! The file is a ring of the last sendings, as Unix milliseconds, with the number of all sendings and the end of
//! a pause that the service asked for in front. Whether one more fits is told by the one sending that lies R
//! back, so processes with different rates share one ring, each keeping to its own. A look takes the file's lock
//! for two small reads and writes; the lock ends with the process that holds it.
//!
//! This only makes senders wait longer than their own window demands. So when the file fails on the way, or the
//! clock is set back, what is lost is the regard for other processes, not the pace of this one.

use crate::stop::Stop;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The sendings of all processes that opened the same file.
#[derive(Debug)]
pub(super) struct Sendings {
    file: Mutex<File>,
}

/// How many sendings are remembered; a larger budget is shared as if it were one of so many.
const REMEMBERED: u64 = 1 << 16;
/// The number of sendings, and the end of a pause.
const HEAD: u64 = 16;
/// How long another process may hold the lock before this one goes on without it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the lock is tried.
const LOOK_EVERY: Duration = Duration::from_millis(1);

impl Sendings {
    /// Opens the file at `path`, made when it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Notes a sending now, or says how long to wait before trying again, so that no `span` has more than
    /// `requests`.
    pub(super) fn take(&self, requests: u64, span: Duration, stop: &Stop) -> Option<Duration> {
        // Without the file there is nobody to wait for.
        self.locked(stop, |file| take(file, now(), requests, span)).unwrap_or(None)
    }

    /// Nobody sends for `time`.
    pub(super) fn pause(&self, time: Duration, stop: &Stop) {
        // Best effort, as everything here.
        let _ = self.locked(stop, |file| {
            let until = now().saturating_add(millis(time));
            let paused = number(file, 8)?.max(until);
            put(file, 8, paused)
        });
    }

    fn locked<T>(&self, stop: &Stop, work: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(cause)) => return Err(cause),
                Err(TryLockError::WouldBlock) if left.is_zero() || stop.wait(LOOK_EVERY) => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(TryLockError::WouldBlock) => left = left.saturating_sub(LOOK_EVERY),
            }
        }
        let done = work(&mut file);
        file.unlock()?;
        done
    }
}

fn take(file: &mut File, now: u64, requests: u64, span: Duration) -> io::Result<Option<Duration>> {
    let (sent, paused) = (number(file, 0)?, number(file, 8)?);
    // A pause that lies further ahead than any that is obeyed was noted before the clock was set back.
    let pause = paused.saturating_sub(now);
    if pause > 0 && pause <= millis(super::pace::LONGEST_PAUSE) {
        return Ok(Some(Duration::from_millis(pause)));
    }
    let requests = requests.clamp(1, REMEMBERED);
    if sent >= requests {
        let then = number(file, slot(sent - requests))?;
        let free = then.saturating_add(millis(span));
        // What lies in the future was noted before the clock was set back.
        if then <= now && free > now {
            return Ok(Some(Duration::from_millis(free - now)));
        }
    }
    put(file, slot(sent), now)?;
    put(file, 0, sent + 1)?;
    Ok(None)
}

/// Where the sending of that number is noted.
fn slot(sending: u64) -> u64 {
    HEAD + (sending % REMEMBERED) * 8
}

/// A number of the file; 0 where nothing was ever written.
fn number(file: &mut File, at: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.seek(SeekFrom::Start(at))?;
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(u64::from_le_bytes(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

fn put(file: &mut File, at: u64, number: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&number.to_le_bytes())
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(millis).unwrap_or_default()
}

/// Whole milliseconds, rounded up.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(folder: &tempfile::TempDir) -> Sendings {
        Sendings::open(&folder.path().join("pace/x")).unwrap()
    }

    /// Two processes with rates of their own, as fast as they may, over made-up time.
    #[test]
    fn no_window_holds_more_than_the_rate_whoever_sends() {
        let folder = tempfile::tempdir().unwrap();
        let files = [opened(&folder), opened(&folder)];
        let span = Duration::from_secs(1);
        let mut sent: Vec<u64> = Vec::new();
        let mut now = 1_000_000;
        while now < 1_010_000 {
            for (which, rate) in [(0, 10), (1, 20)] {
                let mut file = files[which].file.lock().unwrap();
                let before = sent.iter().filter(|then| **then + 1000 > now).count() as u64;
                match take(&mut file, now, rate, span).unwrap() {
                    None => sent.push(now),
                    Some(_) => assert!(before >= rate, "{before} at {now}"),
                }
            }
            now += 7;
        }
        for pair in sent.windows(21) {
            assert!(pair[20] - pair[0] >= 1000, "{pair:?}");
        }
        assert!(sent.len() >= 190, "{}", sent.len());
    }

    #[test]
    fn a_pause_holds_for_all_and_a_clock_that_is_set_back_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (opened(&folder), opened(&folder));
        let stop = Stop::default();
        let span = Duration::from_secs(60);
        assert_eq!(one.take(1, span, &stop), None);
        assert!(other.take(1, span, &stop).is_some());
        one.pause(Duration::from_secs(30), &stop);
        let wait = other.take(100, span, &stop).unwrap();
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
        let mut file = one.file.lock().unwrap();
        put(&mut file, 8, 0).unwrap();
        // An hour earlier, by a clock that was wrong.
        assert_eq!(take(&mut file, now() - 3_600_000, 1, span).unwrap(), None);
    }

    #[test]
    fn a_file_that_somebody_else_holds_does_not_hold_up_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (opened(&folder), opened(&folder));
        let stop = Stop::default();
        stop.request();
        let held = one.file.lock().unwrap();
        held.lock().unwrap();
        assert_eq!(other.take(1, Duration::from_secs(60), &stop), None);
    }
}
