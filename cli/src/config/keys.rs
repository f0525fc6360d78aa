//! Keys of tokens, given as PEM or as paths to PEM files.

use std::fs;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Commentary, as far as PEM goes.
const EMBEDDED: &str = "Made by `voxlog up`, for this machine alone.";

/// The private key's PEM.
pub(super) fn private(value: &str) -> Result<String, String> {
    let mut blocks = blocks(&text(value)?, PRIVATE)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(block), true) => Ok(block),
        _ => Err("holds more than one key".to_owned()),
    }
}

/// The public keys' PEMs: several in one text, or several paths separated by commas.
pub(super) fn public(value: &str) -> Result<Vec<String>, String> {
    if is_pem(value) {
        return blocks(value, PUBLIC);
    }
    let mut keys = Vec::new();
    for path in value.split(',').map(str::trim).filter(|path| !path.is_empty()) {
        keys.extend(blocks(&text(path)?, PUBLIC)?);
    }
    Ok(keys)
}

/// A key for an instance of `voxlog up`, which says so itself, wherever its file is copied to.
pub(crate) fn embedded(pem: &str) -> String {
    format!("{EMBEDDED}\n{pem}")
}

/// Whether a value is, or leads to, a key that [`embedded`] has marked.
pub(super) fn is_embedded(value: &str) -> bool {
    text(value).is_ok_and(|text| text.contains(EMBEDDED))
}

/// Whether a value is a PEM itself and no path to one.
pub(super) fn is_pem(value: &str) -> bool {
    value.contains("-----BEGIN")
}

fn text(value: &str) -> Result<String, String> {
    if is_pem(value) {
        // An environment file can't hold line breaks, so they often come as the two characters.
        return Ok(value.replace("\\n", "\n"));
    }
    fs::read_to_string(value).map_err(|error| format!("can't read {value}: {error}"))
}

/// The PEM blocks of that label; at least one. What stands between them is commentary.
fn blocks(text: &str, label: &str) -> Result<Vec<String>, String> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(&begin) {
        let Some(length) = rest[start..].find(&end) else { return Err(format!("a PEM without {end}")) };
        let stop = start + length + end.len();
        found.push(format!("{}\n", &rest[start..stop]));
        rest = &rest[stop..];
    }
    if found.is_empty() { Err(format!("no PEM with {begin}")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";

    #[test]
    fn several_keys_may_stand_in_one_text_or_in_several_files() {
        assert_eq!(public(&format!("{PEM}\n\n{PEM}\n")).unwrap().len(), 2);
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("a"), PEM).unwrap();
        fs::write(path("b"), format!("{PEM}\n{PEM}")).unwrap();
        assert_eq!(public(&format!("{}, {}", path("a"), path("b"))).unwrap().len(), 3);
    }

    #[test]
    fn a_public_key_is_no_private_one() {
        assert_eq!(private(PEM), Err("no PEM with -----BEGIN PRIVATE KEY-----".to_owned()));
        let pem = PEM.replace("PUBLIC", "PRIVATE");
        assert_eq!(private(&pem.replace('\n', "\\n")), Ok(format!("{pem}\n")));
        assert_eq!(private(&format!("{pem}\n{pem}")), Err("holds more than one key".to_owned()));
    }
}
