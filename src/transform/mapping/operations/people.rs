//! Operations on what people are called and where they are reached.

use super::super::file::{Findings, Table};
use super::entry::{BARE, Entry, Kind, WITH, aside, many, may, must, one, refused};
use crate::transform::ops::phone::{self, Extension, Phone};
use crate::transform::ops::social::{self, Network, Social};
use crate::transform::ops::{Operation, country, email, name, web};

const NAME_PARTS: &[&str] = &["prefix", "given", "middle", "family", "suffix", "nickname", "full"];
const NETWORKS: &[&str] = &[
    "x",
    "twitter",
    "linkedin",
    "facebook",
    "instagram",
    "youtube",
    "tiktok",
    "threads",
    "github",
    "telegram",
    "bluesky",
    "pinterest",
    "xing",
    "vk",
    "medium",
];

/// The operations, in the order of the reference.
pub(super) const PEOPLE: &[Entry] = &[
    Entry {
        name: "name",
        what: "Takes a person's name apart and gives one part of it; nothing where the name has none.",
        short: Some("part"),
        arguments: &[
            must("part", Kind::Choice(NAME_PARTS), "which part; `full` is all of them, given name first"),
            may(
                "order",
                Kind::Choice(&["given-first", "family-first"]),
                "given-first",
                "which name comes first; a comma (`Byron, Ada`) always says it by itself",
            ),
        ],
        rules: &[
            "The order is never guessed from the words. Titles in front (`Dr.`, `Frau`, `Sra.`), generations and \
             degrees behind (`Jr.`, `III`, `PhD`), particles (`van der`, `de la`) and Spanish `y` are known. What \
             stands in quotes or brackets is a nickname. Every word ends in exactly one part. A name that begins with \
             a small particle before a capital (`van Gogh`) is a family name alone.",
            "Two family names without a hyphen cannot be told from a middle name: `María García López` has the \
             family name `López`, `García López, María` has both. Where a sheet has the parts in columns, use those.",
        ],
        examples: &[
            one(r#"{ name = "given" }"#, &["Dr. Ada King Byron, PhD"], &["Ada"]),
            one(r#"{ name = "middle" }"#, &["Dr. Ada King Byron, PhD"], &["King"]),
            one(r#"{ name = "family" }"#, &["Vincent Willem van Gogh"], &["van Gogh"]),
            one(r#"{ name = "family" }"#, &["van Gogh"], &["van Gogh"]),
            one(r#"{ name = "family" }"#, &["GARCÍA LÓPEZ, José"], &["GARCÍA LÓPEZ"]),
            one(r#"{ name = "prefix" }"#, &["Prof. Dr. Ada Byron"], &["Prof. Dr."]),
            one(r#"{ name = "suffix" }"#, &["John Smith Jr."], &["Jr."]),
            one(r#"{ name = "full" }"#, &["Byron, Ada"], &["Ada Byron"]),
            one(
                r#"{ name = { part = "family", order = "family-first" } }"#,
                &["Шевченко Тарас Григорович"],
                &["Шевченко"],
            ),
            many(r#"{ name = "suffix" }"#, &["Ada Byron"], &[]),
        ],
        compile: |table, _, findings| {
            let parts = [
                ("prefix", name::Part::Prefix),
                ("given", name::Part::Given),
                ("middle", name::Part::Middle),
                ("family", name::Part::Family),
                ("suffix", name::Part::Suffix),
                ("nickname", name::Part::Nickname),
                ("full", name::Part::Full),
            ];
            let orders =
                [("given-first", name::Order::GivenFirst), ("family-first", name::Order::FamilyFirst)];
            let order = table.choice("order", &orders, findings).unwrap_or_default();
            Some(Operation::Name(table.choice("part", &parts, findings)?, order))
        },
        ..WITH
    },
    Entry {
        name: "email",
        what: "Checks an e-mail address and gives it, or a part of what was written.",
        short: Some("part"),
        arguments: &[may(
            "part",
            Kind::Choice(&["address", "name", "both", "local", "domain"]),
            "address",
            "`name` is the name beside the address, `local` and `domain` are before and behind the `@`",
        )],
        rules: &[
            "`Name <address>`, quotes, `mailto:` and outer blanks are understood; what stands behind a `?` of `mailto:` \
             goes. The domain needs two labels of letters, digits and hyphens, in any script; letters keep their case, \
             as the part before `@` may depend on it. Characters that are not seen, such as U+200B, are refused. Several \
             addresses in one value are refused: `split` takes them apart.",
        ],
        examples: &[
            one("email", &["Ada Byron <ada@example.org>"], &["ada@example.org"]),
            one("email", &["mailto:Ada@example.org?subject=Hello"], &["Ada@example.org"]),
            one(r#"{ email = "name" }"#, &["\"Byron, Ada\" <ada@example.org>"], &["Byron, Ada"]),
            one(r#"{ email = "domain" }"#, &["ada@example.org"], &["example.org"]),
            refused("email", &["ada@"], "is no e-mail address"),
            refused("email", &["ada@example.org/x"], "is no e-mail address"),
            refused("email", &["ada@example.org; bob@example.org"], "holds several e-mail addresses"),
        ],
        compile: |table, _, findings| {
            let parts = [
                ("address", email::Part::Address),
                ("name", email::Part::Name),
                ("both", email::Part::Both),
                ("local", email::Part::Local),
                ("domain", email::Part::Domain),
            ];
            Some(Operation::Email(table.choice("part", &parts, findings).unwrap_or_default()))
        },
        ..BARE
    },
    Entry {
        name: "phone",
        what: "Writes a phone number in one form, by the rules of libphonenumber.",
        short: Some("format"),
        arguments: &[
            may(
                "format",
                Kind::Choice(&["e164", "international", "national"]),
                "e164",
                "`+442079460018`, `+44 20 7946 0018` or `020 7946 0018`",
            ),
            may("region", Kind::Text, "", "the country of numbers without `+`, in any spelling"),
            may("region_from", Kind::Field, "", "a field that names the country; it comes before `region`"),
            may(
                "strict",
                Kind::Flag,
                "false",
                "whether the number must be one in use, not only of a possible length",
            ),
            may("keep", Kind::Flag, "false", "whether what is no number stays as it is"),
            may(
                "extension",
                Kind::Choice(&["keep", "drop", "only"]),
                "keep",
                "it stands behind the number as ` ext. 5`, goes, or is all that is taken",
            ),
        ],
        rules: &[
            "A country that `region_from` does not make clear (blank, unknown, ambiguous) is passed over. Several \
             numbers in one value are refused: `split` takes them apart. So is a `~` behind a number (`784-9761~3`), \
             which stands between the first and the last of several.",
        ],
        examples: &[
            one(r#"{ phone = { region = "GB" } }"#, &["020 7946 0018"], &["+442079460018"]),
            one(
                r#"{ phone = { format = "international", region = "US" } }"#,
                &["(202) 224-3441 x5"],
                &["+1 202-224-3441 ext. 5"],
            ),
            one(r#"{ phone = { region = "US", extension = "only" } }"#, &["(202) 224-3441 x5"], &["5"]),
            aside(
                r#"{ phone = { region_from = "land" } }"#,
                &["030 123456"],
                &[("land", "Deutschland")],
                &["+4930123456"],
            ),
            one(r#"{ phone = { keep = true } }"#, &["ask Ada"], &["ask Ada"]),
            refused("phone", &["020 7946 0018"], "has no country code and its country is not known"),
            refused("phone", &["+82-2-784-9761~3"], "holds several phone numbers, from one to another"),
        ],
        compile: |table, _, findings| Some(phone(table, findings)),
        ..BARE
    },
    Entry {
        name: "url",
        what: "Writes a web address in one spelling, or gives a part of it.",
        short: Some("part"),
        arguments: &[
            may(
                "part",
                Kind::Choice(&["url", "host", "domain", "path"]),
                "url",
                "`domain` is the host without `www.`",
            ),
            may("scheme", Kind::Choice(&["https", "http"]), "https", "the scheme of addresses without one"),
        ],
        rules: &[
            "Scheme and host become small letters, standard ports and the lone slash behind a host go; path and query \
             keep their letters. International hosts are written as they are looked up (`xn--…`).",
        ],
        examples: &[
            one("url", &["Example.ORG/About"], &["https://example.org/About"]),
            one("url", &["http://example.org:80/"], &["http://example.org"]),
            one(r#"{ url = "domain" }"#, &["https://www.example.org/a?b=c"], &["example.org"]),
            refused("url", &["n/a"], "is no web address"),
        ],
        compile: |table, _, findings| {
            let parts = [
                ("url", web::Part::Url),
                ("host", web::Part::Host),
                ("domain", web::Part::Domain),
                ("path", web::Part::Path),
            ];
            let schemes = [("https", "https"), ("http", "http")];
            let scheme = table.choice("scheme", &schemes, findings).unwrap_or("https").to_owned();
            Some(Operation::Url(table.choice("part", &parts, findings).unwrap_or_default(), scheme))
        },
        ..BARE
    },
    Entry {
        name: "social",
        what: "The handle in the address of a profile on a social network, or the address of a handle.",
        short: Some("to"),
        arguments: &[
            may("to", Kind::Choice(&["handle", "url"]), "handle", "what is written"),
            may(
                "network",
                Kind::Choice(NETWORKS),
                "",
                "the network of handles; addresses of another are refused",
            ),
        ],
        rules: &["Companies and channels keep what they are: `company/acme`, `channel/UC…`."],
        examples: &[
            one("social", &["https://uk.linkedin.com/in/ada-byron/?trk=x"], &["ada-byron"]),
            one("social", &["https://www.linkedin.com/company/acme/about"], &["company/acme"]),
            one(r#"{ social = { network = "x" } }"#, &["@ada"], &["ada"]),
            one(
                r#"{ social = { to = "url", network = "x" } }"#,
                &["https://twitter.com/ada/status/1"],
                &["https://x.com/ada"],
            ),
            one(
                r#"{ social = { to = "url", network = "linkedin" } }"#,
                &["ada-byron"],
                &["https://www.linkedin.com/in/ada-byron"],
            ),
            refused(
                r#"{ social = { network = "x" } }"#,
                &["https://github.com/ada"],
                "is a profile on github, not on x",
            ),
        ],
        compile: |table, _, findings| {
            let forms = [("handle", social::Form::Handle), ("url", social::Form::Url)];
            let networks: Vec<_> = social::NETWORKS.iter().map(|one| (one.name, one.name)).collect();
            let network = table.choice("network", &networks, findings).and_then(Network::named);
            let form = table.choice("to", &forms, findings).unwrap_or_default();
            Some(Operation::Social(Social { form, network }))
        },
        ..BARE
    },
];

fn phone(table: &Table<'_>, findings: &mut Findings<'_>) -> Operation {
    let formats = [
        ("e164", phone::Format::E164),
        ("international", phone::Format::International),
        ("national", phone::Format::National),
    ];
    let extensions = [("keep", Extension::Keep), ("drop", Extension::Drop), ("only", Extension::Only)];
    let mut region = None;
    if let Some(written) = table.text("region", findings) {
        region = country::alpha2(&written.text).ok().and_then(phone::region);
        if region.is_none() {
            let hint = Some("write its two letters, such as \"GB\"".to_owned());
            findings.add(written.at, format!("`{}` is no country with phone numbers", written.text), hint);
        }
    }
    Operation::Phone(Phone {
        format: table.choice("format", &formats, findings).unwrap_or_default(),
        region,
        strict: table.flag("strict", findings).unwrap_or(false),
        keep: table.flag("keep", findings).unwrap_or(false),
        extension: table.choice("extension", &extensions, findings).unwrap_or_default(),
    })
}
