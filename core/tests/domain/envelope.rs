//! What goes to the log comes back, and what does not belong there is refused.

use proptest::{collection::vec, prelude::*};
use voxlog_core::envelope::{DecodeError, Envelope, Header};

use crate::arbitrary;

fn with_type(kind: &str) -> Vec<u8> {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    serde_json::to_vec(&serde_json::json!({
        "specversion": "1.0", "id": id, "source": "/voxlog", "type": kind, "subject": id,
        "time": "2026-11-20T12:00:00Z", "actor": id, "correlationid": id, "data": {}
    }))
    .unwrap()
}

#[test]
fn a_type_that_nobody_knows_is_named() {
    for kind in ["voxlog.room.archived.v2", "voxlog.room.exploded.v1", "voxlog.call.paused.v1", "x", ""] {
        let error = Envelope::decode(&with_type(kind)).unwrap_err();
        assert!(matches!(&error, DecodeError::UnknownType(unknown) if unknown == kind), "{kind}: {error:?}");
    }
}

#[test]
fn a_known_type_with_data_that_does_not_fit_is_malformed() {
    assert!(Envelope::decode(&with_type("voxlog.room.archived.v1")).is_ok());
    for kind in ["voxlog.member.left.v1", "voxlog.message.deleted.v1", "voxlog.user.registered.v1"] {
        assert!(matches!(Envelope::decode(&with_type(kind)), Err(DecodeError::Malformed(_))), "{kind}");
    }
}

#[test]
fn data_of_any_depth_is_refused_or_passed_over() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let event = String::from_utf8(with_type("voxlog.member.left.v1")).unwrap();
    assert!(Envelope::decode(event.replace("{}", &deep).as_bytes()).is_err());
}

#[test]
fn fields_of_a_later_day_are_passed_over() {
    let event = String::from_utf8(with_type("voxlog.room.archived.v1")).unwrap();
    let later = event.replace("\"data\":{}", "\"data\":{\"why\":\"quiet\"},\"traceparent\":\"00-1-1-00\"");
    assert_ne!(later, event);
    assert_eq!(Envelope::decode(later.as_bytes()).unwrap(), Envelope::decode(event.as_bytes()).unwrap());
}

proptest! {
    #[test]
    fn an_event_reads_back_as_it_was_written(envelope in arbitrary::envelope()) {
        let bytes = envelope.encode();
        prop_assert_eq!(&Envelope::decode(&bytes).unwrap(), &envelope);
        let header = Header::read(&bytes).unwrap();
        prop_assert_eq!((header.id, header.time, header.actor), (envelope.id, envelope.time, envelope.actor));
        prop_assert_eq!(header.event().unwrap(), envelope.event);
    }

    #[test]
    fn random_bytes_are_no_event(bytes in vec(any::<u8>(), 0..512)) {
        prop_assert!(Envelope::decode(&bytes).is_err());
    }

    #[test]
    fn a_cut_off_event_is_no_event(envelope in arbitrary::envelope(), cut in any::<prop::sample::Index>()) {
        let bytes = envelope.encode();
        prop_assert!(Envelope::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_damaged_event_never_panics(
        envelope in arbitrary::envelope(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = envelope.encode().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Envelope::decode(&bytes) {
            prop_assert_eq!(Envelope::decode(&read.encode()).unwrap(), read, "what still reads is a whole event");
        }
    }
}
