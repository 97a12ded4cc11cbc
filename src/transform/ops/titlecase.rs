//! Capitals as names have them.
//!
//! Every word begins with a capital and goes on in small letters, also after a hyphen, and after an apostrophe
//! behind a single letter (`O'Brien`, `D'Angelo`, but `Women's`). Beyond that:
//!
//! - `Mc` and the well-known `Mac` names have a second capital: `McDonald`, `MacGregor`, but `Mackey`.
//! - A word that has an inner capital behind a small letter is left as it is: `DeVito`, `MacDonald`.
//! - Particles within a name are small: `Ludwig van Beethoven`, `Juan de la Cruz`; the first word never.
//! - Roman numerals behind a name are capitals: `Henry VIII`; `Vi` and `Xi`, which are names too, are not.

/// Words that stand small within a name. `Le`, `La` alone and `Al` are given names elsewhere, and stay out.
const PARTICLES: [&str; 33] = [
    "af", "av", "bin", "d", "da", "das", "de", "degli", "dei", "del", "della", "delle", "den", "der", "di",
    "do", "dos", "du", "e", "ibn", "of", "och", "t", "ten", "ter", "und", "van", "vom", "von", "y", "zu",
    "zum", "zur",
];

/// Articles that stand small behind another particle: `de la`, `van het`.
const ARTICLES: [&str; 7] = ["la", "las", "le", "los", "les", "het", "el"];

const MAC: [&str; 21] = [
    "alister", "allister", "arthur", "aulay", "beth", "callum", "cormack", "donald", "dougall", "farlane",
    "gregor", "intosh", "intyre", "kenzie", "kinnon", "laren", "lean", "leod", "millan", "pherson",
    "taggart",
];

const NUMERALS: [&str; 12] =
    ["ii", "iii", "iv", "vii", "viii", "ix", "xii", "xiii", "xiv", "xv", "xvi", "xxiii"];

/// Writes a text with the capitals of names.
#[must_use]
pub fn titlecase(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let (mut first, mut particle) = (true, false);
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        made.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = &rest[..end];
        let small = word.to_lowercase();
        let bare = small.trim_matches(['\'', '’']);
        let was = particle;
        particle = !first && (PARTICLES.contains(&bare) || (was && ARTICLES.contains(&bare)));
        let numeral = small.trim_end_matches([',', '.']);
        if particle {
            made.push_str(&small);
        } else if !first && NUMERALS.contains(&numeral) {
            made.push_str(&small.to_uppercase());
        } else {
            capitalised(word, &mut made);
        }
        first = false;
        rest = &rest[end..];
    }
    made.push_str(rest);
    made
}

/// A word whose parts between hyphens and apostrophes have their capitals.
fn capitalised(word: &str, made: &mut String) {
    let inner = |part: &str| {
        let begins = part.chars().next().is_some_and(char::is_uppercase);
        let letters = || part.chars().filter(|c| !is_accent(*c));
        let mut pairs = letters().zip(letters().skip(1));
        begins && pairs.any(|(a, b)| a.is_lowercase() && b.is_uppercase())
    };
    let mut letters = 0usize;
    let mut begin = 0;
    for (at, c) in word.char_indices() {
        if c.is_alphanumeric() {
            letters += 1;
            continue;
        }
        if is_accent(c) || (matches!(c, '\'' | '’') && letters != 1) {
            continue;
        }
        part(&word[begin..at], inner(&word[begin..at]), made);
        made.push(c);
        (begin, letters) = (at + c.len_utf8(), 0);
    }
    part(&word[begin..], inner(&word[begin..]), made);
}

/// An accent that stands behind its letter as a character of its own, as macOS writes the names of files.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}')
}

fn part(part: &str, keep: bool, made: &mut String) {
    if keep {
        made.push_str(part);
        return;
    }
    let small = part.to_lowercase();
    let second = match small.strip_prefix("mc") {
        Some(rest) if rest.chars().count() > 1 => Some(("Mc", rest)),
        _ => small.strip_prefix("mac").filter(|rest| MAC.contains(rest)).map(|rest| ("Mac", rest)),
    };
    let rest = match second {
        Some((start, rest)) => {
            made.push_str(start);
            rest
        }
        None => &small,
    };
    let mut chars = rest.chars();
    if let Some(c) = chars.next() {
        made.extend(title(c));
        made.push_str(chars.as_str());
    }
}

/// The title form of a letter. Digraphs such as `ǆ` have one of their own, `ß` at a word's start has none in
/// use and becomes `Ss`.
fn title(c: char) -> impl Iterator<Item = char> {
    let (only, more) = match c {
        'ǆ' | 'ǅ' | 'Ǆ' => (Some('ǅ'), None),
        'ǉ' | 'ǈ' | 'Ǉ' => (Some('ǈ'), None),
        'ǌ' | 'ǋ' | 'Ǌ' => (Some('ǋ'), None),
        'ß' => (Some('S'), Some('s')),
        _ => (None, None),
    };
    let upper = only.is_none().then(|| c.to_uppercase()).into_iter().flatten();
    only.into_iter().chain(more).chain(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_capitals() {
        let cases = [
            ("ada lovelace", "Ada Lovelace"),
            ("O'BRIEN", "O'Brien"),
            ("shaquille o’neill", "Shaquille O’Neill"),
            ("d’artagnan", "D’Artagnan"),
            ("women's league", "Women's League"),
            ("JEAN-LUC PICARD", "Jean-Luc Picard"),
            ("éMILE ŽIŽEK", "Émile Žižek"),
            ("ЄВГЕН шевченко", "Євген Шевченко"),
            ("ǆemal", "ǅemal"),
            ("RONALD MCDONALD", "Ronald McDonald"),
            ("rob macgregor", "Rob MacGregor"),
            ("ann mackey", "Ann Mackey"),
            ("Danny DeVito", "Danny DeVito"),
            ("LUDWIG VAN BEETHOVEN", "Ludwig van Beethoven"),
            ("van der berg", "Van der Berg"),
            ("MARÍA DE LA CRUZ", "María de la Cruz"),
            ("vincent van 't hoff", "Vincent van 't Hoff"),
            ("JOSÉ ORTEGA Y GASSET", "José Ortega y Gasset"),
            ("henry viii", "Henry VIII"),
            ("john smith iii, jr.", "John Smith III, Jr."),
            ("xi jinping", "Xi Jinping"),
            ("  two  blanks ", "  Two  Blanks "),
            ("E\u{301}LODIE", "E\u{301}lodie"),
            ("e\u{301}lodie o\u{302}'brien", "E\u{301}lodie O\u{302}'Brien"),
            ("RENE\u{301}E D’E\u{301}ON", "Rene\u{301}e D’E\u{301}on"),
            ("De\u{301}Vito", "De\u{301}Vito"),
            ("mc", "Mc"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(titlecase(text), expected, "{text}");
        }
    }
}
