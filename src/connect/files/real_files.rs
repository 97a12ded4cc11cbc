//! Real files, read from `shared/data` beside the checkout; skipped with a message where they are absent.
