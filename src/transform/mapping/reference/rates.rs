//! How the operations do on reference sets that others made. The figures stand in the documentation; a test
//! holds them to what is counted, wherever the sets are present.

/// What came of one set.
pub(super) struct Rate {
    /// What is read, and whose set it is.
    pub(super) set: &'static str,
    pub(super) good: usize,
    pub(super) total: usize,
    /// Why the others are not read, the same for each kind of them.
    pub(super) others: &'static str,
}

/// One entry a set, in the order of the tests.
pub(super) const RATES: [Rate; 1] = [Rate { set: "", good: 0, total: 0, others: "" }];

/// The section of the documentation.
pub(super) fn table() -> String {
    let mut section = "\n## How much is read\n\nReference sets that others made, run by the tests. What is not \
                       read is refused with its reason, never guessed.\n\n| set | read as it should be | the \
                       others |\n|---|---|---|\n"
        .to_owned();
    for rate in &RATES {
        let share = (rate.good * 1000 / rate.total.max(1)) as f64 / 10.0;
        let row = format!("| {} | {} of {} ({share} %) | {} |\n", rate.set, rate.good, rate.total, rate.others);
        section.push_str(&row);
    }
    section
}
