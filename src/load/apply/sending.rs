//! A round of sending: the thread that owns the journal hands work out and takes answers in, workers send.

use super::{Apply, stopped};
use crate::error::{Error, Result};
use crate::load::journal::{Journal, Outcome, Pending};
use crate::load::look::{self, Looks, Question, RowAndId, Standing};
use crate::load::target::{Changed, OperationKind, Sent};
use crate::record::Record;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

/// How a round of sending ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// Everything that can be sent was.
    AllSent,
    /// The service answers no writes; nothing more was sent.
    Breakdown,
    /// More rows may have failed than are let pass; nothing more was sent.
    Suspicion,
}

/// What a worker is given.
enum Work {
    /// An operation, and until when the look at its record is good.
    Send(Box<Pending>, Option<Instant>),
    Ask(Question),
}

/// What a worker gives back.
enum Answer {
    Sent(Pending, Came),
    Records { rows: Vec<RowAndId>, records: HashMap<String, Record>, asked: Instant },
    Changes { told: Option<Changed>, asked: Instant },
    Unanswered(Question, Error),
}

/// What came of handing an operation to a worker.
enum Came {
    Sent(Sent),
    /// A record with the create's key exists already.
    Exists(String),
    /// The look at its record was no longer good; nothing was sent.
    Late,
    /// More rows may have failed by now than are let pass; nothing was sent.
    HeldBack,
}

/// An operation that waits its turn.
struct Waiting {
    pending: Pending,
    /// Whether its record has to be looked at first.
    look: bool,
}

/// What a round of sending keeps in its hands.
struct Hands {
    ready: VecDeque<Waiting>,
    after: u64,
    exhausted: bool,
    outstanding: usize,
    answers: Vec<(Pending, Came)>,
    /// Operations that a last look has shown not to be sent.
    found: Vec<(Pending, Standing)>,
    looks: Looks,
    blocked_classes: HashSet<String>,
    blocked: Option<Error>,
    doubts_in_a_row: usize,
    last_doubt: Option<Instant>,
    concluded: u64,
}

/// How much more a lost answer weighs than a 5xx.
const LOST: usize = 4;

/// Rows fetched from the journal at a time.
const FETCH: usize = 512;

impl Apply<'_> {
    /// Weight of bad answers in a row after which nothing more is sent before a sweep. A lost answer weighs
    /// most; a 5xx may be the service's way to refuse this one record (NetHunt does it).
    fn patience(&self) -> usize {
        (self.concurrency * 3).max(12) * LOST
    }

    /// How many operations may be in flight or handed out. Half of them keep the workers busy while the next group is
    /// committed; at a pace, which is slower than any disk, fewer do, and fewer are in doubt after a crash.
    pub(super) fn depth(&self) -> usize {
        if self.every.is_zero() { self.concurrency * 4 } else { self.concurrency * 2 }
    }

    /// One round of sending, and when its last answer was lost, if any was.
    /// `due`: when creates have to be compared with what was created since the plan was made.
    pub(super) fn send_all(
        &self,
        journal: &mut Journal,
        due: &mut Option<Instant>,
    ) -> Result<(Round, Option<Instant>)> {
        let doubts = journal.doubts()?;
        self.failures.suspect_only(doubts.iter().filter(|doubtful| doubtful.server_error).count());
        let blocked_classes = doubts.into_iter().filter_map(|doubtful| doubtful.pending.class).collect();
        let since = self.mark.first_reply.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut hands = Hands {
            ready: VecDeque::new(),
            after: 0,
            exhausted: false,
            outstanding: 0,
            answers: Vec::new(),
            found: Vec::new(),
            looks: Looks::new(self.target, self.every, since),
            blocked_classes,
            blocked: None,
            doubts_in_a_row: 0,
            last_doubt: None,
            concluded: 0,
        };
        let round = std::thread::scope(|scope| {
            let (to_do, work) = bounded::<Work>(self.depth());
            let (answer, answers) = bounded::<Answer>(self.depth());
            for _ in 0..self.concurrency {
                let (work, answer) = (work.clone(), answer.clone());
                scope.spawn(move || self.worker(&work, &answer));
            }
            drop((work, answer));
            self.coordinate(journal, &mut hands, due, &to_do, &answers)
        })?;
        Ok((round, hands.last_doubt))
    }

    fn worker(&self, work: &Receiver<Work>, answer: &Sender<Answer>) {
        for work in work {
            let came = match work {
                Work::Send(pending, until) => {
                    let came = self.send_one(&pending, until);
                    Answer::Sent(*pending, came)
                }
                Work::Ask(question) => self.ask(question),
            };
            if answer.send(came).is_err() {
                return;
            }
        }
    }

    fn send_one(&self, pending: &Pending, until: Option<Instant>) -> Came {
        if self.stop.is_requested() {
            return Came::Sent(Sent::Blocked(stopped()));
        }
        if self.failures.may_be_over() {
            return Came::HeldBack;
        }
        if until.is_some_and(|until| Instant::now() > until) {
            return Came::Late;
        }
        if let (OperationKind::Create, Some(look)) = (pending.operation.kind, self.look_first) {
            match look(pending) {
                Ok(Some(id)) => return Came::Exists(id),
                Ok(None) => {}
                Err(error) => return Came::Sent(Sent::Blocked(error)),
            }
        }
        let sent = self.target.send(&pending.operation, pending.id.as_deref());
        // The other workers have to know before they send again.
        match sent {
            Sent::Refused(_) => self.failures.count(),
            Sent::Doubt { server_error: true, .. } => self.failures.suspect(),
            _ => {}
        }
        Came::Sent(sent)
    }

    /// Looks at records that are about to be changed.
    fn ask(&self, question: Question) -> Answer {
        let asked = Instant::now();
        if self.stop.is_requested() {
            return Answer::Unanswered(question, stopped());
        }
        match question {
            Question::Changes(since) => match self.target.edited_since(since) {
                Ok(told) => Answer::Changes { told, asked },
                Err(error) => Answer::Unanswered(question, error),
            },
            Question::Records(rows) => match self.read_by_id(&rows) {
                Ok(records) => Answer::Records { rows, records, asked },
                Err(error) => Answer::Unanswered(Question::Records(rows), error),
            },
        }
    }

    fn read_by_id(&self, rows: &[RowAndId]) -> Result<HashMap<String, Record>> {
        let ids: Vec<String> = rows.iter().map(|(_, id)| id.clone()).collect();
        let mut records = HashMap::new();
        for raw in self.target.read(&ids)? {
            let Some(id) = raw.id.clone() else { continue };
            let record = self.decoded(&id, &raw.raw)?;
            records.insert(id, record);
        }
        Ok(records)
    }

    fn coordinate(
        &self,
        journal: &mut Journal,
        hands: &mut Hands,
        due: &mut Option<Instant>,
        to_do: &Sender<Work>,
        answers: &Receiver<Answer>,
    ) -> Result<Round> {
        let hand_out = |work| to_do.send(work).map_err(|_| Error::stopped("the senders are gone"));
        loop {
            let breakdown = hands.doubts_in_a_row >= self.patience();
            let ended = breakdown || self.stop.is_requested() || self.failures.may_be_over();
            let may_send = hands.blocked.is_none() && !ended;
            if may_send && hands.outstanding <= self.depth() / 2 {
                if self.refuse_taken_keys(journal, due)? {
                    hands.begin_again();
                }
                self.refill(journal, hands)?;
                let room = (self.concurrency * 2).min(self.depth() - hands.outstanding);
                let room = hands.looks.room(room, hands.outstanding);
                let group = hands.take_group(self, journal, room)?;
                let question = hands.next_question(self, journal, group.len())?;
                if !group.is_empty() || question.is_some() || !hands.found.is_empty() {
                    self.commit(journal, hands, &group)?;
                    hands.outstanding += group.len() + usize::from(question.is_some());
                    group
                        .into_iter()
                        .try_for_each(|(pending, until)| hand_out(Work::Send(Box::new(pending), until)))?;
                    question.map_or(Ok(()), |question| hand_out(Work::Ask(question)))?;
                    continue;
                }
            }
            if hands.outstanding == 0 {
                let followed = !hands.answers.is_empty();
                self.commit(journal, hands, &[])?;
                if followed && may_send {
                    continue;
                }
                return match hands.blocked.take() {
                    Some(error) => Err(error),
                    None if self.stop.is_requested() => Err(stopped()),
                    None if self.failures.is_over() => Err(self.failures.stop()),
                    None if breakdown => Ok(Round::Breakdown),
                    None if self.failures.may_be_over() => Ok(Round::Suspicion),
                    None => Ok(Round::AllSent),
                };
            }
            let first = answers.recv().map_err(|_| Error::stopped("the senders are gone"))?;
            hands.receive(journal, first)?;
            while let Ok(more) = answers.try_recv() {
                hands.receive(journal, more)?;
            }
        }
    }

    /// How many operations ahead is looked.
    fn horizon(&self, hands: &Hands) -> usize {
        (self.concurrency * 2).max(hands.looks.at_once() * 2)
    }

    fn refill(&self, journal: &Journal, hands: &mut Hands) -> Result<()> {
        let enough = self.horizon(hands);
        while hands.ready.len() < enough && !hands.exhausted {
            let mut batch = journal.next(hands.after, FETCH)?;
            hands.exhausted = batch.len() < FETCH;
            if let Some(last) = batch.last() {
                hands.after = last.row;
                hands.exhausted |= last.row >= self.until_row;
            }
            batch.retain(|pending| pending.row <= self.until_row);
            for mut pending in batch {
                if self.look_first.is_some() && pending.operation.kind == OperationKind::Create {
                    pending.further = journal.further_keys(pending.row)?;
                }
                let look = look::needs_look(journal, &pending)?;
                hands.ready.push_back(Waiting { pending, look });
            }
        }
        Ok(())
    }

    /// Commits the answers in hand and the intents of the next group, together.
    fn commit(
        &self,
        journal: &mut Journal,
        hands: &mut Hands,
        group: &[(Pending, Option<Instant>)],
    ) -> Result<()> {
        let now = (self.server_now)().as_millisecond();
        let answers = std::mem::take(&mut hands.answers);
        let found = std::mem::take(&mut hands.found);
        journal.transaction(|journal| {
            for (pending, came) in answers {
                note_answer(journal, hands, pending, came)?;
            }
            for (pending, standing) in found {
                note_found(journal, hands, &pending, standing)?;
            }
            group.iter().try_for_each(|(pending, _)| journal.intend(pending.row, pending.seq, now))
        })?;
        (self.progress)(hands.concluded);
        hands.concluded = 0;
        Ok(())
    }
}

impl Hands {
    fn receive(&mut self, journal: &Journal, answer: Answer) -> Result<()> {
        self.outstanding -= 1;
        let (pending, came) = match answer {
            Answer::Sent(pending, came) => (pending, came),
            Answer::Records { rows, records, asked } => {
                self.looks.read(rows, records, asked);
                return Ok(());
            }
            Answer::Changes { told, asked } => return self.looks.told(journal, told, asked),
            Answer::Unanswered(question, error) => {
                self.looks.unanswered(&question);
                self.blocked.get_or_insert(error);
                return Ok(());
            }
        };
        match &came {
            Came::Sent(Sent::Doubt { server_error, .. }) => {
                self.doubts_in_a_row += if *server_error { 1 } else { LOST };
                self.last_doubt = Some(Instant::now());
                self.blocked_classes.extend(pending.class.clone());
            }
            Came::Sent(Sent::Done { .. } | Sent::Refused(_)) => self.doubts_in_a_row = 0,
            _ => {}
        }
        self.answers.push((pending, came));
        Ok(())
    }

    /// Takes everything that is not in flight from the journal again.
    fn begin_again(&mut self) {
        self.ready.clear();
        (self.after, self.exhausted) = (0, false);
    }

    /// The next operations that may be sent: those whose class has no member in doubt, and whose record was looked
    /// at just now.
    fn take_group(
        &mut self,
        apply: &Apply<'_>,
        journal: &Journal,
        most: usize,
    ) -> Result<Vec<(Pending, Option<Instant>)>> {
        let mut group = Vec::with_capacity(most);
        let mut kept = VecDeque::new();
        let far = apply.horizon(self);
        while group.len() < most && kept.len() < far {
            let Some(Waiting { pending, look }) = self.ready.pop_front() else { break };
            if !look {
                let waits = pending.operation.kind == OperationKind::Create
                    && pending.class.as_ref().is_some_and(|class| self.blocked_classes.contains(class));
                if !waits {
                    group.push((pending, None));
                }
                continue;
            }
            let ahead = self.outstanding + group.len();
            match self.looks.standing(journal, apply.target, &pending, ahead)? {
                Standing::Unknown => kept.push_back(Waiting { pending, look }),
                Standing::AsBefore(until) => group.push((pending, Some(until))),
                standing => self.found.push((pending, standing)),
            }
        }
        kept.append(&mut self.ready);
        self.ready = kept;
        Ok(group)
    }

    /// What is to be asked next so that what waits can be sent.
    fn next_question(
        &mut self,
        apply: &Apply<'_>,
        journal: &Journal,
        ahead: usize,
    ) -> Result<Option<Question>> {
        self.looks.tidy();
        let looked = self.ready.iter().take(apply.horizon(self)).filter(|waiting| waiting.look);
        let (known, unknown): (Vec<_>, Vec<_>) = looked
            .filter_map(|waiting| Some((waiting.pending.row, waiting.pending.id.clone()?)))
            .partition(|(row, _)| self.looks.is_known(*row));
        let ahead = self.outstanding + ahead;
        // What was looked at too early would have to be looked at again.
        if ahead > 0 && known.len() >= apply.concurrency * 2 {
            return Ok(None);
        }
        self.looks.next_question(journal, &unknown, ahead)
    }
}

fn note_answer(journal: &Journal, hands: &mut Hands, mut pending: Pending, came: Came) -> Result<()> {
    let (row, seq) = (pending.row, pending.seq);
    match came {
        Came::Late => {
            journal.withdraw(row, seq)?;
            hands.ready.push_front(Waiting { pending, look: true });
        }
        Came::HeldBack => journal.withdraw(row, seq)?,
        Came::Exists(id) => {
            journal.withdraw(row, seq)?;
            let why = format!("record {id} has this key already; the plan's read did not show it");
            journal.conclude(row, Outcome::Conflict, Some(&why))?;
            hands.concluded += 1;
        }
        Came::Sent(Sent::Done { id, also }) => {
            journal.done(&pending, &id, &also, false)?;
            pending.id = Some(id);
            follow(journal, hands, &pending)?;
        }
        Came::Sent(Sent::Refused(why)) => {
            journal.refuse(row, seq, &why)?;
            hands.concluded += 1;
        }
        Came::Sent(Sent::Doubt { why, server_error }) => journal.doubt(row, seq, &why, server_error)?,
        Came::Sent(Sent::Blocked(error)) => {
            journal.withdraw(row, seq)?;
            hands.blocked.get_or_insert(error);
        }
    }
    Ok(())
}

fn note_found(journal: &Journal, hands: &mut Hands, pending: &Pending, standing: Standing) -> Result<()> {
    match standing {
        Standing::AsMeant => {
            journal.already(pending)?;
            follow(journal, hands, pending)
        }
        Standing::Stale { field, value, why, clashes } => {
            hands.concluded += 1;
            journal.stale(pending.row, (field.as_deref(), value.as_deref()), &why, &clashes)
        }
        Standing::Unknown | Standing::AsBefore(_) => Ok(()),
    }
}

/// The operation that follows one that is done comes next; without one the row is done.
fn follow(journal: &Journal, hands: &mut Hands, pending: &Pending) -> Result<()> {
    match journal.following(pending.row, pending.seq)? {
        Some(next) => {
            let look = look::needs_look(journal, &next)?;
            hands.ready.push_front(Waiting { pending: next, look });
        }
        None => hands.concluded += 1,
    }
    Ok(())
}
