//! Hashes that all gateways of an installation make alike and nobody else can make or try out: for what they share about
//! clients without telling who these are.

use aws_lc_rs::hmac;

/// HMAC-SHA256 under a key that comes of the signing key, a different one for each purpose.
#[derive(Debug, Clone)]
pub(crate) struct Keyed(hmac::Key);

impl Keyed {
    pub(crate) fn new(signing_key_pem: &str, purpose: &str) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, signing_key_pem.trim().as_bytes());
        let tag = hmac::sign(&root, format!("voxlog {purpose}").as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref()))
    }

    /// The hash of these parts; `["ab", "c"]` and `["a", "bc"]` have different ones.
    pub(crate) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("a tag of SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_the_key_the_purpose_and_where_the_parts_end() {
        let of = |key, purpose, parts: &[&str]| {
            Keyed::new(key, purpose).hash(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
        };
        let hash = of("key", "a", &["ab", "c"]);
        assert_eq!(hash, of("key\n", "a", &["ab", "c"]), "white space around a PEM means nothing");
        assert_ne!(hash, of("other", "a", &["ab", "c"]));
        assert_ne!(hash, of("key", "b", &["ab", "c"]));
        assert_ne!(hash, of("key", "a", &["a", "bc"]));
    }
}
