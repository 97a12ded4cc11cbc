//! A JSON array from a stream, cut into its objects while it arrives.
//!
//! A folder comes as one array of any size (NetHunt facts, section 6.4), so memory must not grow with it. Only
//! brackets and quotes are followed here; whether an object is sound JSON is found out by whoever parses it.
//! What is not one whole array, such as a page of HTML or a body that broke off, is [`Unreadable`].

use crate::http::Unreadable;
use std::io::Read;

/// A batch is handed on at this many objects or bytes, whichever comes first.
const OBJECTS: usize = 512;
const BYTES: usize = 1 << 20;
/// No record is that long: what looks like one is a body that lost its way.
const LONGEST: usize = 256 << 20;

/// What is said of a body that is a web page.
pub(super) const PAGE: &str = "the service answers with a web page, as a proxy or a login does";

/// Some objects of the array, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The array was whole.
    Whole,
    /// There was no body at all.
    Empty,
    /// The receiver wanted no more.
    Early,
}

impl Batch {
    /// The objects' texts.
    pub(super) fn texts(&self) -> Result<impl Iterator<Item = &str>, Unreadable> {
        let text =
            std::str::from_utf8(&self.bytes).map_err(|_| Unreadable("the body is not UTF-8".to_owned()))?;
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        Ok(starts.zip(&self.ends).map(|(start, end)| &text[start..*end]))
    }
}

/// Cuts `body` up and hands it on in batches, until `give` says no.
pub(super) fn split(body: &mut dyn Read, mut give: impl FnMut(Batch) -> bool) -> Result<Ended, Unreadable> {
    let mut cutter = Cutter::default();
    let mut chunk = vec![0; 1 << 16];
    loop {
        let read = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Unreadable(format!("the body broke off: {error}"))),
        };
        let mut rest = &chunk[..read];
        while !rest.is_empty() {
            rest = cutter.take(rest)?;
            if cutter.is_full() && !give(std::mem::take(&mut cutter.batch)) {
                return Ok(Ended::Early);
            }
        }
    }
    match cutter.place {
        Place::End => {
            let last = cutter.batch;
            Ok(if last.ends.is_empty() || give(last) { Ended::Whole } else { Ended::Early })
        }
        Place::Start => Ok(Ended::Empty),
        _ => Err(Unreadable("the body broke off".to_owned())),
    }
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    FirstOrEnd,
    Inside,
    CommaOrEnd,
    Next,
    End,
}

#[derive(Default)]
struct Cutter {
    place: Place,
    depth: usize,
    in_text: bool,
    escaped: bool,
    batch: Batch,
}

impl Cutter {
    fn is_full(&self) -> bool {
        self.place != Place::Inside && (self.batch.ends.len() >= OBJECTS || self.batch.bytes.len() >= BYTES)
    }

    /// Takes one step's worth of `chunk` and returns the rest.
    fn take<'a>(&mut self, chunk: &'a [u8]) -> Result<&'a [u8], Unreadable> {
        if self.place == Place::Inside {
            let end = self.object_end(chunk);
            let (inside, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            self.batch.bytes.extend_from_slice(inside);
            if end.is_some() {
                self.batch.ends.push(self.batch.bytes.len());
                self.place = Place::CommaOrEnd;
            } else if self.batch.bytes.len() > LONGEST {
                return Err(Unreadable("the body holds an object without an end".to_owned()));
            }
            return Ok(rest);
        }
        let Some((first, rest)) = chunk.split_first() else { return Ok(chunk) };
        self.place = match (self.place, first) {
            (place, b' ' | b'\t' | b'\r' | b'\n') => place,
            (Place::Start, 0xEF | 0xBB | 0xBF) => Place::Start,
            (Place::Start, b'[') => Place::FirstOrEnd,
            (Place::FirstOrEnd | Place::CommaOrEnd, b']') => Place::End,
            (Place::CommaOrEnd, b',') => Place::Next,
            (Place::FirstOrEnd | Place::Next, b'{') => {
                self.depth = 0;
                self.place = Place::Inside;
                return Ok(chunk);
            }
            (Place::Start, b'<') => return Err(Unreadable(PAGE.to_owned())),
            _ => return Err(Unreadable("the body is not a JSON array of objects".to_owned())),
        };
        Ok(rest)
    }

    /// Where the object that `chunk` is in ends, if it does so in `chunk`.
    fn object_end(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < chunk.len() {
            if self.escaped {
                self.escaped = false;
                at += 1;
            } else if self.in_text {
                at += chunk[at..].iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
                self.escaped = chunk[at] == b'\\';
                self.in_text = self.escaped;
                at += 1;
            } else {
                match chunk[at] {
                    b'"' => self.in_text = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
                at += 1;
                if self.depth == 0 {
                    return Some(at);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Gives at most `step` bytes a read.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let now = self.1.min(self.0.len()).min(into.len());
            into[..now].copy_from_slice(&self.0[..now]);
            self.0 = &self.0[now..];
            Ok(now)
        }
    }

    fn cut(body: &[u8], step: usize) -> Result<(Ended, Vec<String>), Unreadable> {
        let mut all = Vec::new();
        let mut broken = None;
        let ended = split(&mut Dribble(body, step), |batch| {
            match batch.texts() {
                Ok(texts) => all.extend(texts.map(str::to_owned)),
                Err(unreadable) => broken = Some(unreadable),
            }
            true
        })?;
        broken.map_or(Ok((ended, all)), Err)
    }

    #[test]
    fn what_is_no_whole_array_is_unreadable() {
        for body in
            ["<html>", "{}", "[", "[{}", "[{},", "[{},]", "[1]", "[{}] x", "null", "[{\"a\":\"]}", "[{}{}]"]
        {
            for step in [1, 3, 100] {
                assert!(cut(body.as_bytes(), step).is_err(), "{body}");
            }
        }
        assert!(cut(b"[{\"a\":\"\xff\"}]", 4).is_err());
    }

    #[test]
    fn whole_and_empty_bodies_are_told_apart() {
        assert_eq!(cut(b"", 1).unwrap(), (Ended::Empty, vec![]));
        assert_eq!(cut(b" [ ] \n", 1).unwrap(), (Ended::Whole, vec![]));
        assert_eq!(cut("\u{feff}[{}]".as_bytes(), 2).unwrap(), (Ended::Whole, vec!["{}".to_owned()]));
        let two = cut(br#"[ {"a":"\\\"]}" } , {"b":[{"c":1}]} ]"#, 1).unwrap().1;
        assert_eq!(two, [r#"{"a":"\\\"]}" }"#, r#"{"b":[{"c":1}]}"#]);
    }

    fn object() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![".{0,8}".prop_map(Value::from), "[\\\\\"{}\\[\\],]{0,6}".prop_map(Value::from)];
        proptest::collection::vec((".{0,3}", leaf), 0..4).prop_map(|parts| {
            Value::Object(parts.into_iter().map(|(name, leaf)| (name, json!([leaf, {"x": leaf}]))).collect())
        })
    }

    proptest! {
        #[test]
        fn the_objects_come_out_as_they_went_in(all in proptest::collection::vec(object(), 0..6), step in 1usize..40) {
            let texts: Vec<_> = all.iter().map(Value::to_string).collect();
            let body = Value::Array(all).to_string();
            prop_assert_eq!(cut(body.as_bytes(), step).unwrap(), (Ended::Whole, texts));
        }

        #[test]
        fn no_cut_body_passes_for_whole(all in proptest::collection::vec(object(), 1..4), at in 0.0f64..1.0) {
            let body = Value::Array(all).to_string();
            let length = 1 + ((body.len() - 2) as f64 * at) as usize;
            prop_assert!(cut(&body.as_bytes()[..length], 7).is_err());
        }
    }
}
