use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, GenericBinaryArray, GenericStringArray, OffsetSizeTrait,
    StringViewArray,
};
use arrow::datatypes::DataType;

/// Returns whether values of a type have a beginning.
pub(super) fn takes(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => takes(values),
        other => matches!(
            other,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
        ),
    }
}

/// Returns the first `length` characters of each text or bytes of each binary value, in an array of the same type;
/// `None` where the type [has none](takes).
pub(super) fn beginnings(array: &ArrayRef, length: usize) -> Option<ArrayRef> {
    let cut: ArrayRef = match array.data_type() {
        DataType::Utf8 => Arc::new(of_text::<i32>(array.as_string(), length)),
        DataType::LargeUtf8 => Arc::new(of_text::<i64>(array.as_string(), length)),
        DataType::Utf8View => {
            let texts = array.as_string_view().iter();
            Arc::new(texts.map(|text| text.map(|text| characters(text, length))).collect::<StringViewArray>())
        }
        DataType::Binary => Arc::new(of_binary::<i32>(array.as_binary(), length)),
        DataType::LargeBinary => Arc::new(of_binary::<i64>(array.as_binary(), length)),
        DataType::BinaryView => {
            let values = array.as_binary_view().iter();
            Arc::new(values.map(|value| value.map(|value| bytes(value, length))).collect::<BinaryViewArray>())
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            dictionary.with_values(beginnings(dictionary.values(), length)?)
        }
        _ => return None,
    };
    Some(cut)
}

fn of_text<O: OffsetSizeTrait>(array: &GenericStringArray<O>, length: usize) -> GenericStringArray<O> {
    array.iter().map(|text| text.map(|text| characters(text, length))).collect()
}

fn of_binary<O: OffsetSizeTrait>(array: &GenericBinaryArray<O>, length: usize) -> GenericBinaryArray<O> {
    array.iter().map(|value| value.map(|value| bytes(value, length))).collect()
}

fn characters(text: &str, length: usize) -> &str {
    // No character takes less than a byte.
    if text.len() <= length {
        return text;
    }
    let end = text.char_indices().nth(length).map(|(end, _)| end);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

fn bytes(value: &[u8], length: usize) -> &[u8] {
    &value[..value.len().min(length)]
}
