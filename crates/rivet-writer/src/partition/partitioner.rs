use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use rivet_model::{PartitionBy, PartitionValue};

use super::level::Level;
use crate::error::WriteError;
use crate::value::Column;

/// Says which folder each row goes to, and what of it stands in the files there.
///
/// A column whose whole values name folders is left out of the files, as Hive, Spark and DuckDB have it: pyarrow
/// refuses a column that has one type in the file and another one, guessed from the folder's name, beside it. One of
/// which a part names folders stays.
#[derive(Debug, Clone)]
pub struct Partitioner {
    levels: Vec<Level>,
    schema: SchemaRef,
    /// The columns that stand in the files.
    kept: Vec<usize>,
}

/// A batch, sorted by the folders of its rows.
#[derive(Debug)]
pub(super) struct Sorted {
    /// All rows, as they stand in files.
    pub(super) batch: RecordBatch,
    pub(super) groups: Vec<Group>,
}

/// Rows of one batch that go to one folder.
#[derive(Debug)]
pub(super) struct Group {
    /// The folder below the destination's root, all levels of it.
    pub(super) folder: String,
    pub(super) values: Vec<PartitionValue>,
    /// Where the rows stand in the batch.
    pub(super) rows: Vec<u32>,
}

impl Partitioner {
    /// Makes a partitioner for batches of `schema`.
    ///
    /// # Errors
    ///
    /// Where a column is not there, where its values can't name folders, or where the name of a level is that of a
    /// column in the files, be it in other letters' case.
    pub fn new(schema: &SchemaRef, by: &[PartitionBy]) -> Result<Self, WriteError> {
        let levels: Vec<Level> = by.iter().map(|by| Level::bind(by, schema)).collect::<Result<_, _>>()?;
        let in_folders = |place: usize| levels.iter().any(|level| level.part.is_none() && level.place == place);
        let kept: Vec<usize> = (0..schema.fields().len()).filter(|place| !in_folders(*place)).collect();
        let fields: Vec<_> = kept.iter().map(|place| Arc::clone(&schema.fields()[*place])).collect();
        if fields.is_empty() {
            return Err(WriteError::OnlyFolders);
        }
        for level in &levels {
            if let Some(field) = fields.iter().find(|field| field.name().eq_ignore_ascii_case(level.key())) {
                let (key, column) = (level.key().to_owned(), field.name().clone());
                return Err(WriteError::FolderIsColumn { key, column });
            }
        }
        Ok(Self { levels, schema: Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())), kept })
    }

    /// Returns the schema of the files.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Sorts the rows of a batch by their folders, in the order in which these come up.
    pub(super) fn sort(&self, batch: &RecordBatch) -> Result<Sorted, WriteError> {
        let columns: Vec<Column<'_>> = self.levels.iter().map(|level| level.column(batch)).collect::<Result<_, _>>()?;
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        let (mut text, mut folder, mut last) = (Vec::new(), String::new(), 0);
        for row in 0..batch.num_rows() {
            folder.clear();
            for (level, column) in self.levels.iter().zip(&columns) {
                if !folder.is_empty() {
                    folder.push('/');
                }
                level.push_folder(column, row, &mut text, &mut folder)?;
            }
            // Rows of one folder often come one after the other.
            if groups.get(last).is_none_or(|group| group.folder != folder) {
                last = places.get(&folder).copied().unwrap_or(groups.len());
            }
            if last == groups.len() {
                places.insert(folder.clone(), last);
                let levels = self.levels.iter().zip(&columns);
                let values = levels.map(|(level, column)| level.value(column, row, &mut text)).collect();
                groups.push(Group { folder: folder.clone(), values, rows: Vec::new() });
            }
            groups[last].rows.push(u32::try_from(row).expect("a batch has fewer rows than 32 bits count"));
        }
        Ok(Sorted { batch: batch.project(&self.kept).map_err(WriteError::Batch)?, groups })
    }
}

impl Sorted {
    /// Returns some of the rows, in this order; all of them without a copy.
    pub(super) fn take(&self, rows: Vec<u32>) -> Result<RecordBatch, WriteError> {
        if rows.len() == self.batch.num_rows() && rows.is_sorted() {
            return Ok(self.batch.clone());
        }
        take_record_batch(&self.batch, &UInt32Array::from(rows)).map_err(WriteError::Batch)
    }
}
