//! Who comes with a socket, and with which session it goes on.

use std::{future::pending, sync::Arc};

use voxlog_core::presence::Status;

use super::Socket;
use crate::{
    identity::{Caller, Credential, Scope},
    presence::{Arrived, Here},
    protocol::Resume,
    rest::limited::authenticate,
    session::{LetIn, NotLetIn},
    voice::{Inbox, Signal},
};

impl Socket {
    /// Finds out whose token this is. With the first one the socket gets its session.
    pub(super) async fn let_in(
        &mut self,
        token: &str,
        status: Option<Status>,
        resume: Option<Resume>,
    ) -> Result<LetIn, NotLetIn> {
        let who = authenticate(&self.gateway, self.address, token).await.map_err(NotLetIn::Refused)?;
        self.let_in_as(who, status, resume).await
    }

    /// The same for somebody who is known already.
    pub(super) async fn let_in_as(
        &mut self,
        who: Caller,
        status: Option<Status>,
        resume: Option<Resume>,
    ) -> Result<LetIn, NotLetIn> {
        if self.seat.is_none() {
            let linked = matches!(who.credential, Credential::JoinToken(_));
            let seat = self.gateway.seats.take(who.user, linked, self.gateway.config.limits.sockets_per_user);
            self.seat = Some(seat.ok_or(NotLetIn::Crowded)?);
            self.listening = Some(self.gateway.hub.listen(who.user, &self.outbox));
            return Ok(self.arrive(who, status, resume).await);
        }
        let is_theirs = self.seat.as_ref().is_some_and(|seat| seat.user() == who.user);
        if let (Some(status), true, Some(here)) = (status, is_theirs, &self.here) {
            self.gateway.presence.show_as(here.session(), status).await;
        }
        Ok(who.into())
    }

    /// Others can be told when this answers, and the client is told afterwards.
    async fn arrive(&mut self, who: Caller, status: Option<Status>, resume: Option<Resume>) -> LetIn {
        // Whoever has the session gets what it is signalled, and closes the socket that had it.
        let resume = resume.filter(|_| who.scopes.holds(Scope::Write));
        let wanted = resume.map(|resume| resume.session);
        let Arrived { here, resumed } = self.gateway.presence.arrive(who.user, self.session.id(), status, wanted).await;
        let session = here.session();
        let after = resume.filter(|_| resumed).map(|resume| resume.signals);
        self.inbox = Some(self.gateway.signals.attach(session, &self.outbox, after));
        self.here = Some(here);
        LetIn { who, resumed: resumed.then_some(session) }
    }
}

/// Waits for signals that were kept. Cancel safe.
pub(super) async fn read(inbox: &mut Option<Inbox>) -> Vec<Arc<Signal>> {
    match inbox {
        Some(inbox) => inbox.read().await,
        None => pending().await,
    }
}

/// Waits until another socket has the session. Only ever true once: the socket closes then.
pub(super) async fn displaced(here: Option<&Here>) {
    match here {
        Some(here) => here.displaced().await,
        None => pending().await,
    }
}
