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
pub(super) const RATES: &[Rate] = &[];

/// The section of the documentation.
pub(super) fn table() -> String {
    let mut section = "\n## How much is read\n\nReference sets that others made, run by the tests. What is not \
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
