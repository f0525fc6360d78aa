//! The last seq of the chains that were busy lately, in bounded memory.

use std::collections::HashMap;

use voxlog_core::position::{Chain, Seq};

/// Chains in one generation. Two of them take about 2 MB a partition.
const GENERATION: usize = 16 * 1024;

/// Two generations: when the young one is full it becomes the old one, and the former old one is forgotten. A chain
/// that is used moves to the young one, so at least the last [`GENERATION`] chains in use are known.
#[derive(Debug, Default)]
pub(super) struct Chains {
    young: HashMap<Chain, Seq>,
    old: HashMap<Chain, Seq>,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The last seq that was seen; `None` when it never was, or is forgotten.
    pub(super) fn last(&self, chain: Chain) -> Option<Seq> {
        self.young.get(&chain).or_else(|| self.old.get(&chain)).copied()
    }

    /// Notes the chain's newest event.
    pub(super) fn advance(&mut self, chain: Chain, seq: Seq) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&chain) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(chain, seq);
    }
}

#[cfg(test)]
mod tests {
    use voxlog_core::{clock::SystemClock, id::UserId};

    use super::*;

    fn chain() -> Chain {
        Chain::User(UserId::mint(&SystemClock))
    }

    #[test]
    fn a_chain_in_use_is_known_however_many_others_pass() {
        let (mut chains, used) = (Chains::new(), chain());
        for seq in (1..200_000).step_by(2) {
            chains.advance(chain(), Seq(seq));
            if seq % 1001 == 0 {
                chains.advance(used, Seq(seq + 1));
                assert_eq!(chains.last(used), Some(Seq(seq + 1)));
            }
        }
        assert!(chains.last(used).is_some());
        assert!(chains.young.len() + chains.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn the_newest_seq_counts_in_whichever_generation_the_chain_was() {
        let (mut chains, used) = (Chains::new(), chain());
        chains.advance(used, Seq(1));
        for seq in 0..GENERATION as u64 {
            chains.advance(chain(), Seq(10 + seq));
        }
        assert_eq!(chains.last(used), Some(Seq(1)));
        chains.advance(used, Seq(99_999));
        assert_eq!(chains.last(used), Some(Seq(99_999)));
    }
}
