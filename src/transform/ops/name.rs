//! Names of people taken apart: prefix, given, middle and family name, suffix, nickname.
//!
//! The order is said or shown by a comma, never guessed from the words: `Byron, Ada` has the family name first,
//! `Ada Byron` the given name unless the mapping says otherwise. Titles in front, degrees and generations
//! behind, and particles of family names (`van der`, `de la`) are known words. Every word of the name ends in
//! exactly one part. A name of one word is a given name, or a family name where those come first. One that begins
//! with a small particle before a capital, `van Gogh`, is a family name alone.

/// A part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `Dr.`
    Prefix,
    /// `Ada`
    Given,
    /// `King`
    Middle,
    /// `Byron`
    Family,
    /// `Jr.`
    Suffix,
    /// `Chuy` of `Jesús "Chuy" García`.
    Nickname,
    /// All of them, given name first, the nickname left out.
    Full,
}

/// Which name comes first where no comma says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// `Ada Byron`.
    #[default]
    GivenFirst,
    /// `Byron Ada`, `Шевченко Тарас Григорович`, `Kim Min Jun`.
    FamilyFirst,
}

/// Titles that stand in front, without stops, in small letters.
const PREFIXES: &str = " mr mrs ms miss mx master sir dame lord lady dr doctor prof professor rev reverend fr father \
    pastor rabbi imam sheikh hon honorable honourable judge justice senator sen rep gov amb capt captain cmdr col \
    colonel gen general lt lieutenant maj major sgt sergeant adm admiral cpl pvt president \
    herr frau fräulein hr fru dipl-ing dipling mag univ-prof ing dr-ing pd \
    m mme mlle me monsieur madame mademoiselle dott dottssa sig sigra signor signora avv arch \
    sr sra srta señor señora señorita don doña dña d lic ilmo excmo sres dra profa eng \
    dhr mevr mw drs ir jhr pan pani inż mgr judr mudr phdr rndr bc doc \
    г-н г-жа господин госпожа пан пані панна д-р др проф доктор профессор професор акад \
    shri sri smt kumari thiru begum haji hajji datuk tan-sri tun ";

/// Titles of two words.
const DOUBLE_PREFIXES: [&str; 5] = ["dr med", "lt col", "lt gen", "rt hon", "his excellency"];

/// Generations and degrees that stand behind.
const SUFFIXES: &str = " jr sr jun sen junior senior ii iii iv vii viii phd ph.d dphil md m.d dds esq esquire mba mpa \
    msc bsc beng meng llb llm llc jd cpa cfa cissp pmp rn pe qc kc mp mep obe mbe cbe kbe kcb dbe obm frs ret \
    usn usaf usmc dipl.-ing mag.a fils père padre filho neto hijo nieto jnr snr bt ret'd sj osb ";

const PARTICLES: &str = " af al av bin ibn bint ben da das de degli dei del della delle den der des di do dos du el la \
    las le los lo mac o san santa st st. ste ste. 't ten ter te tom van vander vande vom von zu zum zur de' d' ap ab ";

const CONNECTING: [&str; 4] = ["y", "e", "i", "und"];

/// A name taken apart; the words of each part in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words<'a> {
    prefix: Vec<&'a str>,
    given: Vec<&'a str>,
    middle: Vec<&'a str>,
    family: Vec<&'a str>,
    suffix: Vec<&'a str>,
    nickname: Vec<&'a str>,
}

/// A part of a name; empty where the name has none.
#[must_use]
pub fn apply(text: &str, part: Part, order: Order) -> String {
    let words = split(text, order);
    let chosen: Vec<&[&str]> = match part {
        Part::Prefix => vec![&words.prefix],
        Part::Given => vec![&words.given],
        Part::Middle => vec![&words.middle],
        Part::Family => vec![&words.family],
        Part::Suffix => vec![&words.suffix],
        Part::Nickname => vec![&words.nickname],
        Part::Full => vec![&words.prefix, &words.given, &words.middle, &words.family, &words.suffix],
    };
    chosen.concat().join(" ")
}

fn split(text: &str, order: Order) -> Words<'_> {
    let mut words = Words::default();
    let outer = without_nickname(text, &mut words.nickname);
    // Degrees behind a comma are no given name: `Byron, Ada, PhD`, `Ada Byron, Jr.`
    let mut pieces: Vec<Vec<&str>> = vec![Vec::new()];
    for word in outer {
        for (at, piece) in word.split([',', '،', '、']).enumerate() {
            if at > 0 {
                pieces.push(Vec::new());
            }
            if let (false, Some(last)) = (piece.is_empty(), pieces.last_mut()) {
                last.push(piece);
            }
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    let mut behind = Vec::new();
    while pieces.len() > 1 && pieces.last().is_some_and(|piece| piece.iter().all(|word| is_suffix(word))) {
        behind.splice(0..0, pieces.pop().unwrap_or_default());
    }
    let mut rest = pieces.into_iter();
    let first = rest.next().unwrap_or_default();
    let more: Vec<&str> = rest.flatten().collect();
    if more.is_empty() {
        let kept = without_titles(first, &mut words);
        match order {
            Order::GivenFirst => given_first(kept, &mut words),
            Order::FamilyFirst => family_first(kept, &mut words),
        }
    } else {
        words.family = without_titles(first, &mut words);
        let mut given = without_titles(more, &mut words).into_iter();
        words.given.extend(given.next());
        words.middle.extend(given);
    }
    words.suffix.extend(behind);
    words
}

/// The words outside of quotes and brackets; those inside are a nickname. A quote that is never closed is a
/// letter like any other.
fn without_nickname<'a>(text: &'a str, nickname: &mut Vec<&'a str>) -> Vec<&'a str> {
    const PAIRS: [(char, char); 5] = [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('(', ')')];
    for (open, close) in PAIRS {
        let Some(start) = text.find(open) else { continue };
        let inner = start + open.len_utf8();
        let Some(length) = text[inner..].find(close).filter(|length| *length > 0) else { continue };
        let (before, behind) = (&text[..start], &text[inner + length + close.len_utf8()..]);
        // The whole name in quotes is no nickname.
        if before.trim().is_empty() && behind.trim().is_empty() {
            continue;
        }
        nickname.extend(text[inner..inner + length].split_whitespace());
        return before.split_whitespace().chain(behind.split_whitespace()).collect();
    }
    text.split_whitespace().collect()
}

/// The words between the titles in front and the degrees behind; one word at least is left.
fn without_titles<'a>(mut list: Vec<&'a str>, words: &mut Words<'a>) -> Vec<&'a str> {
    loop {
        let pair = list.get(..2).map(|pair| format!("{} {}", bare(pair[0]), bare(pair[1])));
        let double = list.len() > 2 && pair.is_some_and(|pair| DOUBLE_PREFIXES.contains(&pair.as_str()));
        if double {
            words.prefix.extend(list.drain(..2));
        } else if list.len() > 1 && is_prefix(list[0]) {
            words.prefix.push(list.remove(0));
        } else {
            break;
        }
    }
    let mut behind = Vec::new();
    while list.len() > 1 && list.last().is_some_and(|word| is_suffix(word)) {
        behind.splice(0..0, list.pop());
    }
    words.suffix.extend(behind);
    list
}

fn given_first<'a>(list: Vec<&'a str>, words: &mut Words<'a>) {
    let Some(last) = list.len().checked_sub(1).filter(|last| *last > 0) else {
        words.given = list;
        return;
    };
    // Written small it is no given name, as `Van` and `Al` may be; in a name that is small throughout it says nothing.
    let begins = |word: &str, is: fn(char) -> bool| word.chars().next().is_some_and(is);
    if listed(PARTICLES, list[0]) && begins(list[last], char::is_uppercase) {
        words.family = list;
        return;
    }
    let particle = (1..last).find(|at| is_listed(PARTICLES, list[*at]));
    let connected = last >= 3 && CONNECTING.contains(&list[last - 1]);
    let family = particle.unwrap_or(if connected { last - 2 } else { last });
    words.given = list[..1].to_vec();
    words.middle = list[1..family].to_vec();
    words.family = list[family..].to_vec();
}

fn family_first<'a>(list: Vec<&'a str>, words: &mut Words<'a>) {
    let particles = list.iter().take_while(|word| is_listed(PARTICLES, word)).count();
    let family = (particles + 1).min(list.len());
    words.family = list[..family].to_vec();
    words.given = list[family..].iter().take(1).copied().collect();
    words.middle = list[family..].iter().skip(1).copied().collect();
}

fn bare(word: &str) -> String {
    word.trim_end_matches('.').to_lowercase()
}

/// A title. `M` and `D` are initials as often; they need their stop.
fn is_prefix(word: &str) -> bool {
    let initial = word.chars().count() < 2;
    // An initial with a stop is one letter: `D.` is more often a name than Don.
    let one = bare(word).chars().count() < 2 && word != "M.";
    !initial && !one && listed(PREFIXES, &bare(word))
}

fn is_suffix(word: &str) -> bool {
    let plain = bare(word);
    // Both are names as well; abbreviations have their stop.
    if matches!(plain.as_str(), "jun" | "sen") {
        return word.ends_with('.');
    }
    let without: String = plain.replace('.', "");
    listed(SUFFIXES, &plain) || (without.len() > 1 && plain.contains('.') && listed(SUFFIXES, &without))
}

fn is_listed(list: &str, word: &str) -> bool {
    listed(list, &word.to_lowercase())
}

fn listed(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split(' ').any(|known| known == word)
}

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
