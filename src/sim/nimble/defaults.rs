//! The fields every account has, as the reference's chapter on fields lists them.

use super::kinds::Kind;
use super::metadata::RecordType;

const P: Option<RecordType> = Some(RecordType::Person);
const C: Option<RecordType> = Some(RecordType::Company);
const BASIC: &str = "Basic Info";
const PERSONAL: &str = "Personal Info";
const CONTACT: &str = "Contact Info";
const EXTRA: &str = "Extra Info";
const COMPANY: &str = "Company Info";
const LEAD: &str = "Lead Details";
const NONE: &[&str] = &[];

/// The group that holds the custom fields of a scenario.
pub(super) const CUSTOM: &str = "Custom Fields";

/// The standard tabs: name and record type.
pub(super) const TABS: &[(&str, Option<RecordType>)] =
    &[(PERSONAL, P), (COMPANY, C), (CONTACT, None), (LEAD, None), (LEAD_MORE, None)];
const LEAD_MORE: &str = "Additional Lead Fields";

/// Name, record type, kind, multiples, modifiers, group, choices, sortable.
pub(super) type Row = (
    &'static str,
    Option<RecordType>,
    Kind,
    bool,
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
    bool,
);

/// The default fields; invented are only the choices the reference leaves out.
pub(super) const DEFAULTS: &[Row] = &[
    ("first name", P, Kind::Text, false, NONE, BASIC, NONE, true),
    ("last name", P, Kind::Text, false, NONE, BASIC, NONE, true),
    ("middle name", None, Kind::Text, false, NONE, BASIC, NONE, false),
    ("company name", C, Kind::Text, false, NONE, BASIC, NONE, true),
    ("title", None, Kind::Text, false, NONE, BASIC, NONE, true),
    ("parent company", P, Kind::ParentCompany, false, NONE, BASIC, NONE, false),
    ("source", None, Kind::ReadOnly, false, NONE, BASIC, NONE, false),
    ("last contacted", None, Kind::ReadOnly, false, NONE, BASIC, NONE, false),
    ("domain", C, Kind::Domain, false, NONE, COMPANY, NONE, false),
    (
        "phone",
        None,
        Kind::Text,
        true,
        &["work", "home", "mobile", "main", "home fax", "work fax", "other"],
        CONTACT,
        NONE,
        false,
    ),
    ("email", None, Kind::Text, true, &["work", "personal", "other"], CONTACT, NONE, false),
    ("skype id", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("twitter", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("facebook", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("linkedin", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("google plus", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("foursquare", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("address", None, Kind::Address, true, &["work", "home", "other"], CONTACT, NONE, false),
    ("hubspot", None, Kind::Text, false, NONE, CONTACT, NONE, false),
    ("URL", None, Kind::Text, true, &["work", "personal", "blog", "other"], EXTRA, NONE, false),
    (
        "description",
        None,
        Kind::LongText,
        true,
        &["other", "twitter", "facebook", "linkedin", "google+", "foursquare"],
        EXTRA,
        NONE,
        false,
    ),
    ("annual revenue", None, Kind::Text, false, NONE, COMPANY, NONE, false),
    (
        "# of employees",
        None,
        Kind::Choice,
        false,
        NONE,
        COMPANY,
        &["1-10", "11-50", "51-200", "201-1000", "1001+"],
        false,
    ),
    (
        "lead status",
        None,
        Kind::Choice,
        false,
        NONE,
        LEAD,
        &["Open", "Contacted", "Qualified", "Unqualified"],
        true,
    ),
    ("rating", None, Kind::Choice, false, NONE, LEAD, &["1", "2", "3", "4", "5"], true),
    (
        "lead source",
        None,
        Kind::Choice,
        false,
        NONE,
        LEAD,
        &["Advertisement", "Event", "Referral", "Web", "Other"],
        true,
    ),
    (
        "lead type",
        None,
        Kind::Choice,
        false,
        NONE,
        LEAD,
        &[
            "Analyst",
            "Competitor",
            "Customer",
            "Investor",
            "Lead",
            "Partner",
            "Press",
            "Prospect",
            "Reseller",
            "Other",
        ],
        true,
    ),
    ("birthday", None, Kind::Text, false, NONE, PERSONAL, NONE, false),
];

/// The field that came with tabs and takes the place of title and parent company.
pub(super) const EMPLOYMENT: Row =
    ("contact employment", P, Kind::Employment, true, NONE, PERSONAL, NONE, false);

/// Whether an account has this field from the start, case aside.
pub(super) fn is_default(name: &str, is_current: bool) -> bool {
    let name = name.to_lowercase();
    let newer = NEWER.iter().filter(|_| is_current);
    DEFAULTS.iter().chain([&EMPLOYMENT]).chain(newer).any(|row| row.0.to_lowercase() == name)
}

/// What the current description has besides; in no tab.
pub(super) const NEWER: &[Row] = &[
    ("instagram", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("threads", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("tiktok", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("youtube", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("muck rack", None, Kind::Text, true, NONE, CONTACT, NONE, false),
    ("discovered gender", None, Kind::ReadOnly, false, NONE, "", NONE, false),
    ("discovered employment", None, Kind::ReadOnly, false, NONE, "", NONE, false),
    ("discovered education", None, Kind::ReadOnly, false, NONE, "", NONE, false),
    ("discovered age range", None, Kind::ReadOnly, false, NONE, "", NONE, false),
    ("discovered related address", None, Kind::ReadOnly, false, NONE, "", NONE, false),
];

/// The tab a default field is in; some are in none.
pub(super) fn tab_of_field(name: &str, group: &str) -> Option<&'static str> {
    match name {
        "source" | "last contacted" => None,
        _ if NEWER.iter().any(|row| row.0 == name) => None,
        "company name" => Some(COMPANY),
        "lead status" | "lead source" | "lead type" => Some(LEAD_MORE),
        _ => Some(tab_of_group(group)),
    }
}

/// The tab that stands for a standard group of the older definitions.
pub(super) fn tab_of_group(group: &str) -> &'static str {
    match group {
        COMPANY => COMPANY,
        CONTACT | EXTRA => CONTACT,
        LEAD => LEAD,
        _ => PERSONAL,
    }
}

/// The group of the older definitions that stands for a standard tab.
pub(super) fn group_of_tab(tab: &str) -> &str {
    if tab == LEAD_MORE { LEAD } else { tab }
}
