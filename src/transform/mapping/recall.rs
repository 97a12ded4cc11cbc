//! What cells have become before, so that a column of few words (countries, languages, days) is worked out once a
//! word and not once a row.
//!
//! One for each thread. It holds a bounded number of texts, and gives a field up whose cells rarely come again.

use super::bind::Bound;
use crate::transform::ops::Operation;
use std::borrow::Cow;
use std::collections::HashMap;

/// Most texts that are kept for a field.
const MOST: usize = 4096;
/// Longer cells are not kept.
const LONGEST: usize = 128;
/// So many cells are looked up before it is decided whether that pays.
const TRIAL: u32 = 2048;

/// Texts made of cells before, field by field.
#[derive(Debug)]
pub struct Recall(Vec<Option<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By cell: where in `texts` it stands what became of it.
    made: HashMap<String, usize>,
    texts: Vec<String>,
    asked: u32,
    found: u32,
}

impl Recall {
    /// Nothing seen yet of a mapping's fields.
    #[must_use]
    pub fn new(bound: &Bound) -> Self {
        let worth = |operation: &Operation| !matches!(operation, Operation::Trim | Operation::Lowercase);
        let known = bound.rules.iter().zip(&bound.plans).map(|(rule, plan)| {
            let alone = plan.as_ref().is_some_and(super::texts::Plan::is_alone);
            (alone && rule.steps.iter().any(|step| worth(&step.operation))).then(Known::default)
        });
        Self(known.collect())
    }

    /// What a field's cell has become, or becomes now.
    ///
    /// # Errors
    /// What `make` says; problems are not kept.
    pub(super) fn of<'t, E>(
        &'t mut self,
        field: usize,
        cell: &'t str,
        make: impl FnOnce(&'t str) -> Result<Cow<'t, str>, E>,
    ) -> Result<Cow<'t, str>, E> {
        let Some(slot) = self.0.get_mut(field).filter(|slot| slot.is_some()) else { return make(cell) };
        if slot.as_ref().is_some_and(Known::is_idle) {
            *slot = None;
        }
        match slot {
            Some(known) if cell.len() <= LONGEST => known.of(cell, make),
            _ => make(cell),
        }
    }
}

impl Known {
    fn is_idle(&self) -> bool {
        self.asked >= TRIAL && self.found < self.asked / 2
    }

    fn of<'t, E>(
        &'t mut self,
        cell: &'t str,
        make: impl FnOnce(&'t str) -> Result<Cow<'t, str>, E>,
    ) -> Result<Cow<'t, str>, E> {
        if self.asked >= 2 * TRIAL {
            // What was common long ago may no longer be.
            (self.asked, self.found) = (self.asked / 2, self.found / 2);
        }
        self.asked += 1;
        if let Some(at) = self.made.get(cell).copied() {
            self.found += 1;
            return Ok(self.texts[at].as_str().into());
        }
        let made = make(cell)?;
        if self.texts.len() < MOST {
            self.made.insert(cell.to_owned(), self.texts.len());
            self.texts.push(made.to_string());
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(known: &mut Known, cell: &str) -> bool {
        let mut worked = false;
        let made = known.of(cell, |cell| {
            worked = true;
            Ok::<_, ()>(format!("<{cell}>").into())
        });
        assert_eq!(made.unwrap(), format!("<{cell}>"));
        worked
    }

    #[test]
    fn a_cell_that_comes_again_is_not_worked_out_again() {
        let mut known = Known::default();
        assert!(asked(&mut known, "a") && asked(&mut known, "b") && !asked(&mut known, "a"));
        assert!(known.of("c", |_| Err(())).is_err());
        assert!(asked(&mut known, "c"));
    }

    #[test]
    fn few_words_are_kept_and_many_are_given_up() {
        let mut known = Known::default();
        (0..10_000).for_each(|row| _ = asked(&mut known, &format!("{}", row % 20)));
        assert!(!known.is_idle());
        let mut known = Known::default();
        (0..10_000).for_each(|row| _ = asked(&mut known, &format!("{row}")));
        assert!(known.is_idle() && known.texts.len() == MOST);
    }
}
