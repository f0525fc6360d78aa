//! By which servers devices find a way to each other, and how they may use the relays among them.
//!
//! A relay carries whatever it is sent, so it must know who may use it. It shares a secret with the gateways, and they
//! make credentials of it that say until when they are good, with nothing to look up (draft-uberti-behave-turn-rest-00,
//! coturn's `use-auth-secret`).

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use voxlog_core::{
    clock::{Clock, Time},
    id::UserId,
};

use crate::{
    config::{Turn, Voice},
    protocol::reply::IceServer,
};

/// How long a credential is good. A device in a long call must still be let in when it changes its network, so it is
/// longer than people talk; whoever gets hold of one has a free relay for this long, so it is not longer than a day's
/// work.
pub const GOOD_FOR: Duration = Duration::from_hours(12);

/// The servers of this installation.
#[derive(Debug)]
pub struct Ice {
    stun: Option<IceServer>,
    turn: Option<Turn>,
    clock: Arc<dyn Clock>,
}

impl Ice {
    /// The servers that the settings name.
    pub fn new(voice: &Voice, clock: Arc<dyn Clock>) -> Self {
        let urls = voice.stun_urls.clone();
        let stun = (!urls.is_empty()).then_some(IceServer { urls, username: None, credential: None });
        Self { stun, turn: voice.turn.clone(), clock }
    }

    /// The servers for a user's devices, with a credential that is good for [`GOOD_FOR`] where one is needed.
    pub fn servers(&self, user: UserId) -> Vec<IceServer> {
        let turn = self.turn.as_ref().map(|turn| relay(turn, user, self.clock.now() + GOOD_FOR));
        self.stun.iter().cloned().chain(turn).collect()
    }
}

/// `username = expiry ":" user`, `credential = base64(hmac-sha1(secret, username))`.
fn relay(Turn { urls, secret }: &Turn, user: UserId, expires: Time) -> IceServer {
    let username = format!("{}:{user}", expires.timestamp());
    // The scheme says SHA-1, and what is known against SHA-1 does not touch it as the hash of an HMAC.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.reveal().as_bytes());
    let credential = BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()));
    IceServer { urls: urls.clone(), username: Some(username), credential: Some(credential) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// `printf '1700000000:…' | openssl dgst -sha1 -hmac north -binary | base64`.
    #[test]
    fn a_credential_is_what_a_turn_server_makes_of_the_same_name() {
        let turn = Turn { urls: vec!["turn:a.example".to_owned()], secret: "north".to_owned().into() };
        let user = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let server = relay(&turn, user, DateTime::from_timestamp(1_700_000_000, 0).unwrap());
        assert_eq!(server.username.as_deref(), Some("1700000000:01890a5d-ac96-774b-bcce-b302099a8057"));
        assert_eq!(server.credential.as_deref(), Some("wokwz9zMAZU6J5oz7CSO1wlX1qw="));
    }
}
