//! The OpenAPI document is true of the routes.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use voxlog_gateway::rest::document;
use voxlog_tests::{rest::Rest, world::World};

#[tokio::test]
async fn every_operation_is_a_route_and_other_methods_are_refused() {
    let world = World::on_one_server().await;
    let node = world.gateway().await;
    let rest = Rest::to(&node.url);
    let document = document();
    let methods: BTreeMap<_, BTreeSet<_>> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, item)| (path, item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect()))
        .collect();
    for (path, known) in methods {
        // Nobody is signed in, so nothing is done. One segment fits every kind: it is looked at after the method.
        let path =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = rest.send(method.clone(), &path, Value::Null).await;
            let refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(refused, !known.contains(method.as_str()), "{method} {path}: {}", answer.status);
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_page_that_shows_it_needs_nothing_from_elsewhere_and_nothing_inline() {
    let world = World::on_one_server().await;
    let node = world.gateway().await;
    let rest = Rest::to(&node.url);
    let page = rest.get("/docs").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.body.as_str().unwrap();
    for inline in ["<style", " style=", " onclick=", "<script>", "http:", "https:", "//"] {
        assert!(!html.contains(inline), "{inline}");
    }
    let places = html.split(['"']).collect::<Vec<_>>();
    let needed = places.windows(2).filter(|pair| pair[0].ends_with("src=") || pair[0].ends_with("href="));
    let mut loaded = 0;
    for place in needed.map(|pair| pair[1]).filter(|place| !place.starts_with('#') && *place != "data:,") {
        let answer = rest.get(&format!("/{place}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{place}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        loaded += 1;
    }
    // The style, the script, and either document twice.
    assert_eq!(loaded, 6);
    assert_eq!(rest.get("/docs/page.js").await.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(rest.get("/openapi.json").await.body, document());
}
