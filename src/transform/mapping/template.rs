//! Texts with places to fill in: `"{first name} {last name}"`.
//!
//! Where a value is blank, what stood around it is tidied: empty brackets go, blanks and separators that are
//! left without anything to separate go. Only the template's own text is touched, never a value's.

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template<P>(Vec<Part<P>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<P> {
    Text(String),
    Field(P),
}

impl<P> Template<P> {
    /// Reads a template; `{{` and `}}` stand for single braces. `name` makes a place of a name and the byte
    /// offset at which it stands in the template.
    pub(super) fn parse(text: &str, mut name: impl FnMut(&str, usize) -> P) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '{' | '}' if chars.next_if(|(_, next)| *next == c).is_some() => literal.push(c),
                '{' => {
                    let rest = &text[at + 1..];
                    let end =
                        rest.find('}').ok_or("a `{` is never closed; `{{` stands for the brace itself")?;
                    if rest[..end].trim().is_empty() {
                        return Err("there is no field between `{` and `}`");
                    }
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                    parts.push(Part::Field(name(&rest[..end], at + 1)));
                    while chars.next_if(|(inner, _)| *inner <= at + 1 + end).is_some() {}
                }
                '}' => return Err("a `}` closes nothing; `}}` stands for the brace itself"),
                _ => literal.push(c),
            }
        }
        if parts.is_empty() {
            return Err("it names no field; use `const` for a fixed text");
        }
        parts.push(Part::Text(literal));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }

    pub(super) fn resolve<Q>(self, from: &mut impl FnMut(P) -> Q) -> Template<Q> {
        let part = |part| match part {
            Part::Text(text) => Part::Text(text),
            Part::Field(name) => Part::Field(from(name)),
        };
        Template(self.0.into_iter().map(part).collect())
    }

    /// The places that the template names.
    pub(super) fn fields(&self) -> impl Iterator<Item = &P> {
        self.0.iter().filter_map(|part| match part {
            Part::Field(place) => Some(place),
            Part::Text(_) => None,
        })
    }

    /// Fills the template in; `None` where every value is blank.
    pub(super) fn fill(&self, value: impl Fn(&P) -> Option<String>) -> Option<String> {
        let mut made = String::new();
        let mut between = String::new();
        let (mut gap, mut any) = (false, false);
        for part in &self.0 {
            match part {
                Part::Text(text) => between.push_str(text),
                Part::Field(place) => match value(place) {
                    Some(text) => {
                        let tidy =
                            if gap { tidied(&between, any, true) } else { std::mem::take(&mut between) };
                        made.push_str(&tidy);
                        made.push_str(&text);
                        between.clear();
                        (gap, any) = (false, true);
                    }
                    None => gap = true,
                },
            }
        }
        made.push_str(&if gap { tidied(&between, any, false) } else { between });
        any.then_some(made)
    }
}

/// The text between two values with a blank one amid it: `before` and `after` say whether a value stands there.
fn tidied(between: &str, before: bool, after: bool) -> String {
    let separator = |c: char| matches!(c, ',' | ';' | '/' | '|' | '-' | '–' | '—' | '·' | ':');
    let mut made = String::new();
    let mut last = None;
    for c in between.chars() {
        match (last, c) {
            (Some('('), ')') | (Some('['), ']') | (Some('<'), '>') => {
                made.truncate(made.trim_end().len());
                made.pop();
                last = made.trim_end().chars().next_back();
            }
            (Some(previous), c) if separator(previous) && separator(c) => {}
            (_, c) if c.is_whitespace() && made.ends_with(char::is_whitespace) => {}
            _ => {
                made.push(c);
                if !c.is_whitespace() {
                    last = Some(c);
                }
            }
        }
    }
    let loose = |c: char| c.is_whitespace() || separator(c);
    let start = if before { made.as_str() } else { made.trim_start_matches(loose) };
    if after { start.to_owned() } else { start.trim_end_matches(loose).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn what_is_blank_leaves_no_trace() {
        let values = HashMap::from([("a", "A"), ("b", "B"), ("c", "C"), ("d", "x, , y")]);
        let cases = [
            ("{a} {b}", Some("A B")),
            ("{a} {no}", Some("A")),
            ("{no} {b}", Some("B")),
            ("{no} {no}", None),
            ("{a}, {no}, {c}", Some("A, C")),
            ("{a}, {no} {c}", Some("A, C")),
            ("{no}, {b} {c}", Some("B C")),
            ("{a} ({no})", Some("A")),
            ("({no}) {b}", Some("B")),
            ("({a}) {no}", Some("(A)")),
            ("{a} ({no}) {c}", Some("A C")),
            ("Dear {a},", Some("Dear A,")),
            ("{{{a}}}", Some("{A}")),
            ("{d} {no}", Some("x, , y")),
            ("https://x.example/{a}/", Some("https://x.example/A/")),
        ];
        for (text, expected) in cases {
            let template = Template::parse(text, |name, _| name.to_owned()).unwrap();
            let filled = template.fill(|name| values.get(name.as_str()).map(|value| (*value).to_owned()));
            assert_eq!(filled.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn broken_templates_say_why() {
        for text in ["{a", "a}", "{}", "plain", ""] {
            assert!(Template::parse(text, |name, _| name.to_owned()).is_err(), "{text}");
        }
    }
}
