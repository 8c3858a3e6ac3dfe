use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{DataType, Field};

/// Reads a type as Arrow's library prints it. The library's own parser stops at the metadata of inner fields.
pub(super) fn parse(text: &str) -> Option<DataType> {
    let mut reader = Reader { rest: text };
    let data_type = reader.data_type()?;
    reader.rest.is_empty().then_some(data_type)
}

/// Returns what Arrow knows the values of a field as, for example `arrow.uuid`.
pub(super) fn meaning(field: &Field) -> Option<&str> {
    field.metadata().get(EXTENSION_TYPE_NAME_KEY).map(String::as_str)
}

/// Makes a field with a meaning that Arrow knows.
pub(super) fn field(name: &str, data_type: DataType, nullable: bool, meaning: Option<&str>) -> Field {
    let metadata = meaning.map(|meaning| (EXTENSION_TYPE_NAME_KEY.to_owned(), meaning.to_owned()));
    Field::new(name, data_type, nullable).with_metadata(metadata.into_iter().collect())
}

/// Returns a type without the metadata of what is in it.
pub(super) fn bare(data_type: &DataType) -> DataType {
    let bare_field = |field: &Field| Arc::new(Field::new(field.name(), bare(field.data_type()), field.is_nullable()));
    match data_type {
        DataType::List(item) => DataType::List(bare_field(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(bare_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| bare_field(field)).collect()),
        other => other.clone(),
    }
}

/// What is still to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn data_type(&mut self) -> Option<DataType> {
        if self.eat("List(").is_some() {
            let item = self.item()?;
            return Some(DataType::List(Arc::new(item)));
        }
        if self.eat("FixedSizeList(").is_some() {
            let size = self.until(" x ")?.parse().ok()?;
            let item = self.item()?;
            return Some(DataType::FixedSizeList(Arc::new(item), size));
        }
        if self.eat("Struct(").is_some() {
            return Some(DataType::Struct(self.fields()?.into()));
        }
        self.leaf()?.parse().ok()
    }

    /// What a list holds, to the closing bracket.
    fn item(&mut self) -> Option<Field> {
        let nullable = self.eat("non-null ").is_none();
        let data_type = self.data_type()?;
        let name = match self.eat(", field: '") {
            Some(()) => self.until("'")?,
            None => "item".to_owned(),
        };
        let metadata = self.metadata()?;
        self.eat(")")?;
        Some(Field::new(name, data_type, nullable).with_metadata(metadata))
    }

    /// The fields of a struct, to the closing bracket.
    fn fields(&mut self) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        while self.eat(")").is_none() {
            if !fields.is_empty() {
                self.eat(", ")?;
            }
            let name = self.quoted()?;
            self.eat(": ")?;
            let nullable = self.eat("non-null ").is_none();
            let data_type = self.data_type()?;
            fields.push(Field::new(name, data_type, nullable).with_metadata(self.metadata()?));
        }
        Some(fields)
    }

    /// The metadata of a field, where it has any.
    fn metadata(&mut self) -> Option<HashMap<String, String>> {
        let mut metadata = HashMap::new();
        if self.eat(", metadata: {").is_none() {
            return Some(metadata);
        }
        while self.eat("}").is_none() {
            if !metadata.is_empty() {
                self.eat(", ")?;
            }
            let key = self.quoted()?;
            self.eat(": ")?;
            metadata.insert(key, self.quoted()?);
        }
        Some(metadata)
    }

    /// A type without inner ones, with its arguments.
    fn leaf(&mut self) -> Option<&str> {
        let name = self.rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(self.rest.len());
        let has_arguments = self.rest.split_at(name).1.starts_with('(');
        let end = if has_arguments { self.rest.find(')')? + 1 } else { name };
        let (leaf, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(leaf)
    }

    /// A text in double quotes. Only what stands for a quote or a backslash is taken back.
    fn quoted(&mut self) -> Option<String> {
        self.eat("\"")?;
        let mut text = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => {
                    self.rest = characters.as_str();
                    return Some(text);
                }
                '\\' => match characters.next()? {
                    escaped @ ('"' | '\\') => text.push(escaped),
                    other => text.extend(['\\', other]),
                },
                other => text.push(other),
            }
        }
        None
    }

    fn until(&mut self, end: &str) -> Option<String> {
        let (before, after) = self.rest.split_once(end)?;
        self.rest = after;
        Some(before.to_owned())
    }

    fn eat(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    /// All types that a source of Rivet gives, and some that none does yet.
    fn leaves() -> Vec<DataType> {
        vec![
            DataType::Boolean,
            DataType::Int8,
            DataType::Int16,
            DataType::Int64,
            DataType::UInt32,
            DataType::UInt64,
            DataType::Float32,
            DataType::Float64,
            DataType::Decimal128(38, 18),
            DataType::Decimal256(76, 0),
            DataType::Date32,
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            DataType::Utf8,
            DataType::Binary,
            DataType::FixedSizeBinary(16),
        ]
    }

    #[test]
    fn what_arrow_prints_is_read_back() {
        let item = |data_type: DataType| Arc::new(Field::new_list_field(data_type, true));
        let odd = field(r#"a "b" \ (c), metadata: {}"#, DataType::FixedSizeBinary(16), false, Some("arrow.uuid"));
        let fields = vec![odd.clone(), Field::new("n", DataType::Int32, true), Field::new("", DataType::Utf8, false)];
        let nested = [
            DataType::List(Arc::new(field("item", DataType::Utf8, true, Some("arrow.json")))),
            DataType::List(Arc::new(Field::new("element", DataType::Int32, false))),
            DataType::List(item(DataType::List(item(DataType::Decimal128(10, 2))))),
            DataType::FixedSizeList(item(DataType::Float32), 1_024),
            DataType::Struct(fields.into()),
            DataType::Struct(vec![Field::new("l", DataType::List(Arc::new(odd)), true)].into()),
            DataType::Struct(Vec::<Field>::new().into()),
        ];
        for data_type in leaves().into_iter().chain(nested) {
            assert_eq!(parse(&data_type.to_string()), Some(data_type.clone()), "{data_type}");
        }
    }

    #[test]
    fn a_bare_type_has_no_metadata() {
        let uuid = field("a", DataType::FixedSizeBinary(16), false, Some("arrow.uuid"));
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Struct(vec![uuid].into()), true)));
        assert_eq!(bare(&list).to_string(), r#"List(Struct("a": non-null FixedSizeBinary(16)))"#);
    }

    #[test]
    fn what_is_no_type_is_none() {
        for text in ["", "Int33", "List(Int32", "Int32)", "Struct(\"a: Int32)", "List()", "FixedSizeList(x x Int32)"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
