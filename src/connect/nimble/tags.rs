//! Tags as Nimble writes them on a create: one comma-separated text, at most five, `\,` for a comma inside a
//! tag (facts, sections 9.1 and 11). A longer list, or a tag that this syntax cannot say, takes a request of
//! its own.

/// How many tags a create may carry.
pub(super) const ON_CREATE: usize = 5;

/// The text of a create's `tags`, and the tags that it says, which may not be all. The empty text stands for none.
pub(super) fn join(tags: &[String]) -> (String, Vec<String>) {
    // A backslash has no escape of its own, so such a tag could be read as another.
    let said: Vec<_> = tags.iter().filter(|tag| !tag.contains('\\')).take(ON_CREATE).cloned().collect();
    let written: Vec<_> = said.iter().map(|tag| tag.replace(',', "\\,")).collect();
    (written.join(","), said)
}

/// Reads the comma syntax: blanks around a tag and empty tags do not count.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut tags = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '\\' if chars.next_if_eq(&',').is_some() => push(&mut tags, ','),
            ',' => tags.push(String::new()),
            other => push(&mut tags, other),
        }
    }
    tags.into_iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect()
}

fn push(tags: &mut [String], c: char) {
    if let Some(tag) = tags.last_mut() {
        tag.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn the_vectors_of_the_facts() {
        assert_eq!(split(r"our customers,best\,premium"), ["our customers", "best,premium"]);
        assert_eq!(split(" a , b "), ["a", "b"]);
        assert_eq!(split("a,,b"), ["a", "b"]);
        assert!(split("").is_empty());
    }

    #[test]
    fn more_than_five_or_unsayable_tags_are_left_to_their_own_request() {
        let written = |tags: &[&str]| {
            let (text, said) = join(&owned(tags));
            assert_eq!(split(&text), said);
            text
        };
        assert_eq!(written(&["a", "b,c"]), r"a,b\,c");
        assert_eq!(written(&["a", r"b\"]), "a");
        assert_eq!(written(&["1", "2", "3", "4", "5", "6"]), "1,2,3,4,5");
        assert_eq!(written(&[]), "");
    }
}
