//! Codes of rooms and invites: what people read to each other over the phone.

/// Digits and capitals without those that look or sound alike: no 0, 1, I, L, O, U.
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// 30^10 codes are 49 bits: with a million rooms, a guess hits one in half a billion tries.
const LENGTH: usize = 10;

/// 30^16 codes are 78 bits. An invite's code is known by a hash that all members see, so nobody may be able to try them
/// all.
const INVITE_LENGTH: usize = 16;

/// A new code of a room, from a source of random bytes.
///
/// Bytes that would favour some letters are drawn again (one in sixteen), so every code is as likely as any other. A
/// source that only ever gives such bytes would never come to an end; a random one does.
pub fn code(random: &mut impl FnMut() -> u8) -> String {
    letters(LENGTH, random)
}

/// A new code of an invite, likewise. Nothing else has it, for all chance allows.
pub fn invite_code(random: &mut impl FnMut() -> u8) -> String {
    letters(INVITE_LENGTH, random)
}

fn letters(length: usize, random: &mut impl FnMut() -> u8) -> String {
    let mut letter = || {
        loop {
            let byte = usize::from(random());
            if byte < 256 / ALPHABET.len() * ALPHABET.len() {
                return char::from(ALPHABET[byte % ALPHABET.len()]);
            }
        }
    };
    (0..length).map(|_| letter()).collect()
}

/// A code as it is stored, from what somebody typed: capitals, without blanks and hyphens.
pub fn normalize_code(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_as_likely_as_any_other() {
        let mut bytes = (0..=u8::MAX).cycle();
        let codes: String = (0..48).map(|_| code(&mut || bytes.next().unwrap())).collect();
        for letter in ALPHABET {
            let times = codes.bytes().filter(|byte| byte == letter).count();
            assert_eq!(times, 16, "{}", char::from(*letter));
        }
    }

    #[test]
    fn a_code_has_no_letters_that_look_alike() {
        assert!(ALPHABET.iter().all(|letter| !b"01ILOU".contains(letter)));
        assert_eq!(code(&mut || 0), "2222222222");
        assert_eq!(invite_code(&mut || 0), "2222222222222222");
    }

    #[test]
    fn a_code_is_known_however_it_is_typed() {
        assert_eq!(normalize_code(" ab2c-d3 ef\t"), "AB2CD3EF");
        let fresh = code(&mut || 77);
        assert_eq!(normalize_code(&fresh), fresh);
    }
}
