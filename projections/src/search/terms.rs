//! What of a text can be found, and how: its terms, in the order in which they stand.
//!
//! A *word* is a run of letters and digits in lower case, one term. Chinese, Japanese and Korean put no blanks where a
//! reader would look for a word, so a *run* of such characters has a term for each of its characters: that character
//! with the next one, and the last one alone. `東京都` is `東京`, `京都`, `都`. Then every piece of a run is found: one
//! character as the beginning of a term, two as a term, more as terms that follow each other.
//!
//! These functions say what stands in the tables. Whoever changes them asks for a rebuild.

/// What counts of a word, in characters. PostgreSQL takes 2,046 bytes; nobody types so much, and what is cut off here is
/// cut off a query's words too.
const MAX_WORD_CHARS: usize = 64;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Letters and digits, in lower case.
    Word {
        /// The first of them; see [`MAX_WORD_CHARS`].
        text: String,
        /// A `*` follows.
        starred: bool,
    },
    /// Characters of scripts without blanks.
    Run(Vec<char>),
}

/// A text's pieces, in their order.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        if is_unspaced(first) {
            let mut run = vec![first];
            while let Some(next) = rest.next_if(|next| is_unspaced(*next)) {
                run.push(next);
            }
            pieces.push(Piece::Run(run));
        } else if first.is_alphanumeric() {
            let mut word: Vec<char> = lower(first).collect();
            while let Some(next) = rest.next_if(|next| next.is_alphanumeric() && !is_unspaced(*next)) {
                word.extend(lower(next));
            }
            let text = word.into_iter().take(MAX_WORD_CHARS).collect();
            pieces.push(Piece::Word { text, starred: rest.peek() == Some(&'*') });
        }
    }
    pieces
}

/// A text's terms as a literal of PostgreSQL's `tsvector`, empty when it has none. Of one term PostgreSQL keeps the
/// first 256 places.
pub(crate) fn terms(text: &str) -> String {
    let terms = pieces(text).into_iter().flat_map(|piece| match piece {
        Piece::Word { text, .. } => vec![text],
        Piece::Run(run) => (0..run.len()).map(|start| run[start..].iter().take(2).collect()).collect(),
    });
    let mut literal = String::new();
    for (term, place) in terms.zip(1..) {
        literal.extend(["'", &term, "':", &place.to_string(), " "]);
    }
    literal
}

/// One character at a time, so that a word's beginning is the beginning of the word: a sigma does not depend on what
/// follows it.
fn lower(letter: char) -> impl Iterator<Item = char> {
    letter.to_lowercase().map(|lower| if lower == 'ς' { 'σ' } else { lower })
}

/// Han, Hiragana, Katakana, Bopomofo and Hangul, by the blocks of Unicode, without their punctuation.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{3029}'
        | '\u{3031}'..='\u{3035}'
        | '\u{3038}'..='\u{303c}'
        | '\u{3041}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{318f}'
        | '\u{31a0}'..='\u{31bf}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ffdc}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_lower_case_and_end_where_no_letter_or_digit_follows() {
        assert_eq!(terms("Don't PANIC, it's v2.0!"), "'don':1 't':2 'panic':3 'it':4 's':5 'v2':6 '0':7 ");
        assert_eq!(terms("ΟΔΟΣ οδος Ærø"), "'οδοσ':1 'οδοσ':2 'ærø':3 ");
    }

    #[test]
    fn a_run_has_a_term_for_each_of_its_characters() {
        assert_eq!(terms("東京都"), "'東京':1 '京都':2 '都':3 ");
        assert_eq!(terms("GPTと話す、한국"), "'gpt':1 'と話':2 '話す':3 'す':4 '한국':5 '국':6 ");
    }

    #[test]
    fn what_has_no_letters_has_no_terms() {
        assert_eq!(terms("?! 🎉 \0 … 、。・"), "");
    }

    #[test]
    fn a_long_word_counts_by_its_beginning() {
        assert_eq!(terms(&"x".repeat(5000)), format!("'{}':1 ", "x".repeat(64)));
    }
}
