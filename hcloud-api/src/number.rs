//! Numbers in the API's notations.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_with::{DeserializeAs, SerializeAs};

/// Deserializes an integer that may be written `80`, `80.0` or `"80"`, as in the API's `number` fields,
/// for `#[serde_as(as = "Integer")]`.
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

    fn visit_str<E: de::Error>(self, number: &str) -> Result<T, E> {
        let parsed = number
            .parse()
            .ok()
            .and_then(|number: i128| T::try_from(number).ok());
        parsed.ok_or_else(|| E::invalid_type(de::Unexpected::Str(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        // Above 2^53 a double may differ from the number that was meant.
        Some(number)
            .filter(|number| number.fract() == 0.0 && number.abs() <= crate::id::MAX_ID as f64)
            .and_then(|number| T::try_from(number as i128).ok())
            .ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
    }
}

/// Deserializes a percentage, rounded down; null is 0.
#[derive(Debug)]
pub(crate) struct Percent;

impl<'de> DeserializeAs<'de, u32> for Percent {
    fn deserialize_as<D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
        let percent = Option::<f64>::deserialize(input)?;
        Ok(percent.unwrap_or_default() as u32)
    }
}

impl SerializeAs<u32> for Percent {
    fn serialize_as<S: Serializer>(percent: &u32, output: S) -> Result<S::Ok, S::Error> {
        percent.serialize(output)
    }
}

/// A decimal number in the API's exact notation: a price, a VAT rate, a percentage.
///
/// Binary floating point numbers cannot represent prices exactly; [`Decimal::parse`] converts to
/// the decimal type of your choice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Decimal(String);

impl Decimal {
    /// Returns the number as a string, such as `"3.7900000000"`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the number as another type.
    ///
    /// # Errors
    ///
    /// The error of `T`.
    pub fn parse<T: std::str::FromStr>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }

    /// Returns the nearest `f64`, for sorting and charts; `None` if it is not a valid number.
    pub fn to_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }
}

/// Accepts JSON numbers too, which Hetzner has sent in place of strings.
impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(DecimalVisitor)
    }
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number")
    }

    fn visit_str<E: de::Error>(self, number: &str) -> Result<Decimal, E> {
        Ok(Decimal(number.to_owned()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Decimal, E> {
        Ok(Decimal(number.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
        Ok(Decimal(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Decimal, E> {
        Ok(Decimal(number.to_string()))
    }
}

/// Displays all digits, or as many decimals as a precision such as `{:.2}` specifies.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_f64().filter(|_| f.precision().is_some()) {
            Some(number) => fmt::Display::fmt(&number, f),
            None => f.pad(&self.0),
        }
    }
}

impl From<String> for Decimal {
    fn from(number: String) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_is_displayed_exactly_or_rounded_to_the_precision() {
        let price = Decimal::from("4.1551000000".to_owned());

        assert_eq!(format!("{price}"), "4.1551000000");
        assert_eq!(format!("{price:.2}"), "4.16");
        assert_eq!(format!("{:.2}", Decimal::from("4".to_owned())), "4.00");
    }
}
