//! How a command wants to be heard: the flags that decide what is said, where and how.

use std::str::FromStr;

/// How a command wants to be heard.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// One JSON object a line on stdout (`--json`).
    pub json: bool,
    /// No talk but warnings, errors and questions (`-q`).
    pub quiet: bool,
    /// How much more talk (`-v`).
    pub verbose: u8,
    /// Colour on stderr (`--color`).
    pub color: Color,
    /// How progress is shown (`--progress`).
    pub progress: ProgressMode,
    /// Whether records go to stdout (`-o -`); objects then go to stderr.
    pub data_to_stdout: bool,
}

/// When stderr is coloured. Nothing is ever told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// Bars on a terminal, otherwise a plain line every 30 seconds.
    #[default]
    Auto,
    /// JSON objects on stderr.
    Json,
    /// Not at all.
    None,
}

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(format!("`{text}` is none of `auto`, `always`, `never`")),
        }
    }
}

impl FromStr for ProgressMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "none" => Ok(Self::None),
            _ => Err(format!("`{text}` is none of `auto`, `json`, `none`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_the_flags_have_them() {
        for (word, color) in [("auto", Color::Auto), ("always", Color::Always), ("never", Color::Never)] {
            assert_eq!(word.parse(), Ok(color));
        }
        let modes =
            [("auto", ProgressMode::Auto), ("json", ProgressMode::Json), ("none", ProgressMode::None)];
        for (word, mode) in modes {
            assert_eq!(word.parse(), Ok(mode));
        }
        assert!("sometimes".parse::<Color>().is_err());
        assert!("loud".parse::<ProgressMode>().is_err());
    }
}
