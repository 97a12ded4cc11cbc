//! Plain text from HTML, as notes and descriptions of web services are written.
//!
//! The HTML is read as a browser reads it, and rendered without decoration: paragraphs and lists keep their
//! lines, links their text. The library that does it has a history of panics on odd input; one is caught, and
//! the tags are then taken out one by one instead.

use html2text::render::{TaggedLine, TextDecorator};

/// A line so long that nothing is wrapped: lines are the text's own.
const WIDTH: usize = 1_000_000;

/// The text of HTML, or the text itself where nothing in it is HTML.
#[must_use]
pub fn to_text(html: &str) -> String {
    if !html.contains(['<', '&']) {
        return html.to_owned();
    }
    let rendered = std::panic::catch_unwind(|| {
        html2text::config::with_decorator(Bare)
            .no_table_borders()
            .raw_mode(true)
            .allow_width_overflow()
            .string_from_read(html.as_bytes(), WIDTH)
    });
    match rendered {
        Ok(Ok(text)) => tidied(&text),
        Ok(Err(_)) | Err(_) => tidied(&without_tags(html)),
    }
}

/// Nothing but the text: only items of lists are marked, so that they can be told apart.
#[derive(Debug, Clone, Copy)]
struct Bare;

impl TextDecorator for Bare {
    type Annotation = ();

    fn decorate_link_start(&mut self, _: &str) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_link_end(&mut self) -> String {
        String::new()
    }
    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_em_end(&self) -> String {
        String::new()
    }
    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_strong_end(&self) -> String {
        String::new()
    }
    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }
    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_code_end(&self) -> String {
        String::new()
    }
    fn decorate_preformat_first(&self) {}
    fn decorate_preformat_cont(&self) {}
    fn decorate_image(&mut self, _: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }
    fn header_prefix(&self, _: usize) -> String {
        String::new()
    }
    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }
    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }
    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }
    fn make_subblock_decorator(&self) -> Self {
        Self
    }
    fn decorate_superscript_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_superscript_end(&self) -> String {
        String::new()
    }
    fn finalise(&mut self, _: Vec<String>) -> Vec<TaggedLine<()>> {
        Vec::new()
    }
}

/// Lines without blanks at their ends, and no more than one empty line in a row.
fn tidied(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            made.push_str(line);
            made.push('\n');
        }
    }
    made.trim().to_owned()
}

/// The text with every `<…>` taken out, as a last resort.
fn without_tags(html: &str) -> String {
    let mut made = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match (inside, c) {
            (false, '<') => inside = true,
            (true, '>') => inside = false,
            (false, c) => made.push(c),
            (true, _) => {}
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_lists_and_entities_become_text() {
        let cases = [
            ("plain text", "plain text"),
            ("a < b", "a < b"),
            ("Smith &amp; Sons", "Smith & Sons"),
            ("<p>One</p><p>Two</p>", "One\n\nTwo"),
            ("One<br>Two", "One\nTwo"),
            ("<b>bold</b> and <i>not</i>", "bold and not"),
            ("<a href=\"https://example.org\">here</a>", "here"),
            ("<ul><li>a</li><li>b</li></ul>", "* a\n* b"),
            ("<script>alert(1)</script>x", "x"),
            ("", ""),
        ];
        for (html, expected) in cases {
            assert_eq!(to_text(html), expected, "{html}");
        }
        assert_eq!(without_tags("<p>One</p> two"), "One two");
    }
}
