//! Who asks, as their credential tells it.

use voxlog_core::{
    clock::Time,
    decider::Asker,
    id::{RoomId, SessionId, UserId},
};

use super::scope::{Scope, Scopes};
use crate::error::{Code, Failure};

/// Who asks: what a verified access token or API key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Whose it is.
    pub user: UserId,
    /// The sign-in that the token came of, or the API key: what can be revoked.
    pub session: SessionId,
    /// When it stops verifying; an API key may have no end.
    pub expires: Option<Time>,
    /// Here without an account.
    pub guest: bool,
    /// What it is good for.
    pub scopes: Scopes,
    /// What kind of credential it is.
    pub credential: Credential,
}

/// What somebody showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The access token of a sign-in.
    Token,
    /// An API key.
    ApiKey,
    /// A join token: for the call of this room alone.
    JoinToken(RoomId),
}

impl Caller {
    /// Refuses a credential that was not made for this.
    pub fn needs(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.holds(scope) { Ok(()) } else { Err(lacks(scope)) }
    }

    /// Whose budget of commands it is that they use up: on a socket that came by a link, that of whom made the link, who
    /// may be somebody else.
    pub(crate) fn payer(&self) -> String {
        match self.credential {
            Credential::Token | Credential::ApiKey => self.user.to_string(),
            Credential::JoinToken(_) => self.session.to_string(),
        }
    }
}

impl From<Caller> for Asker {
    fn from(caller: Caller) -> Self {
        Self { user: caller.user, guest: caller.guest }
    }
}

/// The refusal of a credential that lacks a scope.
pub(crate) fn lacks(scope: Scope) -> Failure {
    let detail = match scope {
        Scope::Read => "this API key lacks the scope read",
        Scope::Write => "this API key lacks the scope write",
        Scope::Moderate => "this API key lacks the scope moderate",
        Scope::Admin => "this takes the scope admin, which only operators have",
    };
    Failure::new(Code::Forbidden, detail)
}

#[cfg(test)]
mod tests {
    use voxlog_core::clock::SystemClock;

    use super::*;

    /// An admin's link lets a member in; what comes by it must not keep that member from talking elsewhere.
    #[test]
    fn what_comes_by_a_link_uses_up_the_budget_of_whom_made_it() {
        let (user, session, room) =
            (UserId::mint(&SystemClock), SessionId::mint(&SystemClock), RoomId::mint(&SystemClock));
        let payer = |credential| {
            Caller { user, session, expires: None, guest: false, scopes: Scopes::USUAL, credential }.payer()
        };
        assert_eq!([payer(Credential::Token), payer(Credential::ApiKey)], [user.to_string(), user.to_string()]);
        assert_eq!(payer(Credential::JoinToken(room)), session.to_string());
    }
}
