//! One page of a list.

use schemars::JsonSchema;
use serde::Serialize;

/// Rows of a list, and whether there are more in the direction that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub data: Vec<T>,
    /// More stand beyond this page.
    pub has_more: bool,
    /// Where the page beyond begins, to be handed back as it is; null when there is none.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows from a query that asked for one row more than that.
    pub fn cut(mut data: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let has_more = data.len() > limit;
        data.truncate(limit);
        let next = data.last().filter(|_| has_more).map(cursor);
        Self { data, has_more, next }
    }

    /// The same page of something else.
    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(each).collect(), has_more: self.has_more, next: self.next }
    }
}

/// What a query asks for to know whether a page of `limit` rows is the last one.
pub(crate) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1
}
