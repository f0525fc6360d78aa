//! What is promised of the files, whatever is in them.

use axum::{body::to_bytes, extract::Request};
use serde::Deserialize;
use std::collections::BTreeMap;
use tower::ServiceExt;

use super::*;

async fn get_with(path: &str, headers: &[(HeaderName, &str)]) -> Response {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(name, *value));
    routes::<()>().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn ask(path: &str) -> Response {
    get_with(path, &[]).await
}

fn header_of<'a>(response: &'a Response, name: &HeaderName) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_file_comes_with_its_type_and_is_not_sent_twice() {
    let first = ask("/vendor/preact/preact.js").await;
    assert_eq!(header_of(&first, &header::CONTENT_TYPE), "text/javascript; charset=utf-8");
    assert_eq!(header_of(&first, &header::CACHE_CONTROL), "no-cache");
    let tag = header_of(&first, &header::ETAG);
    let again = get_with("/vendor/preact/preact.js", &[(header::IF_NONE_MATCH, tag)]).await;
    assert_eq!((again.status(), header_of(&again, &header::ETAG)), (StatusCode::NOT_MODIFIED, tag));
    let other = get_with("/vendor/preact/hooks.js", &[(header::IF_NONE_MATCH, tag)]).await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_text_is_compressed_for_those_who_take_it() {
    let plain = to_bytes(ask("/vendor/uplot/uplot.js").await.into_body(), usize::MAX).await.unwrap();
    let response = get_with("/vendor/uplot/uplot.js", &[(header::ACCEPT_ENCODING, "gzip")]).await;
    assert_eq!(header_of(&response, &header::CONTENT_ENCODING), "gzip");
    assert_eq!(header_of(&response, &header::VARY), "accept-encoding");
    let packed = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert!(packed.len() < plain.len() / 2, "{} of {}", packed.len(), plain.len());
}

#[tokio::test]
async fn what_is_no_web_file_is_not_there() {
    for path in [
        "/vendor/vendor.json",
        "/vendor/../sdk.js",
        "/vendor/..%2f..%2fCargo.toml",
        "/app/../../Cargo.toml",
        "/app/no.js",
    ] {
        assert_eq!(ask(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_page_allows_its_own_scripts_and_its_import_map_and_nothing_else() {
    let page = ask("/").await;
    insta::assert_snapshot!(policy("<p>no map</p>"), @"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert!(header_of(&page, &header::CONTENT_SECURITY_POLICY).contains("script-src 'self' 'sha256-"), "{page:?}");
    assert_eq!(header_of(&page, &HeaderName::from_static("permissions-policy")), PERMISSIONS);
    // The value that browsers and `openssl dgst` find for this text.
    let policy = policy("<script type=\"importmap\">{}</script>");
    assert!(policy.contains(" 'sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o='"), "{policy}");
}

/// No page has inline script or style: the policy would refuse it, in the browser and in silence.
#[test]
fn the_pages_have_nothing_inline_but_the_import_map() {
    for name in Files::iter().filter(|name| name.ends_with(".html")) {
        let page = String::from_utf8(Files::get(&name).unwrap().data.into_owned()).unwrap();
        let inline = page.matches("<script").count() - page.matches("<script type=\"module\" src=\"").count();
        assert_eq!(inline, usize::from(import_map(&page).is_some()), "{name}");
        for word in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(word), "{word} in {name}");
        }
    }
}

#[derive(Deserialize)]
struct Vendored {
    files: BTreeMap<String, VendoredFile>,
}

#[derive(Deserialize)]
struct VendoredFile {
    sha256: String,
}

/// What others have written is what they have released, byte for byte, beside its licence.
#[test]
fn vendored_files_are_those_that_vendor_json_names() {
    let list = Files::get("vendor/vendor.json").unwrap();
    let list: BTreeMap<String, Vendored> = serde_json::from_slice(&list.data).unwrap();
    let named: BTreeMap<_, _> = list
        .iter()
        .flat_map(|(folder, package)| {
            package.files.iter().map(move |(file, held)| (format!("vendor/{folder}/{file}"), &held.sha256))
        })
        .collect();
    for folder in list.keys() {
        assert!(named.contains_key(&format!("vendor/{folder}/LICENSE")), "{folder} has no licence");
    }
    let present = Files::iter().filter(|name| name.starts_with("vendor/") && media_type(name).is_some());
    let present: Vec<_> = present.map(std::borrow::Cow::into_owned).collect();
    assert_eq!(present.len(), named.len(), "{present:?}");
    for (name, sha256) in named {
        let held = Files::get(&name).unwrap_or_else(|| panic!("{name} is missing")).metadata.sha256_hash();
        let wanted = (0..64).step_by(2).map(|at| u8::from_str_radix(&sha256[at..at + 2], 16).unwrap());
        assert!(wanted.eq(held), "{name}");
    }
}
