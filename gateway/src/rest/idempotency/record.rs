//! What is known of a request that may come again.

use axum::http::{Method, Uri};
use serde::{Deserialize, Serialize};
use voxlog_core::{clock::Clock, id::MessageId};

use super::{Answer, MintedId, store::Store, under_way};
use crate::{
    error::{Code, Failure},
    keyed::Keyed,
};

/// After this a request that is still under way is taken to have died with its gateway, in seconds. More than the longest
/// patience with a request, and than what the clocks of nodes and of NATS differ by.
const LOST_AFTER_S: i64 = 60;

/// The requests of an installation that may come again.
#[derive(Debug)]
pub struct Repeats {
    /// Neither keys nor what stands in a request can be guessed from what is kept.
    keyed: Keyed,
    store: Store,
}

/// One request, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    fingerprint: String,
    minted: MessageId,
    state: State,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// A gateway is at it, or has died over it.
    UnderWay,
    /// It came to nothing, or nobody knows to what.
    Open,
    /// It was answered; with nothing here, by something that is not kept.
    Done(Option<Answer>),
}

/// The right to carry out a request.
#[derive(Debug)]
pub(super) struct Claim {
    revision: u64,
    record: Record,
}

/// What to do about a request.
#[derive(Debug)]
pub(super) enum Begun {
    /// Carry it out.
    Ours(Claim),
    /// Give this answer.
    Answered(Answer),
}

/// What came of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing that lasts.
    Open,
    /// An answer, and whether it is kept.
    Done(Option<Answer>),
}

impl Repeats {
    /// Remembers in the bucket of a namespace, which is made with the first request.
    pub(crate) fn new(
        client: async_nats::Client,
        namespace: &voxlog_core::log::Namespace,
        replicas: u8,
        signing_key_pem: &str,
    ) -> Self {
        let store = Store::new(client, namespace.bucket("IDEMPOTENCY"), replicas);
        Self { keyed: Keyed::new(signing_key_pem, "idempotency"), store }
    }

    /// Where a request is kept.
    pub(super) fn slot(&self, scope: &str, key: &str) -> String {
        hex(&self.keyed.hash(&[scope.as_bytes(), key.as_bytes()]))
    }

    /// What tells one request from another.
    pub(super) fn fingerprint(&self, method: &Method, uri: &Uri, body: &[u8]) -> String {
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        hex(&self.keyed.hash(&[method.as_str().as_bytes(), target.as_bytes(), body]))
    }

    /// Bytes that follow from what a request was given, for secrets that shall be the same when it is tried again. Without
    /// the key of the installation nobody makes them.
    pub(crate) fn bytes(&self, MintedId(minted): MintedId) -> impl FnMut() -> u8 {
        let keyed = self.keyed.clone();
        let block = move |number: u64| keyed.hash(&[b"bytes", minted.as_uuid().as_bytes(), &number.to_be_bytes()]);
        let mut bytes = (0..).flat_map(block);
        move || bytes.next().expect("there is always another block")
    }

    /// Claims a request, finds its answer, or fails because it is another's or another request.
    pub(super) async fn begin(&self, slot: &str, fingerprint: &str, clock: &dyn Clock) -> Result<Begun, Failure> {
        let new =
            Record { fingerprint: fingerprint.to_owned(), minted: MessageId::mint(clock), state: State::UnderWay };
        if let Some(revision) = self.store.create(slot, &new).await? {
            return Ok(Begun::Ours(Claim { revision, record: new }));
        }
        // A copy that is behind may not have it yet.
        let Some(found) = self.store.read(slot).await? else { return Err(under_way()) };
        if found.record.fingerprint != fingerprint {
            return Err(Failure::invalid("Idempotency-Key", "was used for another request"));
        }
        let age_s = clock.now().timestamp() - found.stored_at_s;
        match found.record.state {
            State::Done(Some(answer)) => Ok(Begun::Answered(answer)),
            State::Done(None) => {
                let detail = "this was done before under this key; the answer held secrets and was not kept";
                Err(Failure::new(Code::Conflict, detail))
            }
            State::UnderWay if age_s < LOST_AFTER_S => Err(under_way()),
            State::UnderWay | State::Open => {
                let record = Record { state: State::UnderWay, ..found.record };
                let revision = self.store.update(slot, &record, found.revision).await?.ok_or_else(under_way)?;
                Ok(Begun::Ours(Claim { revision, record }))
            }
        }
    }

    /// Keeps what came of a request. Where that fails it stays under way, and may be tried again when that has lasted
    /// too long.
    pub(super) async fn end(&self, slot: &str, claim: Claim, outcome: Outcome) {
        let state = match outcome {
            Outcome::Open => State::Open,
            Outcome::Done(answer) => State::Done(answer),
        };
        let record = Record { state, ..claim.record };
        match self.store.update(slot, &record, claim.revision).await {
            Ok(Some(_)) => {}
            Ok(None) => tracing::warn!("a repeatable request was taken over by another gateway"),
            Err(_) => tracing::warn!("what came of a repeatable request can't be kept"),
        }
    }
}

impl Claim {
    /// The id for what the request makes.
    pub(super) const fn minted(&self) -> MessageId {
        self.record.minted
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes any length");
        text
    })
}
