//! A command about a call, carried out without a hub.

use super::{FoldError, fold};
use crate::{
    call::{Command, Event, Ongoing},
    clock::Clock,
    decider::{Asked, Decider},
    envelope::Envelope,
    event::Subject,
    id::{CorrelationId, EventId, RoomId, UserId},
    log::{AppendError, Commit, Guard, Log, Record},
    position::{Chain, Class, Seq},
    rejection::Rejection,
};

/// How often it is decided again when somebody else has moved the fence meanwhile.
const ATTEMPTS: usize = 32;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The room could not be had from the log.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The domain says no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It is not in the log, or nobody knows. Asking again is safe: what is done already is not done twice.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Others changed the partition again and again while it was decided.
    #[error("the room is changing too fast")]
    Contended,
}

/// Carries out what Voxlog itself asks of a room's call: to take a lost device out of it, or to end one that is idle. It
/// is asked in the name of whom it concerns: the device's user, or who began the call.
///
/// The answer is where its last event stands; `None` when the wish was true already.
pub async fn command_call(
    log: &dyn Log,
    clock: &dyn Clock,
    room: RoomId,
    command: &Command,
) -> Result<Option<Seq>, CommandError> {
    let (correlation, at, mut ids) = (CorrelationId::mint(clock), clock.now(), Vec::new());
    for _ in 0..ATTEMPTS {
        // What is folded has everything up to the fence, and more: where the fence has moved, the log refuses.
        let tail = log.tail(log.partitions().of(room.as_uuid())).await.map_err(FoldError::from)?;
        let (folded, _) = fold(log, room, tail.last).await?;
        let Some(call) = folded.call.ongoing() else { return Ok(None) };
        let asked = Asked { by: in_whose_name(call, command), guest: false, at };
        let events = folded.call.decide(&folded.room, asked, command)?;
        if events.is_empty() {
            return Ok(None);
        }
        let (behind, moves_fence) = (events.len() as u64 - 1, events.iter().any(Event::moves_fence));
        // The same ids in every attempt: what has landed unseen is not stored again.
        ids.resize_with(ids.len().max(events.len()), || EventId::mint(clock));
        let records = events.into_iter().zip(&ids).map(|(event, &id)| {
            let (subject, actor) = (Subject::Room(room), asked.by);
            let envelope = Envelope { id, subject, time: at, actor, correlation, causation: None, event: event.into() };
            Record { id, chain: Chain::Room(room, Class::Call), payload: envelope.encode(), ttl: None }
        });
        let (records, marker) = (records.collect(), moves_fence.then_some(room));
        match log.commit(Commit { records, guard: Guard::Fence(tail.fence), marker }).await {
            Ok(appended) => return Ok(Some(Seq(appended.seq.0 + behind))),
            Err(AppendError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CommandError::Contended)
}

fn in_whose_name(call: &Ongoing, command: &Command) -> UserId {
    let device = match *command {
        Command::Join { session, .. }
        | Command::Leave { session }
        | Command::Update { session, .. }
        | Command::Lose { session } => Some(session),
        Command::End { .. } => None,
    };
    let participant = call.participants.iter().find(|participant| Some(participant.session) == device);
    participant.map_or(call.started_by, |participant| participant.user_id)
}
