//! Bringing a session's record to say what is so.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use voxlog_core::{
    ambient,
    bus::{OFFLINE_KEPT, TellError},
    clock::Clock,
    envelope::Envelope,
    event::{Event, Subject},
    id::{CorrelationId, EventId, UserId},
    position::Seq,
};

use super::{Presence, TELL_WITHIN, own::Own};

/// The pause before something is told again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a record that stands in the way may take to be seen here.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

impl Presence {
    /// Tells what is to be told of a session, and waits a little until this node has it in its picture. False when it has
    /// not been told by then; it will be.
    pub(super) async fn tell_now(self: &Arc<Self>, own: &Arc<Own>) -> bool {
        let telling = self.tell_later(own);
        let told = self.is_connected() && timeout(TELL_WITHIN, telling).await.is_ok();
        if let (true, Some(seq)) = (told, own.stands_at()) {
            self.picture.reach(own.session, seq, TELL_WITHIN).await;
        }
        told
    }

    /// Tells what is to be told of a session as soon as that is possible. What has begun goes on by itself.
    pub(super) fn tell_later(self: &Arc<Self>, own: &Arc<Own>) -> tokio::task::JoinHandle<()> {
        let (presence, own) = (Arc::clone(self), Arc::clone(own));
        tokio::spawn(async move {
            let until_told = async {
                while let Err(error) = presence.tell(&own).await {
                    if let TellError::Refused(what) = error {
                        tracing::error!(session = %own.session, what, "a session's record can't be told");
                        return;
                    }
                    sleep(RETRY_AFTER).await;
                }
            };
            presence.over.run_until_cancelled(until_told).await;
        })
    }

    /// One record after the other, until nothing is to be told.
    async fn tell(&self, own: &Own) -> Result<(), TellError> {
        let _turn = own.telling.lock().await;
        while let Some((said, last)) = own.to_tell() {
            let payload = encode(&*self.clock, own.user, Subject::User(own.user), own.event(said));
            let ttl = said.is_offline().then_some(OFFLINE_KEPT);
            // Boxed, for it is large and every session's end waits for one.
            match Box::pin(self.bus.tell_presence(own.user, own.session, payload, Some(last), ttl)).await {
                Ok(seq) => {
                    metrics::counter!("voxlog_presence_records_total").increment(1);
                    own.note(seq, said);
                }
                Err(TellError::Conflict { seen: Seq::ZERO }) => own.note_none(),
                Err(TellError::Conflict { seen }) => match self.picture.reach(own.session, seen, SEEN_WITHIN).await {
                    Some(record) => own.note(record.seq, record.into()),
                    None => return Err(TellError::Unavailable("the picture is behind".to_owned())),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Something that is told beside the log, as it goes over the wire.
pub(super) fn encode(clock: &dyn Clock, actor: UserId, subject: Subject, event: ambient::Event) -> Bytes {
    let envelope = Envelope {
        id: EventId::mint(clock),
        subject,
        time: clock.now(),
        actor,
        correlation: CorrelationId::mint(clock),
        causation: None,
        event: Event::Ambient(event),
    };
    envelope.encode()
}
