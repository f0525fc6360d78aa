//! What a credential is good for. A sign-in may do all that its user may; an API key, what it was made for, as long as
//! its user may.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of asking. None includes another: a key that moderates needs `write` too if it is to post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read: safe methods of REST, `subscribe` and `history`.
    Read,
    /// Do what a member does: write, join, open rooms.
    Write,
    /// Do what admins and owners do to others and to who may come in.
    Moderate,
    /// Look into the log, every room and every node, and mend the read models. For operators alone.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Moderate, Self::Admin];

    /// Its name, as in requests and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Moderate => "moderate",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Some scopes, or all. Written as a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(u8);

impl Scopes {
    /// What everybody's sign-in has.
    pub const USUAL: Self = Self(Scope::Read.bit() | Scope::Write.bit() | Scope::Moderate.bit());

    /// What an operator's sign-in has.
    pub const ALL: Self = Self(Self::USUAL.0 | Scope::Admin.bit());

    /// What the sign-in of an account has.
    pub const fn of_sign_in(operator: bool) -> Self {
        if operator { Self::ALL } else { Self::USUAL }
    }

    /// Those of them that an account may have a key for.
    #[must_use]
    pub const fn granted_to(self, operator: bool) -> Self {
        Self(self.0 & Self::of_sign_in(operator).0)
    }

    /// Whether it is among them.
    pub const fn holds(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Each of them, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.holds(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |all, scope| all | scope.bit()))
    }
}

impl From<Vec<Scope>> for Scopes {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_scope_includes_another() {
        for scope in Scope::ALL {
            let only: Scopes = [scope].into_iter().collect();
            assert_eq!(only.iter().collect::<Vec<_>>(), [scope]);
            assert!(Scopes::ALL.holds(scope));
        }
    }

    #[test]
    fn who_is_no_operator_has_all_but_one() {
        let kept: Vec<_> = Scopes::ALL.granted_to(false).iter().collect();
        assert_eq!(kept, [Scope::Read, Scope::Write, Scope::Moderate]);
        assert_eq!(Scopes::ALL.granted_to(true), Scopes::ALL);
        assert!(!Scopes::USUAL.granted_to(true).holds(Scope::Admin), "nobody gets more than they asked for");
    }
}
