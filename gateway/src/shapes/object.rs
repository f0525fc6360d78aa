//! Objects, and nothing that could be taken for one.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Something that is read from an object alone. What serde derives would take a list of the fields' values as well:
/// `["Tea", null, 5]` for a room.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// For a field that is an object, null or absent.
pub(crate) fn maybe<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(it)| it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::{NewRoom, Whom};

    #[test]
    fn a_list_is_no_object() {
        let read = |text: &str| serde_json::from_str::<Object<NewRoom>>(text).map(|Object(room)| room);
        assert!(read(r#"["Tea", null, 5, null]"#).is_err());
        assert!(read(r#"{"name": "Tea", "settings": [true, true, false, true, 0, null]}"#).is_err());
        assert!(read(r#"{"name": "Tea", "settings": {"isPublic": true}}"#).unwrap().settings.unwrap().is_public);
        assert!(read(r#"{"name": "Tea", "settings": null}"#).unwrap().settings.is_none());
        assert!(read(r#"{"name": "Tea"}"#).unwrap().settings.is_none());
        assert!(serde_json::from_str::<Object<Whom>>(r#"{"userId": 1}"#).is_err());
    }
}
