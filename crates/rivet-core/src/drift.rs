use std::collections::BTreeMap;

use rivet_writer::ManifestField;

/// Compares the columns of two runs; one sentence for each difference.
pub(crate) fn differences(before: &[ManifestField], now: &[ManifestField]) -> Vec<String> {
    let by_name = |fields: &'_ [ManifestField]| -> BTreeMap<String, ManifestField> {
        fields.iter().map(|field| (field.name.clone(), field.clone())).collect()
    };
    let (old, new) = (by_name(before), by_name(now));
    let mut found = Vec::new();
    for field in before.iter().filter(|field| !new.contains_key(&field.name)) {
        found.push(format!("column `{}` is gone", field.name));
    }
    for field in now {
        match old.get(&field.name) {
            None => found.push(format!("column `{}` is new", field.name)),
            Some(was) if was.arrow_type != field.arrow_type => {
                found.push(format!("column `{}` was {} and is {}", field.name, was.arrow_type, field.arrow_type));
            }
            Some(was) if was.nullable != field.nullable => {
                let can = if field.nullable { "may now" } else { "can no longer" };
                found.push(format!("column `{}` {can} be NULL", field.name));
            }
            Some(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn each_difference_is_one_sentence() {
        let fields = |fields: Vec<Field>| ManifestField::of_schema(&Schema::new(fields));
        let before = fields(vec![
            Field::new("id", DataType::Int32, false),
            Field::new("note", DataType::Utf8, false),
            Field::new("old", DataType::Utf8, true),
        ]);
        let now = fields(vec![
            Field::new("note", DataType::Utf8, true),
            Field::new("id", DataType::Int64, false),
            Field::new("fresh", DataType::Date32, true),
        ]);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        assert_eq!(
            differences(&before, &now),
            [
                "column `old` is gone",
                "column `note` may now be NULL",
                "column `id` was Int32 and is Int64",
                "column `fresh` is new",
            ]
        );
    }
}
