//! Who asks, as their credential tells it.

use voxlog_core::{
    clock::Time,
    decider::Asker,
    id::{SessionId, UserId},
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
}

impl Caller {
    /// Refuses a credential that was not made for this.
    pub fn needs(&self, scope: Scope) -> Result<(), Failure> {
        if self.scopes.holds(scope) { Ok(()) } else { Err(lacks(scope)) }
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
    };
    Failure::new(Code::Forbidden, detail)
}
