//! Limits that hold across gateways, without a question to anybody on the way of a request.
//!
//! Each gateway counts in its own memory and tells the others what it let through ([`exchange`]): once a second, and at
//! once as soon as a tenth of a burst, shared among the gateways, is untold. What others let through is added here, if
//! need be as a debt. So a client that asks one gateway has its whole burst, and one that asks all of them at once gets
//! at most the burst, the rate, and what was untold: a tenth more, and what was under way.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::Client;
use tokio::sync::Notify;
use voxlog_core::id::NodeId;

use crate::{
    error::{Code, Failure},
    keyed::Keyed,
};

mod bucket;
mod exchange;
mod table;

pub use bucket::Policy;
use table::{Key, Table};

/// Which part of a burst may be untold, over all gateways together: one in so many.
const UNTOLD_PART: usize = 10;

/// What somebody has a limited amount of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Budget {
    /// Requests without a valid credential and new sockets, by address.
    Address,
    /// Requests and commands of a user, over all their sockets.
    User,
    /// Requests by an API key.
    ApiKey,
    /// Attempts to sign in to one account, from wherever.
    LoginAccount,
    /// Attempts to sign in from one address, to whatever account.
    LoginAddress,
    /// Guest accounts made from one address.
    Guest,
}

impl Budget {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Address, Self::User, Self::ApiKey, Self::LoginAccount, Self::LoginAddress, Self::Guest];

    /// Its name in settings, in headers and between gateways.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::User => "user",
            Self::ApiKey => "api-key",
            Self::LoginAccount => "login-account",
            Self::LoginAddress => "login-address",
            Self::Guest => "guest",
        }
    }

    const fn refusal(self) -> &'static str {
        match self {
            Self::Address | Self::User | Self::ApiKey => "too many requests in too short a time",
            Self::LoginAccount | Self::LoginAddress => "too many attempts to sign in",
            Self::Guest => "too many guests from one address",
        }
    }
}

/// How much of each budget there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies([Policy; Budget::ALL.len()]);

impl Policies {
    /// The same for every budget.
    pub const fn all(policy: Policy) -> Self {
        Self([policy; Budget::ALL.len()])
    }

    /// What holds for a budget.
    pub const fn of(&self, budget: Budget) -> Policy {
        self.0[budget as usize]
    }

    /// Lets another policy hold for a budget.
    pub const fn set(&mut self, budget: Budget, policy: Policy) {
        self.0[budget as usize] = policy;
    }
}

impl Default for Policies {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let of = |budget| match budget {
            // A whole office may come back at once from one address.
            Budget::Address => Policy::new(300, 30, second),
            // Two devices at the full rate of a socket.
            Budget::User | Budget::ApiKey => Policy::new(120, 40, second),
            // Some slips of the fingers; guessing gets three thousand a day.
            Budget::LoginAccount => Policy::new(10, 2, minute),
            Budget::LoginAddress => Policy::new(50, 1, second),
            Budget::Guest => Policy::new(20, 4, minute),
        };
        Self(Budget::ALL.map(of))
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Of which.
    pub budget: Budget,
    /// What holds for it.
    pub policy: Policy,
    /// What may still be used now.
    pub remaining: u32,
    /// How long until all of it is there again.
    pub full_in: Duration,
}

/// The buckets of a gateway.
#[derive(Debug)]
pub struct Limits {
    keyed: Keyed,
    began: Instant,
    tables: [Mutex<Table>; Budget::ALL.len()],
    /// Gateways heard from lately, this one included.
    gateways: AtomicUsize,
    /// Rung when something can't wait to be told.
    urgent: Notify,
}

impl Limits {
    /// Full buckets. Names and addresses are told to other gateways as hashes that only those with the same signing key
    /// can tell; during a rotation the old and the new ones count apart.
    pub fn new(policies: &Policies, signing_key_pem: &str) -> Self {
        Self {
            keyed: Keyed::new(signing_key_pem, "limits"),
            began: Instant::now(),
            tables: Budget::ALL.map(|budget| Mutex::new(Table::new(policies.of(budget)))),
            gateways: AtomicUsize::new(1),
            urgent: Notify::new(),
        }
    }

    /// Takes `cost` of what `key` has, or fails as `rate_limited` and says when to come again. A refusal takes nothing.
    pub fn take(&self, budget: Budget, key: &str, cost: u32) -> Result<Left, Failure> {
        let (key, mut table) = (self.key(budget, key), self.table(budget));
        let policy = table.policy();
        let taken = table.take(key, cost, self.tell_at(policy), self.now());
        drop(table);
        match taken {
            Ok(taken) => {
                if taken.is_urgent {
                    self.urgent.notify_one();
                }
                Ok(Left { budget, policy, remaining: taken.remaining, full_in: taken.full_in })
            }
            Err(wait) => {
                metrics::counter!("voxlog_rate_limited_total", "budget" => budget.as_str()).increment(1);
                Err(Failure { retry_after: Some(wait), ..Failure::new(Code::RateLimited, budget.refusal()) })
            }
        }
    }

    /// What holds for a budget.
    pub fn policy(&self, budget: Budget) -> Policy {
        self.table(budget).policy()
    }

    /// Exchanges use with the other gateways of the installation on that subject, for as long as it is polled.
    pub async fn exchange(self: Arc<Self>, node: NodeId, client: Client, subject: String) {
        exchange::run(self, node, client, subject).await;
    }

    /// From how many untold tokens of a key on the others should know at once.
    fn tell_at(&self, policy: Policy) -> u32 {
        let sharers = UNTOLD_PART * self.gateways.load(Ordering::Relaxed).max(1);
        (policy.burst / u32::try_from(sharers).unwrap_or(u32::MAX)).max(1)
    }

    fn charge(&self, budget: Budget, used: impl Iterator<Item = (Key, u32)>) {
        let (now, mut table) = (self.now(), self.table(budget));
        used.for_each(|(key, cost)| table.charge(key, cost, now));
    }

    fn untold(&self) -> Vec<(Budget, Key, u32)> {
        let now = self.now();
        self.gather(|table| table.tell_all(now))
    }

    fn untold_urgent(&self) -> Vec<(Budget, Key, u32)> {
        self.gather(Table::tell_urgent)
    }

    fn gather(&self, tell: impl Fn(&mut Table) -> Vec<(Key, u32)>) -> Vec<(Budget, Key, u32)> {
        let of = |budget| tell(&mut self.table(budget)).into_iter().map(move |(key, cost)| (budget, key, cost));
        Budget::ALL.into_iter().flat_map(of).collect()
    }

    fn key(&self, budget: Budget, key: &str) -> Key {
        let hash = self.keyed.hash(&[budget.as_str().as_bytes(), key.as_bytes()]);
        Key::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
    }

    fn table(&self, budget: Budget) -> MutexGuard<'_, Table> {
        self.tables[budget as usize].lock().expect("a table's lock is held for one count")
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_budget_and_each_key_is_counted_for_itself() {
        let limits = Limits::new(&Policies::all(Policy::new(1, 1, Duration::from_mins(1))), "secret");
        assert_eq!(limits.take(Budget::User, "ann", 1).unwrap().remaining, 0);
        let refused = limits.take(Budget::User, "ann", 1).unwrap_err();
        assert_eq!(refused.code, Code::RateLimited);
        assert!(refused.retry_after.is_some_and(|wait| wait <= Duration::from_mins(1)));
        assert!(limits.take(Budget::User, "bob", 1).is_ok());
        assert!(limits.take(Budget::Address, "ann", 1).is_ok());
    }

    #[test]
    fn the_more_gateways_the_sooner_use_is_told() {
        let limits = Limits::new(&Policies::default(), "secret");
        let policy = Policy::new(120, 40, Duration::from_secs(1));
        assert_eq!(limits.tell_at(policy), 12);
        limits.gateways.store(3, Ordering::Relaxed);
        assert_eq!(limits.tell_at(policy), 4);
        assert_eq!(limits.tell_at(Policy::new(10, 1, Duration::from_secs(1))), 1);
    }

    #[test]
    fn gateways_that_share_a_secret_know_a_key_by_the_same_hash() {
        let of = |secret, name| Limits::new(&Policies::default(), secret).key(Budget::Address, name);
        assert_eq!(of("a", "192.0.2.1"), of("a", "192.0.2.1"));
        assert_ne!(of("a", "192.0.2.1"), of("a", "192.0.2.2"));
        assert_ne!(of("a", "192.0.2.1"), of("b", "192.0.2.1"));
    }
}
