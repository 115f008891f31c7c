//! Which fields the objects of a response have.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Returns whether objects at the same place of a JSON document have different fields, labels aside.
///
/// Costs a part of what decoding the document does.
pub(crate) fn has_different_fields(document: &[u8]) -> bool {
    let mut shape = Shape::default();
    let mut json = serde_json::Deserializer::from_slice(document);
    let place = Place {
        hash: 0,
        shape: &mut shape,
    };
    // A document that is not JSON has no objects.
    let _ = place.deserialize(&mut json);
    shape.differs
}

#[derive(Default)]
struct Shape {
    /// The hash of the fields of the first object at each place.
    fields: HashMap<u64, u64>,
    differs: bool,
}

/// A value, with the hash of its place: its path without the numbers of list items.
struct Place<'a> {
    hash: u64,
    shape: &'a mut Shape,
}

impl Place<'_> {
    fn at(&mut self, hash: u64) -> Place<'_> {
        Place {
            hash,
            shape: self.shape,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        // The order of the fields does not matter.
        let mut fields: u64 = 0;
        while let Some((field, has_fields)) = map.next_key_seed(Field(self.hash))? {
            fields = fields.wrapping_add(field);
            if has_fields {
                map.next_value_seed(self.at(field))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let first = self.shape.fields.entry(self.hash).or_insert(fields);
        self.shape.differs |= *first != fields;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let hash = self.hash.wrapping_add(1);
        while items.next_element_seed(self.at(hash))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a field of the object at the place with this hash: becomes the hash of the field's
/// place, and whether its objects have documented fields.
struct Field(u64);

impl<'de> DeserializeSeed<'de> for Field {
    type Value = (u64, bool);

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(u64, bool), D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for Field {
    type Value = (u64, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<(u64, bool), E> {
        let mut hasher = DefaultHasher::new();
        (self.0, name).hash(&mut hasher);
        Ok((hasher.finish(), name != "labels"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_at_one_place_are_compared() {
        for (document, differ) in [
            (r#"{"a":[{"b":1,"c":null},{"c":{"d":"x"},"b":2}]}"#, false),
            (r#"{"a":[{"b":1,"c":null},{"b":2}]}"#, true),
            (r#"{"a":[{"b":{"c":1}},{"b":{"c":1,"d":1}}]}"#, true),
            (r#"{"a":[{"b":[]},{"b":[{"c":1},{"d":1}]}]}"#, true),
            (r#"{"a":{"b":1},"c":{"d":1.5}}"#, false),
            (r#"{"a":[{"labels":{"x":"1"}},{"labels":{}}]}"#, false),
            ("[]", false),
            ("<html>", false),
        ] {
            assert_eq!(
                has_different_fields(document.as_bytes()),
                differ,
                "{document}"
            );
        }
    }
}
