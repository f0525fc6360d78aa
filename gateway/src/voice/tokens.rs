//! Join tokens: the one secret that may stand in a URL, since it is good once, for a minute, for one room's call.
//!
//! Of a token only a keyed hash is kept, in a bucket of NATS that all gateways share and that forgets by itself. It is
//! redeemed by being deleted under the revision under which it was read, so of two gateways that are shown the same
//! token at once one deletes it and the other is refused.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{
        kv::{self, UpdateErrorKind},
        stream::LastRawMessageErrorKind,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voxlog_core::{
    call,
    clock::Time,
    decider::Asked,
    fold::Folded,
    id::{RoomId, SessionId, UserId},
    log::Namespace,
    rejection::Rejection,
    room::Role,
};

use crate::{
    Gateway,
    bucket::{Away, Bucket},
    error::{Code, Failure},
    identity::{Caller, Credential, Scopes, Secret},
    keyed::Keyed,
    voice::ice,
};

/// How long a token is good: as long as it takes to open a link that one was just given.
pub const GOOD_FOR: Duration = Duration::from_mins(1);

/// How the path of what answers with tokens ends.
pub(crate) const PATH_END: &str = "/call/tokens";

/// Bytes of a token, all of them random.
const BYTES: usize = 32;

/// The tokens of an installation.
#[derive(Debug)]
pub struct Tokens {
    keyed: Keyed,
    bucket: Bucket,
}

/// Whom a token lets in, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pass {
    /// Whose call.
    pub(crate) room: RoomId,
    /// As whom.
    pub(crate) user: UserId,
    /// Whether they are here without an account.
    pub(crate) guest: bool,
    /// Of which sign-in the token came. What came of a sign-in ends with it.
    pub(crate) sign_in: SessionId,
    /// What that was good for: what came of it is good for no more.
    pub(crate) scopes: Scopes,
    /// When it ends, if it ends by itself and nobody renews it.
    pub(crate) ends: Option<Time>,
}

/// A token that lets one device into a room's call, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinToken {
    /// The token itself, shown this once.
    pub token: String,
    /// How long it is good, in seconds.
    pub expires_in: u64,
    /// Where it is good: a path on every gateway, to be opened as a WebSocket.
    pub url: String,
}

/// Makes a token for a room's call, for the caller or for another member.
///
/// Every member who may speak can make one for themselves. For others they are made by admins and the owner, and by nobody
/// for one who ranks above them: whoever has the token appears in the call as that member.
pub(crate) async fn mint(
    gateway: &Gateway,
    caller: Caller,
    room: RoomId,
    whom: Option<UserId>,
) -> Result<JoinToken, Failure> {
    let (asked, user) = (asked(gateway, caller), whom.unwrap_or(caller.user));
    let role = gateway.hub.exactly(room, |folded| check(folded, asked, user)).await?;
    let Caller { session: sign_in, scopes, expires, credential, .. } = caller;
    // An access token is renewed for as long as its sign-in lasts.
    let ends = expires.filter(|_| credential != Credential::Token);
    let pass = Pass { room, user, guest: role == Role::Guest, sign_in, scopes, ends };
    let token = gateway.join_tokens.keep(pass).await?;
    let url = format!("/ws/call/{room}?token={token}");
    Ok(JoinToken { token, expires_in: GOOD_FOR.as_secs(), url })
}

/// Whom a token lets into a room's call. The token is good for nothing afterwards.
///
/// A socket lasts as long as what it is given to find the others by, and no longer than the API key or the call socket by
/// which the token was made; what else ends it is the end of that sign-in.
pub(crate) async fn admit(gateway: &Gateway, room: RoomId, token: &Secret) -> Result<Caller, Failure> {
    let Pass { user, guest, sign_in: session, scopes, ends, .. } = gateway.join_tokens.redeem(room, token).await?;
    if gateway.identity.revoked().holds(session, user) {
        return Err(refused());
    }
    let longest = gateway.clock.now() + ice::GOOD_FOR;
    let expires = Some(ends.map_or(longest, |ends| ends.min(longest)));
    Ok(Caller { user, session, expires, guest, scopes, credential: Credential::JoinToken(room) })
}

impl Tokens {
    /// The tokens in the bucket of a namespace, which is made with the first one.
    pub(crate) fn new(client: Client, namespace: &Namespace, replicas: u8, signing_key_pem: &str) -> Self {
        let config = kv::Config {
            bucket: namespace.bucket("JOIN_TOKENS"),
            description: "Hashes of join tokens of calls, until they are used".to_owned(),
            max_age: GOOD_FOR,
            num_replicas: replicas.into(),
            ..kv::Config::default()
        };
        Self { keyed: Keyed::new(signing_key_pem, "join token"), bucket: Bucket::new(client, config) }
    }

    async fn keep(&self, pass: Pass) -> Result<String, Failure> {
        let mut bytes = [0; BYTES];
        aws_lc_rs::rand::fill(&mut bytes).expect("the system has randomness");
        let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let (key, value) = (self.key(&bytes), serde_json::to_vec(&pass).expect("a pass is JSON"));
        let keep = async |bucket: &kv::Store| Ok(bucket.create(key, value.into()).await?);
        self.bucket.patiently(keep).await.map_err(|Away| away())?;
        Ok(token)
    }

    /// Whom a token lets into the call of a room. It is good for nothing afterwards, whatever this answers.
    pub(crate) async fn redeem(&self, room: RoomId, token: &Secret) -> Result<Pass, Failure> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.reveal()).ok().filter(|bytes| bytes.len() == BYTES);
        let key = self.key(&bytes.ok_or_else(refused)?);
        let pass = self.bucket.patiently(async |bucket: &kv::Store| take(bucket, &key).await).await;
        let pass = pass.map_err(|Away| away())?.ok_or_else(refused)?;
        if pass.room == room { Ok(pass) } else { Err(refused()) }
    }

    fn key(&self, token: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.keyed.hash(&[token]))
    }
}

/// Deletes what stands under a key, and gives it to the one who has deleted it. The leader is asked: a copy may not have
/// what was minted a moment ago.
async fn take(bucket: &kv::Store, key: &str) -> Result<Option<Pass>, async_nats::Error> {
    let kept = match bucket.stream.get_last_raw_message_by_subject(&format!("{}{key}", bucket.prefix)).await {
        Ok(kept) => kept,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Of what was deleted an empty record is left.
    let Ok(pass) = serde_json::from_slice(&kept.payload) else { return Ok(None) };
    match bucket.delete_expect_revision(key, Some(kept.sequence)).await {
        Ok(()) => Ok(Some(pass)),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a token may be made, and what its user is in the room.
fn check(folded: &Folded, asked: Asked, whom: UserId) -> Result<Role, Rejection> {
    call::check_may_speak(&folded.room, asked)?;
    let own = folded.room.role(asked.by).ok_or(Rejection::NotAMember)?;
    if whom == asked.by {
        return Ok(own);
    }
    if own < Role::Admin {
        return Err(Rejection::Forbidden("only admins and the owner let others in"));
    }
    let role = folded.room.role(whom).ok_or(Rejection::NotFound("member"))?;
    if role > own {
        return Err(Rejection::Forbidden("they rank above you"));
    }
    let theirs = Asked { by: whom, ..asked };
    call::check_may_speak(&folded.room, theirs).map_err(|_muted| Rejection::Conflict("they are muted in this room"))?;
    Ok(role)
}

fn asked(gateway: &Gateway, caller: Caller) -> Asked {
    voxlog_core::decider::Asker::from(caller).at(gateway.clock.now())
}

/// One answer for unknown, used, expired and another room's: it tells a thief nothing.
fn refused() -> Failure {
    Failure::new(Code::Unauthenticated, "the join token is not good, or not any more: ask for another")
}

fn away() -> Failure {
    Failure::unavailable("join tokens can't be looked up just now")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use voxlog_core::{
        call::Media,
        clock::{Clock, SystemClock},
        id::CallId,
        position::Seq,
        room,
    };

    use super::*;

    struct Stage {
        folded: Folded,
        seq: u64,
    }

    impl Stage {
        fn happens(&mut self, event: impl Into<voxlog_core::event::Event>) {
            self.seq += 1;
            self.folded.evolve(Seq(self.seq), &event.into());
        }
    }

    /// A room of an owner, an admin, two members, and a call that the first member began: that makes it theirs, and nobody
    /// else.
    #[test]
    fn others_are_let_in_by_admins_and_the_owner_and_nobody_by_those_below_them() {
        let [owner, admin, ann, bob, stranger] = std::array::from_fn(|_| UserId::mint(&SystemClock));
        let at = SystemClock.now();
        let asked = |by| Asked { by, at, guest: false };
        let mut stage = Stage { folded: Folded::default(), seq: 0 };
        let create = room::Event::Created {
            name: "x".to_owned(),
            description: String::new(),
            code: "ABCDEFGHJK".to_owned(),
            max_users: 9,
            owner_id: owner,
            settings: room::Settings::default(),
        };
        stage.happens(create);
        for user_id in [admin, ann, bob] {
            stage.happens(room::Event::Joined { user_id, role: Role::Member });
        }
        stage.happens(room::Event::RoleChanged { user_id: admin, role: Role::Admin, former_owner_id: None });
        let may = |stage: &Stage, by, whom| check(&stage.folded, asked(by), whom);
        assert_eq!(may(&stage, ann, ann), Ok(Role::Member));
        assert!(matches!(may(&stage, ann, bob), Err(Rejection::Forbidden(_))));
        assert_eq!(may(&stage, admin, bob), Ok(Role::Member));
        assert!(matches!(may(&stage, admin, owner), Err(Rejection::Forbidden(_))));
        assert_eq!(may(&stage, owner, admin), Ok(Role::Admin));
        assert_eq!(may(&stage, admin, stranger), Err(Rejection::NotFound("member")));
        assert_eq!(may(&stage, stranger, stranger), Err(Rejection::NotAMember));

        let (call_id, session) = (CallId::mint(&SystemClock), SessionId::mint(&SystemClock));
        stage.happens(call::Event::Started { call_id, started_by: ann, session, seats: 8 });
        stage.happens(call::Event::Joined { call_id, user_id: ann, session, media: Media::default() });
        assert!(matches!(may(&stage, ann, bob), Err(Rejection::Forbidden(_))));
        let until = Some(at + TimeDelta::hours(1));
        stage.happens(room::Event::Muted { user_id: bob, until, reason: None });
        assert!(matches!(may(&stage, admin, bob), Err(Rejection::Conflict(_))));
        assert_eq!(may(&stage, bob, bob), Err(Rejection::Muted));
    }
}
