//! The page before a seq.
//!
//! The server reads forwards only. But it tells of any place how many of the chain's records stand from there on, so the
//! place where the page begins is found as one finds a name in a telephone book: guess by how dense the chain is, look,
//! guess better. An evenly filled chain takes two round trips, a bursty one a few more.

use super::{
    ReadError, Stored,
    direct::{self, Direct, Page, Request},
    read::{Lag, Reader},
};
use crate::position::{Chain, Seq};

/// Guesses by density before the rest of the way is halved: a chain that is all bursts misleads them.
const GUESSES: u32 = 6;

impl Reader {
    pub(super) async fn read_before(&self, chain: Chain, before: Seq, limit: usize) -> Result<Vec<Stored>, ReadError> {
        let messages = self.messages_before(chain, before, limit).await?;
        let stored = messages.into_iter().map(|message| message.into_stored(&self.namespace));
        stored.filter_map(Result::transpose).collect()
    }

    /// The chain's last `limit` messages before `before`, oldest first.
    pub(super) async fn messages_before(
        &self,
        chain: Chain,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Direct>, ReadError> {
        if before <= Seq(1) || limit == 0 {
            return Ok(Vec::new());
        }
        let (first, last) = self.ends(chain, before).await?;
        let (Some(first), Some(last)) = (first.messages.first().map(|one| (one.seq, first.total)), last) else {
            return Ok(Vec::new());
        };
        // `behind` counts the page's last record and all that stand behind it.
        let behind = self.page(chain, last, 1).await?.total;
        Search { reader: self, chain, last, behind, limit }.run(first.0, first.1).await
    }

    /// The chain's first message, with the count of all, and the seq of the last one before `before`.
    async fn ends(&self, chain: Chain, before: Seq) -> Result<(Page, Option<Seq>), ReadError> {
        let mut lag = Lag::default();
        loop {
            let (first, last) = tokio::try_join!(self.page(chain, Seq(1), 1), self.last_before(chain, before))?;
            if !self.lags(chain, last.unwrap_or_default(), before).await? {
                return Ok((first, last));
            }
            lag.wait().await?;
        }
    }

    async fn last_before(&self, chain: Chain, before: Seq) -> Result<Option<Seq>, ReadError> {
        let subjects = [self.namespace.chain(self.partitions, chain)];
        let request = Request::Last { multi_last: &subjects, up_to_seq: Some(Seq(before.0 - 1)), batch: 1 };
        let page = direct::get(&self.client, &self.stream(chain), &request).await?;
        Ok(page.messages.last().map(|message| message.seq))
    }
}

/// The search for the place where a page begins.
struct Search<'a> {
    reader: &'a Reader,
    chain: Chain,
    /// The page's last record.
    last: Seq,
    /// How many records stand from `last` on, itself included.
    behind: usize,
    limit: usize,
}

/// A place in the chain, and how many records stand from there up to the page's last.
#[derive(Clone, Copy)]
struct Place {
    seq: Seq,
    records: usize,
}

impl Search<'_> {
    async fn run(&self, first: Seq, total: usize) -> Result<Vec<Direct>, ReadError> {
        let mut low = Place { seq: first, records: total.saturating_sub(self.behind) + 1 };
        let mut high = Place { seq: self.last, records: 1 };
        let (mut guesses, mut lag) = (0, Lag::default());
        loop {
            let from = self.guess(low, high, guesses);
            // Enough that a guess which went a little too far back still has the page.
            let page = self.reader.page(self.chain, from, 2 * self.limit + 1).await?;
            let (total, complete) = (page.total, page.is_complete());
            let mut messages = page.messages;
            let seen = messages.last().map_or(from, |message| message.seq);
            if complete && seen < self.last && self.reader.lags(self.chain, seen, self.last.next()).await? {
                lag.wait().await?;
                continue;
            }
            messages.retain(|message| message.seq <= self.last);
            if !complete && seen < self.last {
                let records = (total.saturating_sub(self.behind) + 1).max(2 * self.limit + 1);
                low = Place { seq: from, records };
            } else if messages.len() >= self.limit || from <= first {
                return Ok(messages.split_off(messages.len().saturating_sub(self.limit)));
            } else {
                high = Place { seq: from, records: messages.len() };
            }
            guesses += 1;
        }
    }

    /// Where half a page more than the limit would begin.
    fn guess(&self, low: Place, high: Place, guesses: u32) -> Seq {
        if low.records <= 2 * self.limit || high.seq <= low.seq.next() {
            return low.seq;
        }
        let span = high.seq.0 - low.seq.0;
        if guesses >= GUESSES {
            return Seq(low.seq.0 + span / 2);
        }
        let missing = (self.limit + self.limit / 2 + 1).saturating_sub(high.records) as u128;
        let between = (low.records.saturating_sub(high.records)).max(1) as u128;
        let back = u64::try_from(u128::from(span) * missing / between).unwrap_or(span);
        Seq(high.seq.0 - back.clamp(1, span - 1))
    }
}
