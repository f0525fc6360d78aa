//! The keys that sign access tokens, and their rotation.

use std::sync::Arc;

use serde_json::json;
use voxlog_core::clock::SystemClock;
use voxlog_gateway::identity::keys;
use voxlog_tests::{rest::Rest, world::World};

use super::{VERIFY, gateway};

#[tokio::test]
async fn a_rotated_key_signs_and_the_former_one_still_verifies() {
    let world = World::on_one_server().await;
    let before = gateway(&world, Arc::new(SystemClock)).await;
    let (ann, _) = before.register("ann").await;
    let published = before.get("/.well-known/jwks.json").await.ok();
    let key = &published["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));

    let rotated = World { signing_key: keys::generate_pem(), ..world.clone() };
    let stranger = gateway(&rotated, Arc::new(SystemClock)).await;
    let token = ann.token.clone().unwrap();
    assert_eq!(stranger.with_token(&token).get(VERIFY).await.code(), "unauthenticated");

    let former = keys::public_pem(&world.signing_key).unwrap();
    let node = rotated.gateway_with(|config| config.former_keys_pem = vec![former], Arc::new(SystemClock)).await;
    let rest = Rest::to(&node.url);
    rest.with_token(&token).get(VERIFY).await.ok();
    // While the old key still signs elsewhere, that gateway takes the new one's tokens when it knows its public half.
    let next = keys::public_pem(&rotated.signing_key).unwrap();
    let last = world.gateway_with(|config| config.former_keys_pem = vec![next], Arc::new(SystemClock)).await;
    let (new, _) = rest.register("bob").await;
    Rest::to(&last.url).with_token(new.token.unwrap()).get(VERIFY).await.ok();
    assert_eq!(rest.get("/.well-known/jwks.json").await.ok()["keys"].as_array().unwrap().len(), 2);
}
