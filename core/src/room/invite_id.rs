//! What an invite is called where its code must not stand.

use std::{borrow::Cow, fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest, Sha256};

use super::normalize_code;

/// Hashed before the code, so that the id is of no use as the hash of anything else.
const DOMAIN: &[u8] = b"voxlog invite\0";

/// Half of SHA-256. An id has to be unlike the others and to be found again; nobody gains by two codes of one id.
const BYTES: usize = 16;

/// Names an invite: a hash of its code. Everybody in the room may see it, since a code has 78 random bits: to find it
/// by its hash takes some ten thousand years of a graphics card. Who knows the code knows the id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct InviteId(String);

/// Why a text is no id of an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an invite")]
pub struct InvalidInviteId;

impl InviteId {
    /// That of the invite that has this code, however it was typed.
    pub fn of(code: &str) -> Self {
        let hash = Sha256::new().chain_update(DOMAIN).chain_update(normalize_code(code)).finalize();
        Self(BASE64_URL_SAFE_NO_PAD.encode(&hash[..BYTES]))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InviteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InviteId {
    type Err = InvalidInviteId;

    fn from_str(text: &str) -> Result<Self, InvalidInviteId> {
        match BASE64_URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if bytes.len() == BYTES => Ok(Self(text.to_owned())),
            _ => Err(InvalidInviteId),
        }
    }
}

impl<'de> Deserialize<'de> for InviteId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for InviteId {
    fn schema_name() -> Cow<'static, str> {
        "InviteId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Names an invite. It opens nothing: only the invite's code does.",
            "type": "string",
            "pattern": "^[A-Za-z0-9_-]{21}[AQgw]$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_code_never_changes() {
        assert_eq!(InviteId::of("W4TK8NCEJP").as_str(), PINNED);
        assert_eq!(InviteId::of(" w4tk-8ncejp "), InviteId::of("W4TK8NCEJP"));
        assert_ne!(InviteId::of("W4TK8NCEJQ"), InviteId::of("W4TK8NCEJP"));
    }

    #[test]
    fn an_id_reads_back_and_nothing_else_reads_as_one() {
        let id = InviteId::of("W4TK8NCEJP");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_eq!(serde_json::from_str::<InviteId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        let unlike = [
            "",
            "W4TK8NCEJP",
            &format!("{id}A"),
            &id.as_str()[..21],
            "!!!!!!!!!!!!!!!!!!!!!A",
            "AAAAAAAAAAAAAAAAAAAAAB",
        ];
        for text in unlike {
            assert_eq!(text.parse::<InviteId>(), Err(InvalidInviteId), "{text}");
        }
    }

    /// Computed by another program.
    const PINNED: &str = "JBCOntcPuCTr97yYcBGq1A";
}
