//! How the operations do on reference sets that others made. The figures stand in the documentation; a test
//! holds them to what is counted, wherever the sets are present.

/// What came of one set.
pub(super) struct Rate {
    /// What is read, and whose set it is.
    pub(super) set: &'static str,
    pub(super) good: usize,
    pub(super) total: usize,
    pub(super) others: &'static [Other],
}

/// Entries of a set that are not read, all for one reason.
pub(super) struct Other {
    pub(super) count: usize,
    /// What they are answered.
    pub(super) why: &'static str,
    /// Why that is as it should be, or how far it is not.
    pub(super) because: &'static str,
}

/// One for each set, in the order of the tests.
pub(super) const RATES: &[Rate] = &[
    Rate {
        set: "country: names of ISO 3166-1 in 13 languages (Debian iso-codes)",
        good: 3104,
        total: 3412,
        others: &[
            Other {
                count: 295,
                why: "is no country that is known",
                because: "translations that the CLDR writes otherwise, mostly of small islands and of official names in \
                          Japanese, Korean, Chinese and Arabic",
            },
            Other {
                count: 13,
                why: "is the name",
                because: "of several countries: Congo, and once Korea; refused by design",
            },
        ],
    },
    Rate {
        set: "country: short names of the United Nations in 6 languages (datasets/country-codes)",
        good: 2685,
        total: 2913,
        others: &[
            Other {
                count: 213,
                why: "is no country that is known",
                because: "the United Nations' own wording, genitives in Russian, official names in Chinese and Arabic",
            },
            Other {
                count: 2,
                why: "is read as another",
                because: "the two parts of Saint Martin, told apart by a bracket that the test cuts off",
            },
            Other {
                count: 13,
                why: "is the name",
                because: "of several countries: Congo and Korea; by design",
            },
        ],
    },
    Rate {
        set: "country: names of the Unicode CLDR in 16 languages",
        good: 4210,
        total: 4216,
        others: &[
            Other {
                count: 2,
                why: "is no country that is known",
                because: "`R.-U.` and `É.-U.` would be the codes `RU` and `EU`",
            },
            Other {
                count: 1,
                why: "is read as another",
                because: "`RU`, Portuguese for the United Kingdom, is the code of Russia first",
            },
            Other { count: 3, why: "is the name", because: "of several countries: Congo; by design" },
        ],
    },
    Rate {
        set: "country: countries of addresses (OpenCage address-formatting)",
        good: 436,
        total: 451,
        others: &[
            Other {
                count: 12,
                why: "is no country that is known",
                because: "territorial waters of French and other islands, bases on Cyprus, and a postcode",
            },
            Other {
                count: 3,
                why: "is read as another",
                because: "the country is named, the code is that of its territory (Hong Kong, the Virgin Islands)",
            },
        ],
    },
    Rate {
        set: "subdivision: states of addresses with their codes (OpenCage address-formatting)",
        good: 24,
        total: 24,
        others: &[],
    },
    Rate {
        set: "subdivision: names of ISO 3166-2 in US, CA, AU, MX, BR, IN, DE, AT, CH (Debian iso-codes)",
        good: 224,
        total: 224,
        others: &[],
    },
    Rate {
        set: "subdivision: names of ISO 3166-2 in all countries (Debian iso-codes)",
        good: 3895,
        total: 5127,
        others: &[
            Other {
                count: 1111,
                why: "is no state or province",
                because: "names in the country's own spelling, where the table has the English one",
            },
            Other {
                count: 109,
                why: "is read as another",
                because: "two levels of one name (region and province), and codes replaced since",
            },
            Other { count: 12, why: "is the name", because: "of several places of the country; by design" },
        ],
    },
    Rate {
        set: "time_zone: Windows names and the zones of their territories (Unicode CLDR)",
        good: 723,
        total: 724,
        others: &[Other {
            count: 1,
            why: "is no time zone that is known",
            because: "an empty name in the set itself",
        }],
    },
    Rate {
        set: "time_zone: names and old names of zones (Unicode CLDR)",
        good: 599,
        total: 601,
        others: &[Other {
            count: 2,
            why: "is no time zone that is known",
            because: "`Canada/East-Saskatchewan` and `US/Pacific-New`, which the time zone database has dropped",
        }],
    },
    Rate {
        set: "phone: example numbers of every region and kind (Google libphonenumber)",
        good: 1147,
        total: 1148,
        others: &[Other {
            count: 1,
            why: "is no full phone number",
            because: "a Canadian number for all of the country, of seven digits, which cannot be called from abroad",
        }],
    },
    Rate {
        set: "email: addresses in use and not in use (isemail)",
        good: 127,
        total: 164,
        others: &[
            Other {
                count: 11,
                why: "is refused",
                because: "domains of one label and IP addresses for domains, which no contact has; blank and escaped \
                          quotes before the `@`",
            },
            Other {
                count: 26,
                why: "is taken",
                because: "blanks and line breaks around an address are trimmed first; one domain of 254 letters, one too \
                          many",
            },
        ],
    },
];

/// The section of the documentation.
pub(super) fn table() -> String {
    let mut section =
        "\n## How much is read\n\nReference sets that others made, run by the tests. What is not \
                       read is refused with its reason, never guessed.\n\n| set | read as it should be | the \
                       others |\n|---|---|---|\n"
            .to_owned();
    for rate in RATES {
        let tenths = rate.good * 1000 / rate.total.max(1);
        let share = format!("{}.{} %", tenths / 10, tenths % 10);
        let other = |other: &Other| format!("{} × “{}”: {}", other.count, other.why, other.because);
        let others: Vec<_> = rate.others.iter().map(other).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join("<br>") };
        let row = format!("| {} | {} of {} ({share}) | {others} |\n", rate.set, rate.good, rate.total);
        section.push_str(&row);
    }
    section
}

#[cfg(test)]
#[path = "rates_tests.rs"]
mod tests;
