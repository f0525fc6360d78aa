//! A place in every partition at once: where a look at the whole log goes on.

use std::{fmt, str::FromStr};

use voxlog_core::position::{Partition, Partitions, Seq};

/// One seq a partition, in their order. To clients it is an opaque text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<Seq>);

/// Why a text is no [`Places`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the log")]
pub struct InvalidPlaces;

impl Places {
    /// Of these seqs, one a partition.
    pub const fn new(seqs: Vec<Seq>) -> Self {
        Self(seqs)
    }

    /// The place in one partition.
    pub fn of(&self, partition: Partition) -> Seq {
        self.0.get(usize::from(partition.0)).copied().unwrap_or_default()
    }

    /// Moves it.
    pub fn set(&mut self, partition: Partition, seq: Seq) {
        if let Some(place) = self.0.get_mut(usize::from(partition.0)) {
            *place = seq;
        }
    }

    /// The places after these: who looks back from there sees what stands at these too.
    #[must_use]
    pub fn beyond(self) -> Self {
        Self(self.0.into_iter().map(Seq::next).collect())
    }

    /// Whether it has a place in each of so many partitions.
    pub fn fits(&self, partitions: Partitions) -> bool {
        self.0.len() == usize::from(partitions.count())
    }
}

impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, seq) in self.0.iter().enumerate() {
            write!(f, "{}{seq}", if index == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl FromStr for Places {
    type Err = InvalidPlaces;

    fn from_str(text: &str) -> Result<Self, InvalidPlaces> {
        let seqs = text.split('.').map(|seq| seq.parse().map_err(|_| InvalidPlaces));
        seqs.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_back_from_their_text() {
        let places = Places::new([0, 17, 4].map(Seq).into());
        assert_eq!(places.to_string().parse(), Ok(places.clone()));
        assert!(places.fits(Partitions::new(3).unwrap()) && !places.fits(Partitions::new(2).unwrap()));
        assert_eq!((places.of(Partition(1)), places.of(Partition(9))), (Seq(17), Seq::ZERO));
        for text in ["", ".", "1.", "a.b", "1.-1", "9007199254740992"] {
            assert_eq!(text.parse::<Places>(), Err(InvalidPlaces), "{text}");
        }
    }
}
