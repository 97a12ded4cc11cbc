//! One value of an Arrow array as JSON text: the types that Parquet files hold, matched by hand.
//!
//! Numbers and decimals are literals, instants ISO 8601 (with `Z` where the type says UTC), dates `YYYY-MM-DD`,
//! lists arrays, structs and maps objects. Bytes are text where they are UTF-8 (old writers mark no text as
//! such), else base64. NaN and the infinities, which JSON lacks, are text.

use super::json_text::{push_literal, push_text};
use super::times::{Date, Instant, TimeOfDay};
use crate::record::census::double_literal;
use crate::record::schema::Kind;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

/// Whether values of a type can be written.
pub(super) fn is_known(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Duration(_) | T::Interval(_) | T::Union(..) | T::RunEndEncoded(..) => false,
        T::ListView(_) | T::LargeListView(_) => false,
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) | T::Map(item, _) => {
            is_known(item.data_type())
        }
        T::Struct(fields) => fields.iter().all(|field| is_known(field.data_type())),
        T::Dictionary(_, value) => is_known(value),
        _ => true,
    }
}

/// What a column of a type holds, as schemas say it.
pub(super) fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Bool,
        DataType::Timestamp(..) => Kind::Timestamp,
        DataType::Dictionary(_, value) => kind(value),
        other if other.is_numeric() => Kind::Number,
        _ => Kind::Text,
    }
}

/// Appends the value in a row; null for types that [`is_known`] denies.
pub(super) fn push(json: &mut Vec<u8>, array: &dyn Array, row: usize) {
    use DataType as T;
    if array.is_null(row) {
        json.extend_from_slice(b"null");
        return;
    }
    match array.data_type() {
        T::Boolean => push_literal(json, array.as_boolean().value(row)),
        T::Utf8 => push_text(json, array.as_string::<i32>().value(row)),
        T::LargeUtf8 => push_text(json, array.as_string::<i64>().value(row)),
        T::Utf8View => push_text(json, array.as_string_view().value(row)),
        T::Binary => push_bytes(json, array.as_binary::<i32>().value(row)),
        T::LargeBinary => push_bytes(json, array.as_binary::<i64>().value(row)),
        T::BinaryView => push_bytes(json, array.as_binary_view().value(row)),
        T::FixedSizeBinary(_) => push_bytes(json, array.as_fixed_size_binary().value(row)),
        T::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let mut key = Vec::new();
            push(&mut key, dictionary.keys(), row);
            let key = std::str::from_utf8(&key).ok().and_then(|key| key.parse().ok());
            push(json, dictionary.values().as_ref(), key.expect("keys of dictionaries are whole numbers"));
        }
        T::List(_) => push_list(json, &array.as_list::<i32>().value(row)),
        T::LargeList(_) => push_list(json, &array.as_list::<i64>().value(row)),
        T::FixedSizeList(..) => push_list(json, &array.as_fixed_size_list().value(row)),
        T::Struct(_) => push_struct(json, array, row),
        T::Map(..) => push_map(json, array, row),
        other if other.is_temporal() => push_time(json, array, row),
        _ => push_number(json, array, row),
    }
}

fn push_number(json: &mut Vec<u8>, array: &dyn Array, row: usize) {
    use DataType as T;
    macro_rules! whole {
        ($type:ty) => {
            push_literal(json, array.as_primitive::<$type>().value(row))
        };
    }
    macro_rules! decimal {
        ($type:ty, $scale:expr) => {
            push_literal(json, decimal(&array.as_primitive::<$type>().value(row).to_string(), *$scale))
        };
    }
    match array.data_type() {
        T::Int8 => whole!(Int8Type),
        T::Int16 => whole!(Int16Type),
        T::Int32 => whole!(Int32Type),
        T::Int64 => whole!(Int64Type),
        T::UInt8 => whole!(UInt8Type),
        T::UInt16 => whole!(UInt16Type),
        T::UInt32 => whole!(UInt32Type),
        T::UInt64 => whole!(UInt64Type),
        T::Float16 => push_single(json, array.as_primitive::<Float16Type>().value(row).to_f32()),
        T::Float32 => push_single(json, array.as_primitive::<Float32Type>().value(row)),
        T::Float64 => match array.as_primitive::<Float64Type>().value(row) {
            number if number.is_finite() => push_literal(json, double_literal(number)),
            odd => push_text(json, not_finite(odd)),
        },
        T::Decimal32(_, scale) => decimal!(Decimal32Type, scale),
        T::Decimal64(_, scale) => decimal!(Decimal64Type, scale),
        T::Decimal128(_, scale) => decimal!(Decimal128Type, scale),
        T::Decimal256(_, scale) => decimal!(Decimal256Type, scale),
        _ => json.extend_from_slice(b"null"),
    }
}

/// A 32-bit float by its own shortest literal: as a 64-bit one, 0.1 would become 0.10000000149011612.
fn push_single(json: &mut Vec<u8>, number: f32) {
    if number.is_finite() { push_literal(json, number) } else { push_text(json, not_finite(number.into())) }
}

fn not_finite(number: f64) -> &'static str {
    match number {
        _ if number.is_nan() => "NaN",
        _ if number > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

/// The literal of a decimal, from its digits and how many of them stand behind the point.
fn decimal(digits: &str, scale: i8) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let behind = usize::from(scale.unsigned_abs());
    match scale {
        0 => format!("{sign}{digits}"),
        ..0 if digits == "0" => digits.to_owned(),
        ..0 => format!("{sign}{digits}{}", "0".repeat(behind)),
        _ => {
            let padded = format!("{digits:0>width$}", width = behind + 1);
            let (whole, fraction) = padded.split_at(padded.len() - behind);
            format!("{sign}{whole}.{fraction}")
        }
    }
}

fn push_time(json: &mut Vec<u8>, array: &dyn Array, row: usize) {
    use DataType as T;
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    json.push(b'"');
    macro_rules! value {
        ($type:ty) => {
            i64::from(array.as_primitive::<$type>().value(row))
        };
    }
    match array.data_type() {
        T::Date32 => push_literal(json, Date(value!(Date32Type))),
        T::Date64 => push_literal(json, Date(value!(Date64Type).div_euclid(86_400_000))),
        T::Time32(Second) => push_literal(json, TimeOfDay(value!(Time32SecondType) * 1_000_000_000)),
        T::Time32(_) => push_literal(json, TimeOfDay(value!(Time32MillisecondType) * 1_000_000)),
        T::Time64(Microsecond) => {
            push_literal(json, TimeOfDay(value!(Time64MicrosecondType).saturating_mul(1_000)))
        }
        T::Time64(_) => push_literal(json, TimeOfDay(value!(Time64NanosecondType))),
        T::Timestamp(unit, zone) => {
            let (units, per_second) = match unit {
                Second => (value!(TimestampSecondType), 1),
                Millisecond => (value!(TimestampMillisecondType), 1_000),
                Microsecond => (value!(TimestampMicrosecondType), 1_000_000),
                Nanosecond => (value!(TimestampNanosecondType), 1_000_000_000),
            };
            push_literal(json, Instant::counted(units, per_second, zone.is_some()));
        }
        _ => {}
    }
    json.push(b'"');
}

fn push_list(json: &mut Vec<u8>, items: &ArrayRef) {
    json.push(b'[');
    for index in 0..items.len() {
        if index > 0 {
            json.push(b',');
        }
        push(json, items.as_ref(), index);
    }
    json.push(b']');
}

fn push_struct(json: &mut Vec<u8>, array: &dyn Array, row: usize) {
    let parts = array.as_struct();
    json.push(b'{');
    for (index, (field, part)) in parts.fields().iter().zip(parts.columns()).enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_text(json, field.name());
        json.push(b':');
        push(json, part.as_ref(), row);
    }
    json.push(b'}');
}

/// A map as an object; keys that are no text stand there as the text of their JSON.
fn push_map(json: &mut Vec<u8>, array: &dyn Array, row: usize) {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    json.push(b'{');
    for index in 0..entries.len() {
        if index > 0 {
            json.push(b',');
        }
        let mut key = Vec::new();
        push(&mut key, keys.as_ref(), index);
        if key.first() == Some(&b'"') {
            json.extend_from_slice(&key);
        } else {
            push_text(json, &String::from_utf8_lossy(&key));
        }
        json.push(b':');
        push(json, values.as_ref(), index);
    }
    json.push(b'}');
}

fn push_bytes(json: &mut Vec<u8>, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => push_text(json, text),
        Err(_) => push_text(json, &base64(bytes)),
    }
}

/// RFC 4648 base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_all_their_digits() {
        let cases = [
            ("12345", 2, "123.45"),
            ("-5", 2, "-0.05"),
            ("0", 3, "0.000"),
            ("100", 2, "1.00"),
            ("7", 0, "7"),
            ("7", -3, "7000"),
            ("0", -3, "0"),
        ];
        for (digits, scale, literal) in cases {
            assert_eq!(decimal(digits, scale), literal);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_base64() {
        for (bytes, text) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
