//! The text of a file as a stream of UTF-8 bytes, whatever encoding it has.
//!
//! UTF-8 is passed on as it is; other encodings are decoded. What cannot be decoded appears as the byte `0xFF`,
//! which no UTF-8 holds, so that the row with it can be told apart and rejected instead of being altered.
//!
//! An encoding is chosen once, from `--encoding`, a byte order mark, or the first [`HEAD`] bytes: text that is
//! UTF-8 there is UTF-8, and what fails later is a broken row. A statistical guess is made only where UTF-8
//! fails, and is always said.

use super::ReadOptions;
use super::compress::{open_bytes, read_error};
use super::format::FileEndpoint;
use crate::error::{Error, Result};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::io::Read;

/// How much of the file the encoding is chosen from.
const HEAD: usize = 1024 * 1024;

/// How much is read at a time.
const CHUNK: usize = 128 * 1024;

/// What stands for bytes that are no text in the file's encoding.
const BROKEN: u8 = 0xFF;

/// A file's text.
pub(super) struct TextSource {
    source: Box<dyn Read + Send>,
    endpoint: FileEndpoint,
    encoding: &'static Encoding,
    /// None for UTF-8, which is passed on unchanged.
    decoder: Option<Decoder>,
    /// Bytes read but not yet passed on.
    pending: Vec<u8>,
    ended: bool,
}

/// How the encoding was chosen.
enum Choice {
    Flag,
    Mark,
    Utf8,
    Pattern,
    Guess,
}

impl TextSource {
    /// Opens a file and chooses its encoding; also gives the sentence to say about it.
    ///
    /// # Errors
    /// When the file cannot be read, or `--encoding` names none.
    pub(super) fn open(endpoint: &FileEndpoint, options: &ReadOptions) -> Result<(Self, String)> {
        let forced = options.encoding.as_deref().map(named).transpose()?;
        let mut source = open_bytes(endpoint)?;
        let mut head = Vec::new();
        let read = (&mut source).take(HEAD as u64).read_to_end(&mut head);
        let whole = read.map_err(|cause| read_error(endpoint, cause))? < HEAD;
        if is_utf32(&head) {
            return Err(Error::input(format!("`{}` is in UTF-32, which is not read", endpoint.name()))
                .hint("save it in UTF-8"));
        }
        let (encoding, mark, choice) = choose(&head, whole, forced);
        head.drain(..mark);
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        let said = match choice {
            Choice::Flag => format!("{} as given", encoding.name()),
            Choice::Mark => format!("{} by its byte order mark", encoding.name()),
            Choice::Utf8 => encoding.name().to_owned(),
            Choice::Pattern => format!("{} by its bytes (`--encoding` overrides)", encoding.name()),
            Choice::Guess => {
                format!("not UTF-8, taken for {} (`--encoding` overrides)", encoding.name())
            }
        };
        let endpoint = endpoint.clone();
        Ok((Self { source, endpoint, encoding, decoder, pending: head, ended: whole }, said))
    }

    /// The encoding's name.
    pub(super) fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// Appends the next piece of text to `buffer`; false at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<bool> {
        if self.pending.is_empty() && !self.ended {
            let read = (&mut self.source).take(CHUNK as u64).read_to_end(&mut self.pending);
            self.ended = read.map_err(|cause| read_error(&self.endpoint, cause))? < CHUNK;
        }
        let more = !self.pending.is_empty() || self.decoder.is_some();
        match &mut self.decoder {
            None => buffer.append(&mut self.pending),
            Some(decoder) => {
                decode(decoder, &self.pending, self.ended, buffer);
                self.pending.clear();
                if self.ended {
                    self.decoder = None;
                }
            }
        }
        Ok(more)
    }
}

fn decode(decoder: &mut Decoder, mut bytes: &[u8], last: bool, buffer: &mut Vec<u8>) {
    loop {
        let from = buffer.len();
        buffer.resize(from + bytes.len() * 3 + 16, 0);
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(bytes, &mut buffer[from..], last);
        buffer.truncate(from + written);
        bytes = &bytes[read..];
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => buffer.push(BROKEN),
        }
    }
}

fn named(label: &str) -> Result<&'static Encoding> {
    Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
        Error::input(format!("unknown encoding `{label}`"))
            .hint("such as `utf-8`, `utf-16le`, `windows-1252`, `windows-1251`, `shift_jis`, `gbk`")
    })
}

/// The encoding, the length of the byte order mark, and how it was found.
fn choose(head: &[u8], whole: bool, forced: Option<&'static Encoding>) -> (&'static Encoding, usize, Choice) {
    let mark = Encoding::for_bom(head);
    match (forced, mark) {
        // `utf-16` is a name for both byte orders; the mark says which.
        (Some(flag), Some((marked, length))) if flag == marked || (is_utf16(flag) && is_utf16(marked)) => {
            return (marked, length, Choice::Flag);
        }
        (Some(flag), _) => return (flag, 0, Choice::Flag),
        (None, Some((marked, length))) if marked == UTF_8 => return (UTF_8, length, Choice::Utf8),
        (None, Some((marked, length))) => return (marked, length, Choice::Mark),
        (None, None) => {}
    }
    if let Some(encoding) = zero_pattern(head) {
        return (encoding, 0, Choice::Pattern);
    }
    if mostly_utf8(head, whole) {
        return (UTF_8, 0, Choice::Utf8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, whole);
    (detector.guess(None, Utf8Detection::Deny), 0, Choice::Guess)
}

fn is_utf16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// UTF-32 with its mark, or with two letters of Latin at its beginning. Its mark begins as the one of UTF-16 does, and
/// read as that, every second character would be none.
fn is_utf32(head: &[u8]) -> bool {
    matches!(
        head,
        [0xFF, 0xFE, 0, 0, ..]
            | [0, 0, 0xFE, 0xFF, ..]
            | [1..=255, 0, 0, 0, 1..=255, 0, 0, 0, ..]
            | [0, 0, 0, 1..=255, 0, 0, 0, 1..=255, ..]
    )
}

/// UTF-16 without a mark: in text that is mostly Latin every second byte is zero, beginning with the header's
/// first letter, and no other text has them so.
fn zero_pattern(head: &[u8]) -> Option<&'static Encoding> {
    let sample = &head[..head.len().min(4096) & !1];
    let zeros = |side: usize| sample.iter().skip(side).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let (many, none) = (sample.len() * 3 / 20, sample.len() / 100);
    match sample {
        [1..=255, 0, ..] if odd > many && even <= none => Some(UTF_16LE),
        [0, 1..=255, ..] if even > many && odd <= none => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether text is UTF-8, or so clearly meant to be that the rest is broken rows: its letters beyond ASCII are
/// whole characters more than twice as often as not, or letters of Latin, Greek or Cyrillic as often. In another
/// encoding they hardly ever are.
fn mostly_utf8(head: &[u8], whole: bool) -> bool {
    let familiar =
        |c: &char| matches!(c, '\u{c0}'..='\u{17f}' | '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{4ff}');
    let (mut characters, mut letters, mut broken) = (0usize, 0usize, 0usize);
    let mut rest = head.len();
    for chunk in head.utf8_chunks() {
        characters += chunk.valid().bytes().filter(|byte| *byte >= 0xC0).count();
        letters += chunk.valid().chars().filter(familiar).count();
        rest -= chunk.valid().len() + chunk.invalid().len();
        let cut_off = rest == 0
            && !whole
            && std::str::from_utf8(chunk.invalid()).is_err_and(|e| e.error_len().is_none());
        if !chunk.invalid().is_empty() && !cut_off {
            broken += 1;
        }
    }
    broken == 0 || characters > 2 * broken || letters >= broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(head: &[u8], flag: Option<&str>) -> &'static str {
        choose(head, true, flag.map(|label| named(label).unwrap())).0.name()
    }

    #[test]
    fn encodings_are_chosen_by_flag_mark_pattern_and_validity() {
        let cases: [(&[u8], Option<&str>, &str); 12] = [
            (b"a,b\n1,2\n", None, "UTF-8"),
            (b"", None, "UTF-8"),
            (b"\xEF\xBB\xBFa,b\n", None, "UTF-8"),
            (b"\xFF\xFEa\0,\0", None, "UTF-16LE"),
            (b"\xFE\xFF\0a\0,", None, "UTF-16BE"),
            (b"a\0,\0b\0\n\0", None, "UTF-16LE"),
            (b"\0a\0,\0b\0\n", None, "UTF-16BE"),
            (b"a,b,c\n\0,2,3\n", None, "UTF-8"),
            (b"name\nJos\xE9 Mu\xF1oz\nFran\xE7ois\n", None, "windows-1252"),
            (b"name\nJos\xE9\n", Some("iso-8859-2"), "ISO-8859-2"),
            (b"\xFE\xFF\0a\0,", Some("utf-16"), "UTF-16BE"),
            ("José, Zoë, Åsa, \u{4e2d}\u{6587} and a broken ".as_bytes(), None, "UTF-8"),
        ];
        for (head, flag, expected) in cases {
            assert_eq!(chosen(head, flag), expected, "{head:?}");
        }
        let mut one_broken = "José, Zoë, Åsa: ".as_bytes().to_vec();
        one_broken.push(0xE9);
        assert_eq!(chosen(&one_broken, None), "UTF-8", "one broken row does not make another encoding");
        let short = [b"name\nRen\xC3\xA9\nJos\xE9\n".as_slice(), b"\xD0\xAF\n\xFF\n"];
        for text in short {
            assert_eq!(chosen(text, None), "UTF-8", "{text:?}");
        }
        for text in [b"\xABCAF\xC9\xBB\n".as_slice(), b"\x84Spa\xDF\x93\n"] {
            assert_ne!(chosen(text, None), "UTF-8", "{text:?}");
        }
        assert!(named("klingon").is_err());
    }

    #[test]
    fn utf_32_is_known() {
        let wide = |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>();
        for text in ["\u{feff}Имя,a\n", "name\n"] {
            assert!(is_utf32(&wide(text)), "{text}");
            assert!(
                is_utf32(&text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect::<Vec<_>>()),
                "{text}"
            );
        }
        for bytes in [b"\xFF\xFEa\0,\0".as_slice(), b"a\0,\0b\0", b"a\0\0\0", b"a,b"] {
            assert!(!is_utf32(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_marked_and_the_rest_goes_on() {
        let mut decoder = UTF_16LE.new_decoder_without_bom_handling();
        let mut text = Vec::new();
        decode(&mut decoder, b"a\0\x00\xDCb\0", true, &mut text);
        assert_eq!(text, [b'a', BROKEN, b'b']);
    }

    #[test]
    fn a_character_cut_off_by_the_end_of_the_head_is_not_broken() {
        assert!(mostly_utf8(b"abc\xC3", false));
        assert!(!mostly_utf8(b"abc\xC3", true));
    }
}
