//! The codes themselves: what an authenticator makes of a secret and the time, and what is written down for later.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use sha2::{Digest, Sha256};
use totp_rs::{Algorithm, Builder, Totp};
use voxlog_core::{
    clock::Time,
    room::{code, normalize_code},
};

/// Who issues the codes, as an authenticator shows it.
const ISSUER: &str = "Voxlog";

/// As all authenticators take it: SHA-1, six digits, half a minute. HMAC does not suffer from SHA-1's collisions.
const DIGITS: u8 = 6;
const STEP_S: u64 = 30;

/// RFC 4226, section 4, recommends 160 bits.
pub(super) const SECRET_BYTES: usize = 20;

pub(super) fn authenticator(secret: &[u8], account: &str) -> Totp {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(STEP_S)
        .with_secret(secret)
        .with_account_name(account)
        .with_issuer(Some(ISSUER))
        .build()
        .expect("a secret of 20 bytes and a name without a colon make an authenticator")
}

/// The step of the clock to which the code belongs: the present one, or one beside it. All three are looked at, whatever
/// the first of them says.
pub(super) fn matching_step(secret: &[u8], code: &str, now: Time) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let totp = authenticator(secret, "");
    let present = u64::try_from(now.timestamp()).unwrap_or_default() / STEP_S;
    let steps = present.saturating_sub(1)..=present + 1;
    let matching = steps.fold(None, |found, step| {
        let expected = totp.generate(step * STEP_S).to_string();
        let same = verify_slices_are_equal(expected.as_bytes(), code.as_bytes()).is_ok();
        if same { Some(step) } else { found }
    });
    matching.and_then(|step| i64::try_from(step).ok())
}

/// Twenty letters that no eye confuses, 98 random bits, in fours.
pub(super) fn recovery_code() -> String {
    let mut random = || {
        let mut byte = [0];
        aws_lc_rs::rand::fill(&mut byte).expect("the system has randomness");
        byte[0]
    };
    let letters: Vec<_> = [code(&mut random), code(&mut random)].concat().chars().collect();
    let fours: Vec<String> = letters.chunks(4).map(|four| four.iter().collect()).collect();
    fours.join("-")
}

/// However it is typed.
pub(super) fn hash(recovery_code: &str) -> [u8; 32] {
    Sha256::digest(normalize_code(recovery_code)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(seconds, 0).unwrap()
    }

    /// The last six of the eight digits there.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(matching_step(SECRET, code, at(seconds)), Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_no_more() {
        let code = "005924";
        let step = 1_234_567_890 / 30;
        for (steps, taken) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let now = at((step + steps) * 30);
            assert_eq!(matching_step(SECRET, code, now), taken.then_some(step), "{steps} steps away");
        }
        assert_eq!(matching_step(SECRET, " 005 924 ", at(step * 30)), Some(step));
        for other in ["", "5924", "0059240", "00592x"] {
            assert_eq!(matching_step(SECRET, other, at(step * 30)), None, "{other}");
        }
    }

    #[test]
    fn a_recovery_code_is_long_and_known_however_it_is_typed() {
        let code = recovery_code();
        assert_eq!((code.len(), code.split('-').count()), (24, 5), "{code}");
        assert_eq!(hash(&code), hash(&code.to_lowercase().replace('-', " ")));
        assert_ne!(hash(&code), hash(&recovery_code()));
    }
}
