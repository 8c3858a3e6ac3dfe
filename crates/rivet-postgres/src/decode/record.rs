use std::sync::Arc;

use arrow::array::{ArrayRef, NullBufferBuilder, StructArray};
use arrow::datatypes::Fields;

use super::{ColumnFault, Decode, Fault, split, split_value};

/// Decodes composite values: the number of fields, then type and value of each.
#[derive(Debug)]
pub(super) struct Record {
    fields: Fields,
    columns: Vec<Box<dyn Decode>>,
    nulls: NullBufferBuilder,
}

impl Record {
    pub(super) fn new(fields: Fields, columns: Vec<Box<dyn Decode>>) -> Self {
        Self { fields, columns, nulls: NullBufferBuilder::new(1_024) }
    }
}

impl Decode for Record {
    fn push(&mut self, mut value: &[u8]) -> Result<(), Fault> {
        let count = i32::from_be_bytes(split(&mut value)?);
        if usize::try_from(count) != Ok(self.columns.len()) {
            return Err(Fault::Malformed("a composite value with another number of fields than its type has"));
        }
        for column in &mut self.columns {
            let _type: [u8; 4] = split(&mut value)?;
            match split_value(&mut value)? {
                Some(field) => column.push(field)?,
                None => column.push_null(),
            }
        }
        self.nulls.append_non_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.columns.iter_mut().for_each(|column| column.push_null());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> Result<ArrayRef, ColumnFault> {
        let arrays = self.columns.iter_mut().map(|column| column.finish()).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(StructArray::new(self.fields.clone(), arrays, self.nulls.finish())))
    }

    fn nulled(&self) -> u64 {
        self.columns.iter().map(|column| column.nulled()).sum()
    }
}
