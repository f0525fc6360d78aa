//! Lists: how many, and from where.

use std::str::FromStr;

use voxlog_core::position::Seq;

use crate::error::Failure;

/// Rows of a page unless the client says otherwise, and at most.
const ROWS: u32 = 50;
pub(super) const MAX_ROWS: u32 = 100;

/// The last page that can be asked for by its number. Beyond, the cursor is the way: skipping reads what it skips.
pub(super) const MAX_PAGE: u32 = 100;

/// The rows that a client wants.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Failure> {
    match asked.unwrap_or(ROWS) {
        rows @ 1..=MAX_ROWS => Ok(rows as usize),
        _ => Err(Failure::invalid("limit", format!("must be 1 to {MAX_ROWS}"))),
    }
}

/// A cursor as an earlier page's `next` gave it.
pub(super) fn cursor<T: FromStr>(field: &'static str, text: Option<&str>) -> Result<Option<T>, Failure> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| Failure::invalid(field, "must be the next of an earlier page"))
}

/// A cursor of a list that is in the order of the log.
pub(super) fn seq(field: &'static str, text: Option<&str>) -> Result<Option<Seq>, Failure> {
    Ok(cursor(field, text)?.map(|seq| Seq(seq).min(Seq::MAX)))
}

/// The rows before a page that is asked for by its number, from 1.
pub(super) fn skipped(page: u32, limit: usize) -> Result<u32, Failure> {
    match page {
        1..=MAX_PAGE => Ok((page - 1) * u32::try_from(limit).unwrap_or(MAX_ROWS)),
        _ => Err(Failure::invalid("page", format!("must be 1 to {MAX_PAGE}: go on with after"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_bounds() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some(100)), Ok(100));
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(101)).is_err());
    }

    #[test]
    fn pages_count_from_one() {
        assert_eq!(skipped(1, 20), Ok(0));
        assert_eq!(skipped(3, 20), Ok(40));
        assert_eq!(skipped(100, 100), Ok(9900));
        assert!(skipped(101, 1).is_err());
        assert!(skipped(0, 20).is_err());
        assert!(skipped(u32::MAX, 100).is_err());
    }
}
