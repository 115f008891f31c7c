//! Numbers as the API writes them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

/// Reads an integer that may be written `80` or `80.0`, as the API's `number` fields may be.
///
/// For `#[serde_as(as = "Integer")]`.
#[derive(Debug)]
pub(crate) struct Integer;

impl<'de, T: TryFrom<i128>> DeserializeAs<'de, T> for Integer {
    fn deserialize_as<D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
        integer(input)
    }
}

impl<T: Serialize> SerializeAs<T> for Integer {
    fn serialize_as<S: Serializer>(number: &T, output: S) -> Result<S::Ok, S::Error> {
        number.serialize(output)
    }
}

pub(crate) fn integer<'de, T, D>(input: D) -> Result<T, D::Error>
where
    T: TryFrom<i128>,
    D: Deserializer<'de>,
{
    input.deserialize_any(IntegerVisitor(PhantomData))
}

struct IntegerVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for IntegerVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer that fits {}", std::any::type_name::<T>())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number.into())
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number.into())
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        // Beyond 2^53 a double is not exact, so what it says is not what was meant.
        Some(number)
            .filter(|number| number.fract() == 0.0 && number.abs() <= crate::id::MAX_ID as f64)
            .and_then(|number| T::try_from(number as i128).ok())
            .ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }
}

/// A decimal number exactly as the API wrote it: a price, a VAT rate, a percentage.
///
/// Money does not fit a binary floating point number; [`Decimal::parse`] reads the text as
/// whatever decimal type you use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal(String);

impl Decimal {
    /// The text, `"3.7900000000"`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the text as another type.
    ///
    /// # Errors
    ///
    /// What `T` says when it cannot read the text.
    pub fn parse<T: std::str::FromStr>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }

    /// The nearest `f64`, for sorting and charts; `None` if the text is no number.
    pub fn to_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }
}

/// All digits that the API wrote, or as many behind the point as a format such as `{:.2}` wants.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_f64().filter(|_| f.precision().is_some()) {
            Some(number) => fmt::Display::fmt(&number, f),
            None => f.pad(&self.0),
        }
    }
}

impl From<String> for Decimal {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_is_shown_exactly_or_rounded_as_a_format_asks() {
        let price = Decimal::from("4.1551000000".to_owned());

        assert_eq!(format!("{price}"), "4.1551000000");
        assert_eq!(format!("{price:.2}"), "4.16");
        assert_eq!(format!("{:.2}", Decimal::from("4".to_owned())), "4.00");
    }
}
