//! From a body to parsed batches on all cores, in order and in bounded memory.
//!
//! The calling thread reads and splits, workers parse, and one thread takes the results in the order of the
//! body. Every queue is bounded, so that a slow disk slows the reading down instead of filling memory.

use super::split::{Batch, Ended, split};
use crate::error::{Error, Result};
use crate::http::Unreadable;
use crate::stop::Stop;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::Read;

type Worked<T> = Result<T, Unreadable>;

/// Sends `body` through `work` on all cores and hands the results to `take` in order.
///
/// The outer error asks for the body once more; the inner one ends the work. A stop that is asked for ends it
/// too; what was taken until then stays taken.
pub(super) fn through<T: Send>(
    body: &mut dyn Read,
    stop: &Stop,
    work: impl Fn(&Batch) -> Worked<T> + Sync,
    take: impl FnMut(T) -> Result<()> + Send,
) -> Result<Result<Ended>, Unreadable> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 8);
    let (split, taken) = std::thread::scope(|scope| {
        let (jobs, inbox) = bounded::<(Batch, Sender<Worked<T>>)>(workers * 2);
        let (queue, ordered) = bounded(workers * 4);
        for _ in 0..workers {
            let (inbox, work) = (inbox.clone(), &work);
            scope.spawn(move || {
                for (batch, answer) in inbox {
                    // Nobody listens any more after an error: the batch is not needed then.
                    let _ = answer.send(work(&batch));
                }
            });
        }
        drop(inbox);
        let taker = scope.spawn(move || take_all(&ordered, take));
        let split = split(body, |batch| {
            let (answer, result) = bounded(1);
            !stop.is_requested() && queue.send(result).is_ok() && jobs.send((batch, answer)).is_ok()
        });
        drop((queue, jobs));
        (split, taker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    if let Err(error) = taken? {
        return Ok(Err(error));
    }
    match split? {
        Ended::Early => Ok(Err(Error::stopped("stopped on request"))),
        ended => Ok(Ok(ended)),
    }
}

fn take_all<T>(
    ordered: &Receiver<Receiver<Worked<T>>>,
    mut take: impl FnMut(T) -> Result<()>,
) -> Worked<Result<()>> {
    for answer in ordered {
        // A worker answers every batch it was given; only a stop between the two queues leaves none.
        let Ok(worked) = answer.recv() else { break };
        if let Err(error) = take(worked?) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn body(count: usize) -> String {
        let mut body = String::from("[");
        for number in 0..count {
            let _ = write!(body, "{}{{\"n\":{number}}}", if number > 0 { "," } else { "" });
        }
        body + "]"
    }

    fn numbers(batch: &Batch) -> Worked<Vec<String>> {
        Ok(batch.texts()?.map(str::to_owned).collect())
    }

    #[test]
    fn results_come_in_the_order_of_the_body() {
        let mut all = Vec::new();
        let body = body(20_000);
        let ended = through(&mut body.as_bytes(), &Stop::default(), numbers, |batch| {
            all.extend(batch);
            Ok(())
        });
        assert_eq!(ended.unwrap().unwrap(), Ended::Whole);
        assert_eq!(all.len(), 20_000);
        assert!(all.iter().enumerate().all(|(number, text)| *text == format!("{{\"n\":{number}}}")));
    }

    #[test]
    fn a_body_that_broke_off_is_asked_for_again_and_an_error_ends_the_work() {
        let whole = body(20_000);
        let cut = &whole.as_bytes()[..whole.len() / 2];
        assert!(through(&mut &*cut, &Stop::default(), numbers, |_| Ok(())).is_err());
        let full = |_| Err(Error::stopped("disk full"));
        assert!(through(&mut whole.as_bytes(), &Stop::default(), numbers, full).unwrap().is_err());
        let stop = Stop::default();
        stop.request();
        assert!(through(&mut whole.as_bytes(), &stop, numbers, |_| Ok(())).unwrap().is_err());
    }
}
