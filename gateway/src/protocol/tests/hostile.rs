//! Input that nobody should send: an answer with a code, never a panic.

use super::*;

const ROOM: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Reads bytes in every way that a socket could, and makes sure that the answer can be sent.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    for encoding in Encoding::ALL {
        for outcome in [encoding.read_text(&text), encoding.read_binary(bytes)] {
            if let Err(bad) = outcome {
                prop_assert!(matches!(bad.failure.code, Code::Invalid | Code::Unsupported), "{bad:?}");
                prop_assert!(bad.failure.detail.len() <= 512, "{} bytes of detail", bad.failure.detail.len());
                encoding.encode(&bad.into());
            }
        }
    }
    Ok(())
}

/// Values of any shape, as deep as both encodings can write them.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(Value::from(ROOM)),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,10}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_op() -> impl Strategy<Value = String> {
    let known = prop::sample::select(ops::OPS.to_vec()).prop_map(str::to_owned);
    prop_oneof![4 => known, 1 => "[a-z]{0,8}\\.?[a-z]{0,8}"]
}

fn any_field() -> impl Strategy<Value = String> {
    let known = prop::sample::select(frames::FIELDS.to_vec()).prop_map(str::to_owned);
    prop_oneof![9 => known, 1 => "[a-zA-Z]{1,12}"]
}

proptest! {
    #[test]
    fn random_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        survives(&bytes)?;
    }

    #[test]
    fn random_fields_of_random_ops_get_an_answer_in_both_encodings_alike(
        op in any_op(),
        fields in prop::collection::btree_map(any_field(), any_value(), 0..6),
    ) {
        let mut frame = json!({"id": "x", "op": op});
        frame.as_object_mut().unwrap().extend(fields);
        frame["id"] = json!("x");
        match read(&frame) {
            Ok(read) => prop_assert_eq!(read.id, text("x")),
            Err(bad) => prop_assert_eq!(bad.id, Some(text("x"))),
        }
    }

    #[test]
    fn a_broken_frame_gets_an_answer(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let frame = json!({"id": 7, "op": "message.send", "room": ROOM, "content": "hi", "messageId": ROOM});
        for bytes in [frame.to_string().into_bytes(), rmp_serde::to_vec_named(&frame).unwrap()] {
            let mut broken = bytes;
            let at = at.index(broken.len());
            if cut { broken.truncate(at) } else { broken[at] = byte }
            survives(&broken)?;
        }
    }

    #[test]
    fn nesting_of_any_depth_gets_an_answer(depth in 1_usize..60_000) {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        survives(text.as_bytes())?;
        survives(format!(r#"{{"id":1,"op":"ping","x":{text}}}"#).as_bytes())?;
        survives(&vec![0x91; depth])?;
        let map = [&[0x81, 0xa1, b'x'][..]].concat().repeat(depth);
        survives(&map)?;
    }
}

#[test]
fn a_length_that_lies_costs_nothing() {
    for head in [[0xdd, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff], [0xdb, 0xff, 0xff, 0xff, 0xff]] {
        assert!(Encoding::Msgpack.read_binary(&head).is_err());
    }
}

#[test]
fn the_other_kind_of_websocket_message_is_refused() {
    assert!(Encoding::Json.read_binary(br#"{"id":1,"op":"ping"}"#).is_err());
    assert!(Encoding::Msgpack.read_text(r#"{"id":1,"op":"ping"}"#).is_err());
    assert!(Encoding::Json.read_text(r#"{"id":1,"op":"ping"}"#).is_ok());
}

#[test]
fn something_after_the_frame_is_refused() {
    assert!(Encoding::Json.read_text(r#"{"id":1,"op":"ping"} {}"#).is_err());
    let mut bytes = rmp_serde::to_vec_named(&json!({"id": 1, "op": "ping"})).unwrap();
    bytes.push(0xc0);
    assert!(Encoding::Msgpack.read_binary(&bytes).is_err());
}

#[test]
fn a_key_given_twice_is_named_and_the_answer_has_the_id() {
    let bad = Encoding::Json.read_text(r#"{"content":"a","content":"b","op":"message.send","id":5}"#).unwrap_err();
    assert_eq!((bad.id, bad.failure.errors[0].field.as_ref()), (Some(FrameId::Number(5)), "content"));
    let nested = r#"{"op":"room.update","id":5,"settings":{"isPublic":true,"isPublic":false}}"#;
    assert_eq!(Encoding::Json.read_text(nested).unwrap_err().failure.errors[0].field, "isPublic");
    // The same in MessagePack: {"op": "ping", "op": "ping", "id": 5}.
    let bytes = b"\x83\xa2op\xa4ping\xa2op\xa4ping\xa2id\x05";
    assert_eq!(Encoding::Msgpack.read_binary(bytes).unwrap_err().failure.errors[0].field, "op");
}

#[test]
fn an_id_is_a_short_text_or_a_whole_number() {
    for id in [json!(null), json!(1.5), json!([]), json!({}), json!(true), json!("x".repeat(65))] {
        let frame = json!({"id": id, "op": "ping"});
        assert_eq!(refused(&frame, None), (Code::Invalid, vec!["id".to_owned()]));
    }
    assert_eq!(refused(&json!({"op": "ping"}), None), (Code::Invalid, vec!["id".to_owned()]));
    for (id, read_as) in [
        (json!("x".repeat(64)), text(&"x".repeat(64))),
        (json!(0), FrameId::Number(0)),
        (json!(u64::MAX), FrameId::Number(u64::MAX)),
        (json!(-1), FrameId::Negative(-1)),
    ] {
        assert_eq!(read(&json!({"id": id, "op": "ping"})).unwrap().id, read_as);
        assert_eq!(serde_json::to_value(&read_as).unwrap(), id, "it goes back as it came");
    }
}

#[test]
fn unknown_ops_and_those_of_later_versions_are_unsupported() {
    for op in ["", "x", "room.x", "message.x", "reaction.x", "x.add", "typing.x", "presence.x", "voice.x", "file.add"] {
        let frame = json!({"id": "a", "op": op, "room": ROOM});
        assert_eq!(refused(&frame, Some(&text("a"))), (Code::Unsupported, vec![]), "{op}");
    }
    let attached = json!({"id": "a", "op": "message.send", "room": ROOM, "content": "x", "attachments": [1]});
    assert_eq!(refused(&attached, Some(&text("a"))).0, Code::Unsupported);
}

#[test]
fn a_wrong_field_is_named() {
    let wrong = |frame: Value| {
        let (code, fields) = refused(&frame, Some(&text("a")));
        assert_eq!((code, fields.len()), (Code::Invalid, 1), "{frame}");
        fields[0].clone()
    };
    assert_eq!(wrong(json!({"id": "a"})), "op");
    assert_eq!(wrong(json!({"id": "a", "op": 1})), "op");
    assert_eq!(wrong(json!({"id": "a", "op": "subscribe"})), "room");
    assert_eq!(wrong(json!({"id": "a", "op": "subscribe", "room": "x"})), "room");
    assert_eq!(wrong(json!({"id": "a", "op": "subscribe", "room": ROOM, "cursor": {"x": 1}})), "cursor.x");
    assert_eq!(wrong(json!({"id": "a", "op": "subscribe", "room": ROOM, "cursor": {"msg": -1}})), "cursor.msg");
    assert_eq!(wrong(json!({"id": "a", "op": "subscribe", "room": ROOM, "cursor": [1, 2, 3]})), "cursor");
    assert_eq!(wrong(json!({"id": "a", "op": "room.create", "name": "x", "settings": [true]})), "settings");
    assert_eq!(wrong(json!({"id": "a", "op": "message.send", "room": ROOM, "content": 5})), "content");
    assert_eq!(wrong(json!({"id": "a", "op": "message.send", "room": ROOM, "content": "x", "tpye": "text"})), "tpye");
    assert_eq!(wrong(json!({"id": "a", "op": "room.join"})), "code");
    assert_eq!(wrong(json!({"id": "a", "op": "room.ban", "room": ROOM, "userId": ROOM, "until": "soon"})), "until");
    assert_eq!(wrong(json!({"id": "a", "op": "room.create", "name": "x", "maxUsers": 70000})), "maxUsers");
    assert_eq!(wrong(json!({"id": "a", "op": "hello", "presence": "asleep"})), "presence");
    let history = |more: Value| {
        let mut frame = json!({"id": "a", "op": "history", "room": ROOM, "class": "msg"});
        frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        frame
    };
    assert_eq!(wrong(history(json!({"limit": 0}))), "limit");
    assert_eq!(wrong(history(json!({"limit": 201}))), "limit");
    assert_eq!(wrong(history(json!({"class": "x"}))), "class");
    assert_eq!(wrong(history(json!({"after": 1, "before": 5}))), "before");
}

#[test]
fn a_refusal_quotes_only_the_beginning_of_what_was_sent() {
    let frame = json!({"id": "a", "op": "message.send", "room": "é".repeat(20_000), "content": "x"});
    assert!(read(&frame).unwrap_err().failure.detail.len() < 300);
    let frame = json!({"id": "a", "op": "ping", "é".repeat(20_000): 1});
    assert!(read(&frame).unwrap_err().failure.detail.len() < 600);
}
