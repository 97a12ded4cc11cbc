//! Phone numbers, read and written by the rules of libphonenumber.

use super::{Problem, country};
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat, Region, ValidationError,
};

/// Between the first and the last of several numbers: `784-9761~3`.
const TILDES: [char; 4] = ['~', '\u{2053}', '\u{223c}', '\u{ff5e}'];

/// How phone numbers are read and written.
#[derive(Debug, Clone, Default)]
pub struct Phone {
    /// The form to write.
    pub format: Format,
    /// The region that a number without `+` belongs to, where no other field says it.
    pub region: Option<Region>,
    /// Whether a number must be one that is in use, not merely of a possible length.
    pub strict: bool,
    /// Whether a text that is no number stays as it is.
    pub keep: bool,
    /// What becomes of an extension.
    pub extension: Extension,
}

/// What becomes of a number's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extension {
    /// It stands behind the number as ` ext. 5`, in every form.
    #[default]
    Keep,
    /// It is left out.
    Drop,
    /// It alone is taken; nothing where there is none.
    Only,
}

/// The form of a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `+442079460018`.
    #[default]
    E164,
    /// `+44 20 7946 0018`.
    International,
    /// `020 7946 0018`.
    National,
}

/// The phone region of an ISO 3166-1 alpha-2 code, if there is one.
#[must_use]
pub fn region(alpha2: &str) -> Option<Region> {
    Region::try_from(alpha2).ok()
}

impl Phone {
    /// Writes a number in the wanted form. `country` is the text of the field that says where it belongs, in
    /// any spelling; it comes before `region`, and is passed over where it names no one country.
    ///
    /// # Errors
    /// When the text is no number of a possible length, or its region is not known.
    pub fn apply(&self, text: &str, country: Option<&str>) -> Result<String, Problem> {
        match self.read(text, country) {
            Ok(number) => Ok(self.write(&number)),
            Err(_) if self.keep => Ok(text.to_owned()),
            Err(problem) => Err(problem),
        }
    }

    fn read(&self, text: &str, country: Option<&str>) -> Result<PhoneNumber, Problem> {
        let named = country.filter(|name| !name.trim().is_empty());
        let region = named.and_then(|name| country::alpha2(name).ok()).and_then(region).or(self.region);
        let number = match PHONE_NUMBER_UTIL.parse(text, region) {
            Ok(number) => number,
            Err(cause) => return Err(explain(&cause, text, region, named)),
        };
        // libphonenumber takes what is behind it for an extension; where it is written, it is as often the last of
        // several numbers.
        if !number.extension().is_empty() && text.contains(TILDES) {
            return Err(Problem::new("holds several phone numbers, from one to another").hint(
                "take the first with `split`, such as `{ split = \"~\" }, { nth = 1 }`; an extension is written `x3`",
            ));
        }
        match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) {
            Ok(NumberLengthType::IsPossible) => {}
            Ok(NumberLengthType::IsPossibleLocalOnly) => {
                return Err(Problem::new(format!(
                    "is no full phone number{}: the area code is missing",
                    of(region)
                ))
                .hint("add the area code"));
            }
            Err(cause) => return Err(bad_length(&cause, region)),
        }
        if self.strict && !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err(Problem::new(format!("is not a phone number in use{}", of(region)))
                .hint("correct it, or leave `strict` out to take any of a possible length"));
        }
        Ok(number)
    }

    fn write(&self, number: &PhoneNumber) -> String {
        let format = match self.format {
            Format::E164 => PhoneNumberFormat::E164,
            Format::International => PhoneNumberFormat::International,
            Format::National => PhoneNumberFormat::National,
        };
        match (self.extension, number.extension()) {
            (Extension::Only, extension) => extension.to_owned(),
            (Extension::Drop, extension) if !extension.is_empty() => {
                let mut bare = number.clone();
                bare.extension = None;
                PHONE_NUMBER_UTIL.format(&bare, format).into_owned()
            }
            (Extension::Keep, extension) if self.format == Format::E164 && !extension.is_empty() => {
                format!("{} ext. {extension}", PHONE_NUMBER_UTIL.format(number, format))
            }
            _ => PHONE_NUMBER_UTIL.format(number, format).into_owned(),
        }
    }
}

fn of(region: Option<Region>) -> String {
    region.map(|region| format!(" of {region}")).unwrap_or_default()
}

fn explain(cause: &ParseError, text: &str, region: Option<Region>, named: Option<&str>) -> Problem {
    match (cause, region) {
        (ParseError::InvalidCountryCode, None) if !text.trim_start().starts_with('+') => {
            let why = "has no country code and its country is not known";
            Problem::new(match named {
                Some(name) => format!("{why} (`{name}` names no one country)"),
                None => why.to_owned(),
            })
            .hint("write it with `+`, or name its country with `region` or `region_from`")
        }
        (ParseError::InvalidCountryCode, _) => Problem::new("has a country code that does not exist"),
        (ParseError::TooShortNsn | ParseError::TooShortAfterIdd, _) => {
            Problem::new(format!("is too short for a phone number{}", of(region)))
        }
        (ParseError::TooLongNsn, _) => Problem::new(format!("is too long for a phone number{}", of(region)))
            .hint("where the cell holds several numbers, take them apart with `split`"),
        (ParseError::NotANumber(_), _) => Problem::new("is no phone number"),
    }
}

fn bad_length(cause: &ValidationError, region: Option<Region>) -> Problem {
    let of = of(region);
    match cause {
        ValidationError::InvalidCountryCode => Problem::new("has a country code that does not exist"),
        ValidationError::TooShort => Problem::new(format!("is too short for a phone number{of}")),
        ValidationError::InvalidLength => Problem::new(format!("has a length that no phone number{of} has")),
        ValidationError::TooLong => Problem::new(format!("is too long for a phone number{of}"))
            .hint("where the cell holds several numbers, take them apart with `split`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(format: Format, region: Option<&str>, strict: bool) -> Phone {
        Phone { format, region: region.and_then(super::region), strict, ..Phone::default() }
    }

    #[test]
    fn numbers_are_written_in_every_form() {
        let cases = [
            ("020 7946 0018", Some("GB"), None, "+442079460018", "+44 20 7946 0018", "020 7946 0018"),
            ("(202) 224-3441", None, Some("USA"), "+12022243441", "+1 202-224-3441", "(202) 224-3441"),
            ("030 123456", Some("GB"), Some("Deutschland"), "+4930123456", "+49 30 123456", "030 123456"),
            ("+380 44 123 45 67", Some("DE"), None, "+380441234567", "+380 44 123 4567", "044 123 4567"),
            ("0043 1 5321234", Some("DE"), None, "+4315321234", "+43 1 5321234", "01 5321234"),
            (
                "020 7946 0018",
                Some("GB"),
                Some("Atlantis"),
                "+442079460018",
                "+44 20 7946 0018",
                "020 7946 0018",
            ),
            (
                "+1 202-224-3441 x5",
                None,
                None,
                "+12022243441 ext. 5",
                "+1 202-224-3441 ext. 5",
                "(202) 224-3441 ext. 5",
            ),
        ];
        for (text, region, country, e164, international, national) in cases {
            let wanted =
                [(Format::E164, e164), (Format::International, international), (Format::National, national)];
            for (format, expected) in wanted {
                assert_eq!(
                    phone(format, region, false).apply(text, country).as_deref(),
                    Ok(expected),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn extensions_and_what_is_no_number_are_a_choice() {
        let with = |extension| Phone { extension, ..phone(Format::International, Some("US"), false) };
        let text = "(202) 224-3441 x5";
        assert_eq!(with(Extension::Keep).apply(text, None).as_deref(), Ok("+1 202-224-3441 ext. 5"));
        assert_eq!(with(Extension::Drop).apply(text, None).as_deref(), Ok("+1 202-224-3441"));
        assert_eq!(with(Extension::Only).apply(text, None).as_deref(), Ok("5"));
        assert_eq!(with(Extension::Only).apply("(202) 224-3441", None).as_deref(), Ok(""));
        let keep = Phone { keep: true, ..phone(Format::E164, None, false) };
        assert_eq!(keep.apply("ask Ada", None).as_deref(), Ok("ask Ada"));
    }

    #[test]
    fn what_is_no_number_says_why() {
        let cases = [
            ("foo", Some("GB"), "is no phone number"),
            ("020 7946 0018", None, "has no country code and its country is not known"),
            ("12", Some("GB"), "is too short for a phone number of GB"),
            ("224-3441", Some("US"), "is no full phone number of US: the area code is missing"),
            ("+999 12345678", None, "has a country code that does not exist"),
            ("+1 202 224 3441 34 343", Some("US"), "is too long for a phone number of US"),
        ];
        for (text, region, why) in cases {
            assert_eq!(phone(Format::E164, region, false).apply(text, None).unwrap_err().why, why, "{text}");
        }
        let unknown = phone(Format::E164, None, false).apply("1234567", Some("Congo")).unwrap_err();
        assert_eq!(
            unknown.why,
            "has no country code and its country is not known (`Congo` names no one country)"
        );
        for range in ["+82-2-784-9761~3", "020 7946 0018~20", "020 7946 0018 ～ 20"] {
            let why = phone(Format::E164, Some("GB"), false).apply(range, None).unwrap_err().why;
            assert_eq!(why, "holds several phone numbers, from one to another", "{range}");
        }
        assert!(phone(Format::E164, Some("US"), true).apply("202 111 1111", None).is_err());
        assert!(phone(Format::E164, Some("US"), false).apply("202 111 1111", None).is_ok());
    }

    /// Google's own examples, one number a region and type; `001` stands for numbers without a region.
    #[test]
    fn example_numbers_of_every_region_are_read() {
        let Ok(list) = std::fs::read_to_string("../shared/data/phone/libphonenumber-examples.csv") else {
            return;
        };
        let (mut read, mut total) = (0, 0);
        for line in list.lines().skip(1) {
            let cells: Vec<_> = line.split(',').collect();
            let (text, region) = match cells[1] {
                "001" => (format!("+{}{}", cells[0], cells[3]), None),
                region => (cells[3].to_owned(), Some(region)),
            };
            total += 1;
            let expected = format!("+{}{}", cells[0], cells[3]);
            read += usize::from(phone(Format::E164, region, false).apply(&text, None) == Ok(expected));
        }
        assert!(read * 100 >= total * 97, "{read} of {total}");
    }
}
