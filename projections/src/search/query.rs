//! What somebody looks for.

use std::str::FromStr;

use super::terms::{Piece, pieces};

/// The terms of a query that count. A pasted page must not become a plan of thousands of nodes.
const MAX_TERMS: usize = 64;

/// Words and phrases, all of which a text must have.
///
/// Words stand for themselves, whatever their case; `"several words"` must follow each other; `wor*` is every word that
/// begins so. What hangs together without a blank, `don't` or `v2.0`, is a phrase too. Of Chinese, Japanese and Korean
/// any part of a text is found. Nothing that one can type is an error as long as there is a letter or a digit in it: a
/// quotation mark without its counterpart counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(String);

/// Why a text is no [`Query`]: it has no letter and no digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to search for: give a word")]
pub struct NothingToSearch;

impl Query {
    /// As a literal of PostgreSQL's `tsquery`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginnings of names: each word counts as if a `*` followed.
    pub(crate) fn of_names(text: &str) -> Result<Self, NothingToSearch> {
        let mut terms = Terms { starred: true, ..Terms::default() };
        text.split_whitespace().for_each(|word| terms.phrase(word));
        terms.query()
    }
}

impl FromStr for Query {
    type Err = NothingToSearch;

    fn from_str(text: &str) -> Result<Self, NothingToSearch> {
        let mut terms = Terms::default();
        let parts: Vec<_> = text.split(is_quote).collect();
        for (index, part) in parts.iter().enumerate() {
            // Between the first and the second mark, the third and the fourth; behind the last one nothing is quoted.
            if index % 2 == 1 && index + 1 < parts.len() {
                terms.phrase(part);
            } else {
                part.split_whitespace().for_each(|word| terms.phrase(word));
            }
        }
        terms.query()
    }
}

const fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '“' | '”' | '„')
}

/// A query in the making.
#[derive(Default)]
struct Terms {
    literal: String,
    count: usize,
    /// Every word is the beginning of one.
    starred: bool,
}

impl Terms {
    /// Adds what must stand together.
    fn phrase(&mut self, text: &str) {
        let mut open = false;
        // The place in the phrase where the next piece begins, and that of the last term.
        let (mut place, mut last) = (0, 0);
        for piece in pieces(text) {
            let (terms, length) = self.terms_of(piece);
            for (offset, term) in terms.into_iter().enumerate() {
                if self.count == MAX_TERMS {
                    break;
                }
                self.count += 1;
                let joint = match (open, self.literal.is_empty()) {
                    (true, _) => format!(" <{}> ", place + offset - last),
                    (false, false) => " & ( ".to_owned(),
                    (false, true) => "( ".to_owned(),
                };
                self.literal.push_str(&joint);
                self.literal.push_str(&term);
                (open, last) = (true, place + offset);
            }
            place += length;
        }
        if open {
            self.literal.push_str(" )");
        }
    }

    /// A piece's terms, and how many places it takes in a text.
    fn terms_of(&self, piece: Piece) -> (Vec<String>, usize) {
        match piece {
            Piece::Word { text, starred } if starred || self.starred => (vec![format!("'{text}':*")], 1),
            Piece::Word { text, .. } => (vec![format!("'{text}'")], 1),
            Piece::Run(run) if run.len() == 1 => (vec![format!("'{}':*", run[0])], 1),
            Piece::Run(run) => {
                let pairs = run.windows(2).map(|pair| format!("'{}{}'", pair[0], pair[1]));
                (pairs.collect(), run.len())
            }
        }
    }

    fn query(self) -> Result<Query, NothingToSearch> {
        if self.literal.is_empty() { Err(NothingToSearch) } else { Ok(Query(self.literal)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Query>().unwrap().0
    }

    #[test]
    fn words_are_sought_each_and_phrases_in_their_order() {
        assert_eq!(parsed("Good  morning"), "( 'good' ) & ( 'morning' )");
        assert_eq!(parsed("say \"Good morning\" now"), "( 'say' ) & ( 'good' <1> 'morning' ) & ( 'now' )");
        assert_eq!(parsed("don't"), "( 'don' <1> 't' )");
        assert_eq!(parsed("wor* w*rd"), "( 'wor':* ) & ( 'w':* <1> 'rd' )");
    }

    #[test]
    fn a_run_is_sought_by_its_pairs_and_one_character_by_its_beginning() {
        assert_eq!(parsed("都"), "( '都':* )");
        assert_eq!(parsed("東京都"), "( '東京' <1> '京都' )");
        assert_eq!(parsed("\"東京都 tower\""), "( '東京' <1> '京都' <2> 'tower' )");
    }

    #[test]
    fn a_quotation_mark_without_its_counterpart_counts_for_nothing() {
        assert_eq!(parsed("\"a b"), "( 'a' ) & ( 'b' )");
        assert_eq!(parsed("\"a b\" c\" d"), "( 'a' <1> 'b' ) & ( 'c' ) & ( 'd' )");
    }

    #[test]
    fn without_a_letter_there_is_nothing_to_search_for() {
        for text in ["", " ", "\"\"", "***", "'; --", "、。", "\"", "\0"] {
            assert_eq!(text.parse::<Query>(), Err(NothingToSearch), "{text}");
        }
        assert_eq!(Query::of_names("!"), Err(NothingToSearch));
    }

    #[test]
    fn a_long_query_counts_by_its_beginning() {
        let words = "word ".repeat(1000);
        assert_eq!(parsed(&words).matches("'word'").count(), MAX_TERMS);
        assert_eq!(parsed(&"字".repeat(4000)).matches("<1>").count(), MAX_TERMS - 1);
    }

    #[test]
    fn names_are_sought_by_how_they_begin() {
        assert_eq!(Query::of_names("Ada Lo").unwrap().0, "( 'ada':* ) & ( 'lo':* )");
    }
}
