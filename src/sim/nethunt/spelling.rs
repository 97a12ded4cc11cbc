//! Settings that may be written in more than one way, read so that what is wrong is said of the value itself.

use std::collections::BTreeMap;
use std::fmt::{Formatter, Result as Written};
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::knobs::Orders;

/// A word, of which some look like a status and may be written as one.
pub(super) fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Word<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Word<T> {
        type Value = T;

        fn expecting(&self, f: &mut Formatter<'_>) -> Written {
            f.write_str("a word or a status")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            T::deserialize(text.into_deserializer())
        }

        fn visit_i64<E: Error>(self, status: i64) -> Result<T, E> {
            self.visit_str(&status.to_string())
        }
    }
    deserializer.deserialize_any(Word(PhantomData))
}

/// A number of rows, or `none`.
pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    struct Limit;
    impl Visitor<'_> for Limit {
        type Value = Option<usize>;

        fn expecting(&self, f: &mut Formatter<'_>) -> Written {
            f.write_str("a number of rows or \"none\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            if text == "none" { Ok(None) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
        }

        fn visit_i64<E: Error>(self, rows: i64) -> Result<Self::Value, E> {
            let limit = usize::try_from(rows);
            limit.map(Some).map_err(|_| E::invalid_value(Unexpected::Signed(rows), &self))
        }
    }
    deserializer.deserialize_any(Limit)
}

impl<'de> Deserialize<'de> for Orders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrEach;
        impl<'de> Visitor<'de> for OneOrEach {
            type Value = Orders;

            fn expecting(&self, f: &mut Formatter<'_>) -> Written {
                f.write_str("an order, or a table of orders by stream")
            }

            fn visit_str<E: Error>(self, order: &str) -> Result<Orders, E> {
                Deserialize::deserialize(order.into_deserializer()).map(Orders::One)
            }

            fn visit_map<A: MapAccess<'de>>(self, orders: A) -> Result<Orders, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(orders)).map(Orders::Each)
            }
        }
        deserializer.deserialize_any(OneOrEach)
    }
}
