//! Old versions of events brought up to the one that the code knows.
//!
//! The log is kept for ever, so every version ever written must be readable for ever. When an event changes its shape,
//! its type gets the next version, and an upcaster here tells how the old data reads today. Deciders, projections and
//! gateways know the newest version only.

use std::borrow::Cow;

use serde_json::{Value, value::RawValue};

use crate::{envelope::DecodeError, room::InviteId};

/// One step from a version to a later one.
struct Upcaster {
    /// The type that it reads, `voxlog.message.posted.v1`.
    from: &'static str,
    /// The type that it makes.
    to: &'static str,
    /// Rewrites the data. What does not look like `from` is passed on: the decoder of `to` refuses it.
    rewrite: fn(Value) -> Value,
}

/// Every step, older ones first, so that one walk through the table brings any version up.
const UPCASTERS: &[Upcaster] = &[
    Upcaster { from: "voxlog.invite.created.v1", to: "voxlog.invite.created.v2", rewrite: hash_code },
    Upcaster { from: "voxlog.invite.used.v1", to: "voxlog.invite.used.v2", rewrite: hash_code },
    Upcaster { from: "voxlog.invite.revoked.v1", to: "voxlog.invite.revoked.v2", rewrite: hash_code },
];

/// At first the code itself stood in the events of invites.
fn hash_code(mut data: Value) -> Value {
    if let Some(Value::String(code)) = data.as_object_mut().and_then(|data| data.remove("code")) {
        data["inviteId"] = InviteId::of(&code).as_str().into();
    }
    data
}

/// The current type and data of an event that was written as `kind` with `data`. What is current passes through, unread.
pub fn to_current<'a>(kind: &'a str, data: &'a RawValue) -> Result<(Cow<'a, str>, Cow<'a, RawValue>), DecodeError> {
    bring_up(UPCASTERS, kind, data)
}

fn bring_up<'a>(
    upcasters: &[Upcaster],
    kind: &'a str,
    data: &'a RawValue,
) -> Result<(Cow<'a, str>, Cow<'a, RawValue>), DecodeError> {
    let Some(first) = upcasters.iter().position(|step| step.from == kind) else {
        return Ok((Cow::Borrowed(kind), Cow::Borrowed(data)));
    };
    let (mut kind, mut value) = (kind, serde_json::from_str(data.get())?);
    for step in &upcasters[first..] {
        if step.from == kind {
            (kind, value) = (step.to, (step.rewrite)(value));
        }
    }
    Ok((Cow::Borrowed(kind), Cow::Owned(serde_json::value::to_raw_value(&value)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message;

    /// An invented past: at first a message had `body` and a bare `author`, then `text` and `authorId`.
    const INVENTED: &[Upcaster] = &[
        Upcaster {
            from: "voxlog.note.v0",
            to: "voxlog.note.v1",
            rewrite: |mut data| {
                data["authorId"] = data["author"].take();
                data["text"] = data["body"].take();
                data
            },
        },
        Upcaster { from: "voxlog.other.v1", to: "voxlog.other.v2", rewrite: |_| json!("not asked for") },
        Upcaster {
            from: "voxlog.note.v1",
            to: "voxlog.message.posted.v1",
            rewrite: |mut data| {
                data["content"] = data["text"].take();
                data
            },
        },
    ];

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn read_as_posted(kind: &str, data: &Value) -> message::Event {
        let raw = serde_json::value::to_raw_value(data).unwrap();
        let (kind, data) = bring_up(INVENTED, kind, &raw).unwrap();
        let data: Value = serde_json::from_str(data.get()).unwrap();
        serde_json::from_value(json!({ "type": kind, "data": data })).unwrap()
    }

    #[test]
    fn an_event_of_any_old_version_reads_as_todays() {
        let today = json!({ "messageId": ID, "authorId": ID, "content": "hello" });
        let v1 = json!({ "messageId": ID, "authorId": ID, "text": "hello" });
        let v0 = json!({ "messageId": ID, "author": ID, "body": "hello" });
        let expected = read_as_posted("voxlog.message.posted.v1", &today);
        assert_eq!(read_as_posted("voxlog.note.v1", &v1), expected);
        assert_eq!(read_as_posted("voxlog.note.v0", &v0), expected);
    }

    #[test]
    fn a_current_event_passes_through_unread() {
        let data: &RawValue = serde_json::from_str(r#"{ "unusual" :  "blanks" }"#).unwrap();
        let (kind, passed) = bring_up(INVENTED, "voxlog.message.posted.v1", data).unwrap();
        assert_eq!(kind, "voxlog.message.posted.v1");
        assert!(matches!(passed, Cow::Borrowed(same) if std::ptr::eq(same, data)));
    }

    #[test]
    fn old_data_that_makes_no_sense_is_left_for_the_decoder_to_refuse() {
        let (kind, data) = bring_up(INVENTED, "voxlog.other.v1", RawValue::NULL).unwrap();
        assert_eq!((kind.as_ref(), data.get()), ("voxlog.other.v2", r#""not asked for""#));
    }
}
