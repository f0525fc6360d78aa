//! A socket that came by a join token: it is in a room's call from its first frame to its last.

use voxlog_core::{
    call::Media,
    id::{RoomId, SessionId},
    presence::Status,
};

use super::Socket;
use crate::{
    Gateway, calls,
    identity::Caller,
    protocol::{ClientFrame, Command, FrameId, Request},
};

/// As what the gateway says `hello` for a client that has shown a join token: `welcome` answers this.
const HELLO: &str = "hello";

/// As what it then says `voice.join`: the `ack` with the call and the ICE servers answers this.
const JOIN: &str = "voice.join";

impl Socket {
    /// Says for the client what it would have to say first. Its user is seen in the call, and hidden elsewhere: somebody
    /// else may have made the link, and says nothing of whether they are there.
    pub(super) async fn enter_call(&mut self, caller: Caller, room: RoomId) {
        let outcome = self.let_in_as(caller, Some(Status::Invisible), None).await;
        self.session.authenticated(FrameId::Text(HELLO.to_owned()), outcome, self.now());
        self.wire.stands_with(self.session.who().map(|who| (who.session, who.user)));
        let request = Request::Command(Command::JoinCall(room, Media::default()));
        self.session.frame(Ok(ClientFrame { id: FrameId::Text(JOIN.to_owned()), request }), self.now());
    }
}

/// Leaves at once: a token is good once, so nobody will come back with it. Where that fails, the session is still taken
/// out once it has lingered.
pub(super) async fn leave(gateway: &Gateway, session: SessionId, caller: Caller, room: RoomId) {
    if let Err(failure) = calls::leave(gateway, caller.into(), session, room).await {
        tracing::debug!(detail = %failure.detail, "a call socket did not leave its call at once");
    }
}
