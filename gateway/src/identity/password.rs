//! Passwords: what they must be, and their hashes.
//!
//! argon2id at the cost that OWASP names (19 MiB, two passes, one lane). Each hash holds its memory for some 20 ms of
//! one core, so only a few run at once, off the threads that serve sockets; who comes beyond that waits in line.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{
        PasswordHasher, PasswordVerifier,
        phc::{Output, PasswordHash, Salt},
    },
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{config::PasswordCost, error::Failure};

/// The fewest characters of a password.
pub const MIN_CHARS: usize = 10;
/// The most: a password is no way to make the server hash megabytes.
pub const MAX_CHARS: usize = 256;

/// How many hashes run at once on a node.
const AT_ONCE: usize = 3;
/// How long somebody waits in line before they are told to come back.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether it may be somebody's password, and if not, why.
pub fn check(password: &str) -> Result<(), &'static str> {
    match password.chars().count() {
        ..MIN_CHARS => Err("must have at least 10 characters"),
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err("must have at most 256 characters"),
    }
}

/// Hashes and checks passwords, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// Of no password: what is checked when there is no account.
    nobodys: PasswordHash,
    slots: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new(cost: PasswordCost) -> Self {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).expect("a password's cost is within argon2's");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys = hash_of_nobody(&argon2);
        Self { argon2, nobodys, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The PHC string of a password, with a salt of its own.
    pub(super) async fn hash(&self, password: String) -> Result<String, Failure> {
        let argon2 = self.argon2.clone();
        let hashed = self.in_turn(move || argon2.hash_password(password.as_bytes())).await?;
        hashed.map(|hash: PasswordHash| hash.to_string()).map_err(|error| Failure::internal(&error))
    }

    /// Whether it is the password of `hash`. Without a hash the same work is done and the answer is no.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Failure> {
        let known = hash.is_some();
        let hash = match hash {
            Some(text) => PasswordHash::new(&text).map_err(|error| Failure::internal(&error))?,
            None => self.nobodys.clone(),
        };
        // No account has a longer one, and an argon2 pass over it would be for nothing.
        let password = if password.chars().count() > MAX_CHARS { String::new() } else { password };
        let argon2 = self.argon2.clone();
        let matches = self.in_turn(move || argon2.verify_password(password.as_bytes(), &hash).is_ok()).await?;
        Ok(matches && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let busy = || Failure::unavailable("too many people are signing in just now");
        let waiting = timeout(PATIENCE, Arc::clone(&self.slots).acquire_owned());
        let slot = waiting.await.map_err(|_| busy())?.map_err(|_| busy())?;
        let done = spawn_blocking(move || {
            // Held by the work itself: a caller who goes away must not make room for one more.
            let _slot = slot;
            metrics::counter!("voxlog_password_hashes_total").increment(1);
            work()
        });
        done.await.map_err(|error| Failure::internal(&error))
    }
}

/// Takes as long to check as any other hash of this cost, and nothing is known to match it.
fn hash_of_nobody(argon2: &Argon2<'_>) -> PasswordHash {
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    rand::fill(&mut output);
    PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: argon2.params().try_into().expect("argon2's parameters have a PHC form"),
        salt: Some(Salt::generate()),
        hash: Some(Output::new(&output).expect("32 bytes are an output")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1 };

    #[test]
    fn a_password_has_10_to_256_characters() {
        assert!(check("123456789").is_err());
        assert!(check("äöüäöüäöüä").is_ok());
        assert!(check(&"x".repeat(256)).is_ok());
        assert!(check(&"x".repeat(257)).is_err());
    }

    #[tokio::test]
    async fn only_the_same_password_matches() {
        let passwords = Passwords::new(CHEAP);
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert_eq!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await, Ok(true));
        assert_eq!(passwords.verify("correct Horse".to_owned(), Some(hash)).await, Ok(false));
    }

    #[tokio::test]
    async fn without_an_account_the_same_work_is_done_and_nothing_matches() {
        let passwords = Passwords::new(CHEAP);
        assert_eq!(passwords.verify("correct horse".to_owned(), None).await, Ok(false));
        let real = PasswordHash::new(&passwords.hash("correct horse".to_owned()).await.unwrap()).unwrap();
        let nobodys = &passwords.nobodys;
        assert_eq!((nobodys.algorithm, nobodys.version), (real.algorithm, real.version));
        assert_eq!(nobodys.params.to_string(), real.params.to_string());
        assert_eq!(nobodys.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
    }

    #[tokio::test]
    async fn a_hash_keeps_its_cost_when_the_cost_rises() {
        let hash = Passwords::new(CHEAP).hash("correct horse".to_owned()).await.unwrap();
        let dearer = Passwords::new(PasswordCost { memory_kib: 128, passes: 2 });
        assert_eq!(dearer.verify("correct horse".to_owned(), Some(hash)).await, Ok(true));
    }
}
