//! Which file is meant: its path, format and compression, read from what was typed.
//!
//! A file is known by its extension or by `--format`, never by its content, so that a command means the same
//! whether the file exists yet or not.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// How rows stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Cells separated by `,` (read also `;`, tab, `|`), quoted with `"`: RFC 4180.
    Csv,
    /// The same with tabs.
    Tsv,
    /// A JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// vCards, a record a card; read only.
    Vcard,
}

/// What a file is packed with as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Nothing.
    #[default]
    None,
    /// gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    Zstd,
}

/// A file that records are read from or written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEndpoint {
    /// The path as typed; `-` is stdin or stdout.
    pub path: PathBuf,
    /// How rows stand in it.
    pub format: Format,
    /// What it is packed with.
    pub compression: Compression,
}

/// Table formats that people try and Ferry does not read.
const FOREIGN: [&str; 4] = ["xlsx", "xls", "ods", "json"];

impl Format {
    /// Whether cells are text and nothing else, so that it takes [`super::WriteOptions`] to tell what they mean.
    #[must_use]
    pub fn is_text_table(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv)
    }
}

impl FileEndpoint {
    /// Reads an endpoint as typed; `None` if it does not look like a file: it has no known extension, or begins
    /// with a connection's name and a colon. `format_flag` (`csv`, `jsonl.gz`, …) stands above the extension.
    ///
    /// # Errors
    /// When the format is none that Ferry reads, or `-` comes without `--format`.
    #[must_use]
    pub fn parse(text: &str, format_flag: Option<&str>) -> Option<Result<Self>> {
        if text == "-" {
            let Some(flag) = format_flag else {
                return Some(Err(
                    Error::input("`-` does not say what format its data has").hint("add `--format csv`")
                ));
            };
            return Some(flagged(text, flag, Compression::None));
        }
        if looks_like_connection(text) {
            return None;
        }
        let (stem, compression) = split_compression(text);
        let extension = stem.rsplit(['/', '\\']).next().and_then(|name| name.rsplit_once('.'));
        let extension = extension.map(|(_, extension)| extension.to_lowercase());
        match (format_flag, extension.as_deref()) {
            (Some(flag), _) => Some(flagged(text, flag, compression)),
            (None, Some(extension)) => match format_of(extension) {
                Some(format) => Some(Ok(Self { path: text.into(), format, compression })),
                None if FOREIGN.contains(&extension) => Some(Err(foreign(text, extension))),
                None => None,
            },
            (None, None) => None,
        }
    }

    /// Whether this is stdin or stdout.
    #[must_use]
    pub fn is_standard_stream(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// The file's name without folders, as messages and schemas of what is read call it.
    #[must_use]
    pub fn name(&self) -> String {
        if self.is_standard_stream() {
            return "stdin".to_owned();
        }
        match self.path.file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => self.path.display().to_string(),
        }
    }
}

impl fmt::Display for FileEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

/// `nimble:contacts`, and any other word followed by a colon; a file of such a name is written `./a:b.csv`.
fn looks_like_connection(text: &str) -> bool {
    let Some((name, _)) = text.split_once(':') else { return false };
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
}

fn flagged(text: &str, flag: &str, by_name: Compression) -> Result<FileEndpoint> {
    let (stem, by_flag) = split_compression(flag);
    let extension = stem.trim_start_matches('.').to_lowercase();
    let compression = if by_flag == Compression::None { by_name } else { by_flag };
    match format_of(&extension) {
        Some(format) => Ok(FileEndpoint { path: text.into(), format, compression }),
        None if FOREIGN.contains(&extension.as_str()) => Err(foreign(text, &extension)),
        None => Err(Error::input(format!("unknown format `{flag}`")).hint(
            "one of `csv`, `tsv`, `jsonl`, `parquet`, to read from also `vcf`, also with `.gz` or `.zst`",
        )),
    }
}

fn split_compression(text: &str) -> (&str, Compression) {
    for (ending, compression) in [(".gz", Compression::Gzip), (".zst", Compression::Zstd)] {
        let at = text.len().saturating_sub(ending.len());
        if text.is_char_boundary(at) && text[at..].eq_ignore_ascii_case(ending) {
            return (&text[..at], compression);
        }
    }
    (text, Compression::None)
}

fn format_of(extension: &str) -> Option<Format> {
    match extension {
        "csv" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "jsonl" | "ndjson" => Some(Format::Jsonl),
        "parquet" => Some(Format::Parquet),
        "vcf" | "vcard" => Some(Format::Vcard),
        _ => None,
    }
}

fn foreign(text: &str, extension: &str) -> Error {
    let hint = match extension {
        "json" => "write one object a line and call it `.jsonl`",
        _ => "save the sheet as `CSV UTF-8`",
    };
    Error::input(format!("`{text}`: files of the format `{extension}` are not supported yet")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_extension_or_flag() {
        use Compression::{Gzip, None as Plain, Zstd};
        let cases = [
            ("people.csv", None, Some((Format::Csv, Plain))),
            ("a/b.d/People.CSV.GZ", None, Some((Format::Csv, Gzip))),
            ("x.tab", None, Some((Format::Tsv, Plain))),
            ("x.ndjson.zst", None, Some((Format::Jsonl, Zstd))),
            ("x.parquet", None, Some((Format::Parquet, Plain))),
            ("./a:b.csv", None, Some((Format::Csv, Plain))),
            ("-", Some("jsonl.gz"), Some((Format::Jsonl, Gzip))),
            ("people.txt", Some("tsv"), Some((Format::Tsv, Plain))),
            ("people.gz", Some("csv"), Some((Format::Csv, Gzip))),
            ("nimble:contacts", None, None),
            ("nimble:contacts", Some("csv"), None),
            ("nethunt:Deals.csv", None, None),
            ("people", None, None),
            ("folder.d/people", None, None),
        ];
        for (text, flag, expected) in cases {
            let found =
                FileEndpoint::parse(text, flag).map(|e| e.unwrap()).map(|e| (e.format, e.compression));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_would_help() {
        for (text, flag) in [("a.xlsx", None), ("-", None), ("a.csv", Some("xml")), ("a.json", None)] {
            let error = FileEndpoint::parse(text, flag).unwrap().unwrap_err();
            assert_eq!(error.class(), crate::error::Class::Input, "{text}");
            assert!(error.way_out().is_some(), "{text}");
        }
    }
}
