//! Given, when, then; and people that tests know by name.
