//! How the domain's values stand in columns.

use std::borrow::Cow;

use serde::{Deserialize, de::IntoDeserializer, de::value};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{
    clock::Time,
    id::{MessageId, RoomId, UserId},
    message::Kind,
    position::{Partition, Seq},
    room::Role,
};

/// A seq as PostgreSQL holds it. Seqs stay below 2^53.
pub(crate) fn bigint(seq: Seq) -> i64 {
    i64::try_from(seq.0).expect("a seq is below 2^53")
}

/// A partition as PostgreSQL holds it.
pub(crate) fn integer(partition: Partition) -> i32 {
    i32::from(partition.0)
}

/// A partition that stands in a column.
pub(crate) fn partition(number: i32) -> Result<Partition, sqlx::Error> {
    Ok(Partition(u16::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))?))
}

/// A text that PostgreSQL can hold: it has no U+0000, so the replacement character stands in its place. Otherwise one
/// such character in a message would keep the whole room from its read model.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// [`text`] where there may be none.
pub(crate) fn maybe_text(maybe: Option<&str>) -> Option<Cow<'_, str>> {
    maybe.map(text)
}

/// A role, as it is written in JSON.
pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::Member => "member",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
}

/// A message's kind, as it is written in JSON.
pub(crate) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::File => "file",
        Kind::System => "system",
        Kind::VoiceNote => "voice_note",
    }
}

/// A value that stands in a column by its JSON name: a role, a kind.
pub(crate) fn named<'de, T: Deserialize<'de>>(row: &PgRow, column: &str) -> Result<T, sqlx::Error> {
    let name: String = row.try_get(column)?;
    let read = T::deserialize(IntoDeserializer::<value::Error>::into_deserializer(name));
    read.map_err(|error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() })
}

pub(crate) fn seq(row: &PgRow, column: &str) -> Result<Seq, sqlx::Error> {
    let seq: i64 = row.try_get(column)?;
    Ok(Seq(u64::try_from(seq).map_err(|error| sqlx::Error::Decode(error.into()))?))
}

pub(crate) fn room(row: &PgRow, column: &str) -> Result<RoomId, sqlx::Error> {
    row.try_get(column).map(RoomId::from_uuid)
}

pub(crate) fn user(row: &PgRow, column: &str) -> Result<UserId, sqlx::Error> {
    row.try_get(column).map(UserId::from_uuid)
}

pub(crate) fn message(row: &PgRow, column: &str) -> Result<MessageId, sqlx::Error> {
    row.try_get(column).map(MessageId::from_uuid)
}

pub(crate) fn maybe_message(row: &PgRow, column: &str) -> Result<Option<MessageId>, sqlx::Error> {
    Ok(row.try_get::<Option<Uuid>, _>(column)?.map(MessageId::from_uuid))
}

/// A count that there may be none of, which the domain holds in 32 bits.
pub(crate) fn maybe_count(row: &PgRow, column: &str) -> Result<Option<u32>, sqlx::Error> {
    let count: Option<i64> = row.try_get(column)?;
    count.map(|count| u32::try_from(count).map_err(|error| sqlx::Error::Decode(error.into()))).transpose()
}

/// The end of the year 9999. PostgreSQL refuses times that chrono knows.
const LAST_TIME: Time = Time::from_timestamp(253_402_300_799, 0).expect("chrono knows the year 9999");

/// The nearest time that an event can have. What is asked about by time is the same for it.
pub(crate) fn nearest(time: Time) -> Time {
    time.clamp(Time::UNIX_EPOCH, LAST_TIME)
}

/// A time as cursors write it: in microseconds, which is what PostgreSQL keeps of it. `None` when no event can have it.
pub(crate) fn time(micros: &str) -> Option<Time> {
    Time::from_timestamp_micros(micros.parse().ok()?).filter(|time| nearest(*time) == *time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A name that differs would be written and then not be read back.
    #[test]
    fn names_in_columns_are_those_in_json() {
        for it in [Role::Guest, Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(json!(it), role(it));
        }
        for it in [Kind::Text, Kind::File, Kind::System, Kind::VoiceNote] {
            assert_eq!(json!(it), kind(it));
        }
    }

    #[test]
    fn a_nul_character_is_replaced() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(text("ab"), "ab");
    }
}
