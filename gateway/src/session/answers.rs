//! What a client is told of what it asked for.

use super::{Answer, Effect, Line, Session};
use crate::{
    calls::Joined,
    protocol::{Ack, FrameId, ServerFrame},
    rest::room_code::Coded,
};

impl Session {
    pub(super) fn answer(&mut self, line: Line, id: FrameId, answer: Answer) {
        match answer {
            Answer::Opening(opening) => {
                let Line::Room(room) = line else { return };
                let (from, told) = (opening.from, opening.told);
                self.send(ServerFrame::subscribed(id, room, *opening));
                self.open.insert(room);
                self.effects.push_back(Effect::Open { room, from, told });
            }
            Answer::Done(done) => {
                self.send(ServerFrame::Ack(Ack::of(id, &done)));
            }
            Answer::Posted(message, done) => {
                let (message_id, time) = (Some(message), Some(done.time));
                self.send(ServerFrame::Ack(Ack { message_id, time, ..Ack::of(id, &done) }));
            }
            Answer::Coded(Coded { code, invite_id }, done) => {
                self.send(ServerFrame::Ack(Ack { code: Some(code), invite_id, ..Ack::of(id, &done) }));
            }
            Answer::Shown => self.send(ServerFrame::Ack(Ack::new(id))),
            Answer::Admits(room, token) => {
                self.send(ServerFrame::Ack(Ack { join_token: Some(token), ..Ack::about(id, room) }));
            }
            Answer::Joined(joined) => {
                let Joined { done, call, ice_servers } = *joined;
                let (call, ice_servers) = (Some(call), Some(ice_servers));
                self.send(ServerFrame::Ack(Ack { call, ice_servers, ..Ack::of(id, &done) }));
            }
            Answer::Marked(room) => self.send(ServerFrame::Ack(Ack::about(id, room))),
            Answer::Page { room, class, events, has_more } => {
                self.send(ServerFrame::Page { id, room, class, events, has_more });
            }
        }
    }
}
