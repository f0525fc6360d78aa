//! JSON and MessagePack say the same.

use axum::extract::ws::Message;
use bytes::Bytes;
use voxlog_core::position::{Class, Seq};

use super::*;
use crate::hub::Entry;

fn value_of(message: &Message) -> Value {
    match message {
        Message::Text(text) => serde_json::from_str(text).unwrap(),
        Message::Binary(bytes) => rmp_serde::from_slice(bytes).unwrap(),
        _ => panic!("frames are text or binary"),
    }
}

#[test]
fn every_frame_for_a_client_says_the_same_in_both_encodings() {
    for frame in frames::server_frames() {
        let (json, msgpack) = (Encoding::Json.encode(&frame), Encoding::Msgpack.encode(&frame));
        assert!(matches!((&json, &msgpack), (Message::Text(_), Message::Binary(_))));
        assert_eq!(value_of(&json), value_of(&msgpack));
    }
}

#[test]
fn every_frame_of_a_client_means_the_same_in_both_encodings() {
    for frame in frames::client_frames() {
        assert!(read(&frame).is_ok(), "{frame}");
    }
}

proptest! {
    #[test]
    fn an_event_says_the_same_in_both_encodings(
        text in ".*", number in any::<i64>(), float in -1e15_f64..1e15, seq in 1_u64..1 << 53, prev in 0_u64..1 << 53,
    ) {
        let stored = json!({"data": {"content": text, "n": number, "f": float, "list": [null, true, {}]}}).to_string();
        let room = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let entry = Entry::new(room, Class::Msg, Seq(seq), Seq(prev), Bytes::from(stored));
        let json = value_of(&Encoding::Json.event(&entry));
        prop_assert_eq!(&json["seq"], &json!(seq));
        prop_assert_eq!(json, value_of(&Encoding::Msgpack.event(&entry)));
    }

    #[test]
    fn bytes_that_are_no_event_become_null_and_the_chain_stays_closed(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let room = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let entry = Entry::new(room, Class::Ctl, Seq(2), Seq(1), Bytes::from(bytes));
        let value = value_of(&Encoding::Msgpack.event(&entry));
        prop_assert_eq!((&value["seq"], &value["prev"]), (&json!(2), &json!(1)));
        let begins = entry.json().starts_with(r#"{"op":"event""#);
        prop_assert!(begins);
    }
}
