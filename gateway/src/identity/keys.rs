//! The keys that sign and verify access tokens: Ed25519 (RFC 8037), one that signs and any number that still verify.
//!
//! Rotation: start the gateways with the new private key and the old public one; drop the old one when the last token
//! that it signed has expired.

use std::{collections::HashMap, fmt};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};

/// Why a key was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not the PEM of an Ed25519 private key in PKCS #8.
    #[error("the signing key is not an Ed25519 private key in PKCS #8 PEM")]
    Private,
    /// Not the PEM of an Ed25519 public key in SPKI.
    #[error("public key {0} is not an Ed25519 public key in PEM")]
    Public(usize),
}

/// The keys of an installation. Shows nothing of the private one.
pub(super) struct Keys {
    signing: EncodingKey,
    signing_id: String,
    verifying: HashMap<String, DecodingKey>,
    published: JwkSet,
}

impl Keys {
    /// The signing key's private PEM, and the public PEMs of those before it.
    pub(super) fn new(signing_pem: &str, former_pems: &[String]) -> Result<Self, InvalidKey> {
        let signing = EncodingKey::from_ed_pem(signing_pem.as_bytes()).map_err(|_| InvalidKey::Private)?;
        let pair = Ed25519KeyPair::from_pkcs8(signing.as_bytes()).map_err(|_| InvalidKey::Private)?;
        let public = DecodingKey::from_ed_der(pair.public_key().as_ref());
        let current = publish(&public).ok_or(InvalidKey::Private)?;
        let signing_id = current.common.key_id.clone().unwrap_or_default();
        let mut keys = Self { signing, signing_id, verifying: HashMap::new(), published: JwkSet::default() };
        keys.add(current, public);
        for (index, pem) in former_pems.iter().enumerate() {
            let invalid = InvalidKey::Public(index + 1);
            let public = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| invalid.clone())?;
            let former = publish(&public).ok_or(invalid)?;
            keys.add(former, public);
        }
        Ok(keys)
    }

    fn add(&mut self, jwk: Jwk, key: DecodingKey) {
        let id = jwk.common.key_id.clone().unwrap_or_default();
        if self.verifying.insert(id, key).is_none() {
            self.published.keys.push(jwk);
        }
    }

    pub(super) const fn signing(&self) -> (&EncodingKey, &String) {
        (&self.signing, &self.signing_id)
    }

    pub(super) fn verifying(&self, id: &str) -> Option<&DecodingKey> {
        self.verifying.get(id)
    }

    pub(super) const fn published(&self) -> &JwkSet {
        &self.published
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("signing_id", &self.signing_id).finish_non_exhaustive()
    }
}

/// The public key as a JWK, named by its thumbprint (RFC 7638): every gateway gives a key the same name.
fn publish(key: &DecodingKey) -> Option<Jwk> {
    let mut jwk = Jwk::from_decoding_key(key, Some(Algorithm::EdDSA)).ok()?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).ok()?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Some(jwk)
}

/// A new Ed25519 private key, as PKCS #8 PEM.
pub fn generate_pem() -> String {
    let pair = Ed25519KeyPair::generate().expect("the system has randomness");
    let document = pair.to_pkcs8v1().expect("a key that was just made has a PKCS #8 form");
    pem("PRIVATE KEY", document.as_ref())
}

/// The public half of a private key as SPKI PEM: what the next installation takes as a former key.
pub fn public_pem(private_pem: &str) -> Result<String, InvalidKey> {
    let key = EncodingKey::from_ed_pem(private_pem.as_bytes()).map_err(|_| InvalidKey::Private)?;
    let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| InvalidKey::Private)?;
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| InvalidKey::Private)?;
    Ok(pem("PUBLIC KEY", der.as_ref()))
}

/// RFC 7468: base64 in lines of 64.
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_signs_and_is_published_under_its_thumbprint() {
        let keys = Keys::new(&generate_pem(), &[]).unwrap();
        let [jwk] = keys.published().keys.as_slice() else { panic!("one key is published") };
        assert_eq!(jwk.common.key_id.as_ref(), Some(keys.signing().1));
        assert_eq!(keys.signing().1.len(), 43);
    }

    /// The key and thumbprint of RFC 8037, appendix A.3.
    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        let key = DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let jwk = publish(&key).unwrap();
        assert_eq!(jwk.common.key_id.as_deref(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
    }

    #[test]
    fn former_keys_are_published_too_and_once() {
        let (old, new) = (generate_pem(), generate_pem());
        let keys = Keys::new(&new, &[public_pem(&old).unwrap(), public_pem(&new).unwrap()]).unwrap();
        assert_eq!(keys.published().keys.len(), 2);
    }

    #[test]
    fn what_is_no_key_is_refused_by_its_place() {
        assert_eq!(Keys::new("x", &[]).unwrap_err(), InvalidKey::Private);
        let good = generate_pem();
        let public = public_pem(&good).unwrap();
        assert_eq!(Keys::new(&public, &[]).unwrap_err(), InvalidKey::Private);
        assert_eq!(Keys::new(&good, &[public, "x".to_owned()]).unwrap_err(), InvalidKey::Public(2));
    }

    #[test]
    fn nothing_of_the_private_key_is_shown() {
        let pem = generate_pem();
        let shown = format!("{:?}", Keys::new(&pem, &[]).unwrap());
        assert!(!shown.contains(pem.lines().nth(1).unwrap()), "{shown}");
    }
}
