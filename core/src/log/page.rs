//! The page before a seq.
//!
//! The server reads forwards only. But it tells of any place how many of the chain's records stand from there on, so the
//! place where the page begins is found as one finds a name in a telephone book: guess by how dense the chain is, look,
//! guess better. An evenly filled chain takes two round trips, a bursty one a few more.

use super::{
    ReadError, Stored,
    direct::{self, Direct, Request},
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
        let Some(ends) = self.ends(chain, before).await? else { return Ok(Vec::new()) };
        Search::new(self, chain, ends, limit).run().await
    }

    /// Where the chain begins and ends, and where the page ends; `None` when nothing stands before `before`.
    async fn ends(&self, chain: Chain, before: Seq) -> Result<Option<Ends>, ReadError> {
        let mut lag = Lag::default();
        loop {
            let (first, end) = tokio::try_join!(self.page(chain, Seq(1), 1), self.last(chain, None))?;
            let last = match end {
                Some(end) if end >= before => self.last(chain, Some(before)).await?,
                end => end,
            };
            if self.lags(chain, last.unwrap_or_default(), before).await? {
                lag.wait().await?;
                continue;
            }
            let total = first.total;
            let first = first.messages.first().map(|first| first.seq);
            return Ok(first.zip(last).zip(end).map(|((first, last), end)| Ends { first, total, end, last }));
        }
    }

    /// The chain's last seq, before a place in the stream or of all.
    async fn last(&self, chain: Chain, before: Option<Seq>) -> Result<Option<Seq>, ReadError> {
        let subjects = [self.namespace.chain(self.partitions, chain)];
        // Beyond the stream's end the server would answer that there is nothing.
        let up_to_seq = before.map(|before| Seq(before.0 - 1));
        let request = Request::Last { multi_last: &subjects, up_to_seq, batch: 1 };
        Ok(direct::get(&self.client, &self.stream(chain), &request).await?.messages.last().map(|message| message.seq))
    }
}

/// What is known of a chain before the search.
struct Ends {
    /// Its first seq.
    first: Seq,
    /// How many records it has.
    total: usize,
    /// Its last seq.
    end: Seq,
    /// The last seq of the page.
    last: Seq,
}

/// The search for the place where a page begins: at or after `low`, from where on a reply does not hold all, and before
/// `high`, from where on there is too little.
struct Search<'a> {
    reader: &'a Reader,
    chain: Chain,
    ends: Ends,
    limit: usize,
    low: Place,
    high: Place,
    guesses: u32,
}

/// A place, and how many records stand from there up to the page's last.
#[derive(Clone, Copy)]
struct Place {
    seq: Seq,
    records: usize,
}

impl<'a> Search<'a> {
    fn new(reader: &'a Reader, chain: Chain, ends: Ends, limit: usize) -> Self {
        let (low, high) = (Place { seq: ends.first, records: ends.total }, Place { seq: ends.last, records: 1 });
        Self { reader, chain, ends, limit, low, high, guesses: 0 }
    }

    async fn run(mut self) -> Result<Vec<Direct>, ReadError> {
        let Ends { first, last, .. } = self.ends;
        let (mut from, mut lag) = (self.first_guess(), Lag::default());
        loop {
            let page = self.reader.page(self.chain, from, self.batch()).await?;
            let (total, complete) = (page.total, page.is_complete());
            let mut messages = page.messages;
            let seen = messages.last().map_or(from, |message| message.seq);
            if complete && seen < last && self.reader.lags(self.chain, seen, last.next()).await? {
                lag.wait().await?;
                continue;
            }
            messages.retain(|message| message.seq <= last);
            if !complete && seen < last {
                let records = (total + 1).saturating_sub(self.behind().await?);
                self.low = Place { seq: from, records: records.max(self.batch() + 1) };
            } else if messages.len() >= self.limit || from <= first {
                return Ok(messages.split_off(messages.len().saturating_sub(self.limit)));
            } else {
                self.high = Place { seq: from, records: messages.len() };
            }
            let guess = self.guess();
            if guess == from {
                return Err(ReadError::Unavailable("the chain changed while it was read".to_owned()));
            }
            from = guess;
        }
    }

    /// Enough that a guess which went a little too far back still has the page.
    fn batch(&self) -> usize {
        2 * self.limit + 1
    }

    /// As many records before the page's end as make it one and a half, were the chain evenly filled.
    fn first_guess(&self) -> Seq {
        let Ends { first, total, end, last } = self.ends;
        let span = u128::from(end.0 - first.0);
        let back = span * (self.limit + self.limit / 2 + 1) as u128 / (total.max(2) - 1) as u128;
        Seq(u64::try_from(back).ok().and_then(|back| last.0.checked_sub(back)).unwrap_or_default()).max(first)
    }

    /// The same between the two places that are known. When it misses time and again, the chain is all bursts, and the
    /// middle is found sooner.
    fn guess(&mut self) -> Seq {
        let (low, high) = (self.low, self.high);
        self.guesses += 1;
        let span = high.seq.0 - low.seq.0;
        if self.guesses > GUESSES || span < 2 {
            return Seq(low.seq.0 + span / 2);
        }
        let missing = (self.limit + self.limit / 2 + 1).saturating_sub(high.records) as u128;
        let between = low.records.saturating_sub(high.records).max(1) as u128;
        let back = u64::try_from(u128::from(span) * missing / between).unwrap_or(span);
        Seq(high.seq.0 - back.clamp(1, span - 1))
    }

    /// How many records the chain has from the page's last on, itself included.
    async fn behind(&self) -> Result<usize, ReadError> {
        let Ends { end, last, .. } = self.ends;
        if last == end { Ok(1) } else { Ok(self.reader.page(self.chain, last, 1).await?.total) }
    }
}
