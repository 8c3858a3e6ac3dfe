use std::collections::HashMap;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use rivet_model::{OutputOptions, PartitionValue};

use super::limits::Limits;
use super::partitioner::{Group, Partitioner};
use crate::error::WriteError;
use crate::parts::{OpenPart, PartMaker};

/// What a folder whose rows wait takes beside its name, about.
const FOLDER_BYTES: usize = 512;

/// What a waiting row takes beside its values.
const ROW_BYTES: usize = 4;

/// Brings rows into the parts of their folders, with a bounded number of parts open and a bounded number of bytes held,
/// whatever the number of folders.
///
/// Rows of a folder without an open part go into one that is opened for them, as long as there may be more open. From
/// then on they wait; once too many do, all of them are written. The part that has not been
/// written to for the longest time ends where a newer one needs its place. A later row of its folder begins another
/// part.
#[derive(Debug)]
pub(crate) struct PartitionRouter {
    partitioner: Partitioner,
    limits: Limits,
    max_file_size: Option<u64>,
    open: HashMap<String, Open>,
    waiting: HashMap<String, Waiting>,
    /// The rows that wait.
    batches: Vec<RecordBatch>,
    /// How many they are.
    rows: usize,
    waiting_bytes: usize,
    /// Batches so far.
    now: u64,
}

#[derive(Debug)]
struct Open {
    part: OpenPart,
    /// What its encoder held after the last write.
    buffered: usize,
    used: u64,
}

#[derive(Debug)]
struct Waiting {
    values: Vec<PartitionValue>,
    /// Where its rows stand among all that wait.
    rows: Vec<u32>,
    used: u64,
}

impl PartitionRouter {
    pub(crate) fn new(partitioner: Partitioner, options: &OutputOptions, at_a_time: usize) -> Self {
        let limits = Limits::of(partitioner.schema(), options, at_a_time);
        Self::with_limits(partitioner, options, limits)
    }

    pub(super) fn with_limits(partitioner: Partitioner, options: &OutputOptions, limits: Limits) -> Self {
        let (open, waiting) = (HashMap::new(), HashMap::new());
        let max_file_size = options.max_file_size;
        Self {
            partitioner,
            limits,
            max_file_size,
            open,
            waiting,
            batches: Vec::new(),
            rows: 0,
            waiting_bytes: 0,
            now: 0,
        }
    }

    /// Takes the rows of a batch.
    pub(crate) fn write(&mut self, batch: &RecordBatch, parts: &mut PartMaker) -> Result<(), WriteError> {
        self.now += 1;
        let mut sorted = self.partitioner.sort(batch)?;
        let mut late = Vec::new();
        for group in std::mem::take(&mut sorted.groups) {
            if self.make_room(&group, parts)? {
                self.write_to(&group.folder, &sorted.take(group.rows)?, parts)?;
            } else {
                self.wait(group, &mut late);
            }
        }
        if !late.is_empty() {
            let late = sorted.take(late)?;
            self.waiting_bytes += late.get_array_memory_size();
            self.rows += late.num_rows();
            self.batches.push(late);
        }
        if self.waiting_bytes > self.limits.waiting { self.relieve(parts) } else { Ok(()) }
    }

    /// Returns what rows take that no finished part holds.
    pub(crate) fn held_bytes(&self) -> usize {
        let open = self.open.values().map(|open| open.part.writer.buffered_bytes() + open.part.writer.sink_bytes());
        self.waiting_bytes + open.sum::<usize>()
    }

    /// Returns the size of the open parts so far.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.open.values().map(|open| open.part.writer.written_bytes()).sum()
    }

    /// Ends all parts.
    pub(crate) fn finish(mut self, parts: &mut PartMaker) -> Result<(), WriteError> {
        let mut open: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        open.sort_by_key(|open| open.part.sequence());
        for open in open {
            parts.end(open.part)?;
        }
        let all = self.gather()?;
        let mut waiting: Vec<(String, Waiting)> = self.waiting.drain().collect();
        waiting.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (folder, waiting) in waiting {
            let open = self.open_with(&folder, waiting, &all, parts)?;
            parts.end(open.part)?;
        }
        Ok(())
    }

    /// Removes the parts that are open.
    pub(crate) fn abort(self) {
        for open in self.open.into_values() {
            open.part.writer.abort();
        }
    }

    /// Makes sure that a part is open for a folder. Returns whether one is: there may be too many, and where rows wait
    /// already, the others come after them.
    fn make_room(&mut self, group: &Group, parts: &mut PartMaker) -> Result<bool, WriteError> {
        if self.open.contains_key(&group.folder) {
            return Ok(true);
        }
        if self.open.len() >= self.limits.open_parts || self.waiting.contains_key(&group.folder) {
            return Ok(false);
        }
        let part = self.begin(&group.folder, group.values.clone(), parts)?;
        self.open.insert(group.folder.clone(), Open { part, buffered: 0, used: self.now });
        Ok(true)
    }

    fn begin(&self, folder: &str, values: Vec<PartitionValue>, parts: &mut PartMaker) -> Result<OpenPart, WriteError> {
        if parts.begun() >= self.limits.parts {
            return Err(WriteError::TooManyParts { most: self.limits.parts });
        }
        parts.begin(Some(folder), values)
    }

    /// Lets rows wait; `late` are those of the same batch that do.
    fn wait(&mut self, group: Group, late: &mut Vec<u32>) {
        let Group { folder, values, rows } = group;
        self.waiting_bytes += rows.len() * ROW_BYTES;
        let waiting = self.waiting.entry(folder).or_insert_with_key(|folder| {
            self.waiting_bytes += 2 * folder.len() + FOLDER_BYTES;
            Waiting { values, rows: Vec::new(), used: 0 }
        });
        waiting.used = self.now;
        let place = |place| u32::try_from(place).expect("rows that wait take far less than 4 GiB");
        waiting.rows.extend((self.rows + late.len()..).take(rows.len()).map(place));
        late.extend(rows);
    }

    /// Takes all rows that wait together.
    fn gather(&mut self) -> Result<RecordBatch, WriteError> {
        let batches = std::mem::take(&mut self.batches);
        (self.rows, self.waiting_bytes) = (0, 0);
        concat_batches(self.partitioner.schema(), &batches).map_err(WriteError::Batch)
    }

    /// Opens a part with rows that have waited.
    fn open_with(
        &self,
        folder: &str,
        waiting: Waiting,
        all: &RecordBatch,
        parts: &mut PartMaker,
    ) -> Result<Open, WriteError> {
        let mut part = self.begin(folder, waiting.values, parts)?;
        let rows = take_record_batch(all, &UInt32Array::from(waiting.rows)).map_err(WriteError::Batch)?;
        part.writer.write(&rows, None)?;
        Ok(Open { buffered: part.writer.buffered_bytes(), part, used: waiting.used })
    }

    fn write_to(&mut self, folder: &str, rows: &RecordBatch, parts: &mut PartMaker) -> Result<(), WriteError> {
        if let Some(open) = self.open.get_mut(folder) {
            open.part.writer.write(rows, None)?;
            open.buffered = open.part.writer.buffered_bytes();
            open.used = self.now;
        }
        self.settle(folder, parts)
    }

    /// Ends a part that has become long enough, and keeps what is held within its limits.
    fn settle(&mut self, folder: &str, parts: &mut PartMaker) -> Result<(), WriteError> {
        let written = self.open.get(folder).map_or(0, |open| open.part.writer.written_bytes());
        if self.max_file_size.is_some_and(|limit| written >= limit) {
            return self.end(folder, parts);
        }
        while self.open.values().map(|open| open.buffered).sum::<usize>() >= self.limits.buffered {
            let largest = self.open.values_mut().max_by_key(|open| open.buffered);
            let Some(largest) = largest.filter(|open| open.buffered > 0) else { break };
            largest.part.writer.flush()?;
            // What is left of an encoder without rows is no row group's.
            largest.buffered = 0;
        }
        self.relieve_sinks(parts)
    }

    fn relieve_sinks(&mut self, parts: &mut PartMaker) -> Result<(), WriteError> {
        let held = |open: &Open| open.part.writer.sink_bytes();
        while self.open.len() > 1 && self.open.values().map(held).sum::<usize>() > self.limits.in_sinks {
            let Some(folder) = self.open.iter().max_by_key(|(_, open)| held(open)).map(|(folder, _)| folder.clone())
            else {
                break;
            };
            self.end(&folder, parts)?;
        }
        Ok(())
    }

    fn end(&mut self, folder: &str, parts: &mut PartMaker) -> Result<(), WriteError> {
        match self.open.remove(folder) {
            Some(open) => parts.end(open.part),
            None => Ok(()),
        }
    }

    /// Writes all rows that wait, those first of whose folder there are most.
    fn relieve(&mut self, parts: &mut PartMaker) -> Result<(), WriteError> {
        let all = self.gather()?;
        let mut order: Vec<(String, Waiting)> = self.waiting.drain().collect();
        order.sort_by(|(folder, waiting), (other_folder, other)| {
            other.rows.len().cmp(&waiting.rows.len()).then_with(|| folder.cmp(other_folder))
        });
        for (folder, waiting) in order {
            let stale = self.open.iter().filter(|(_, open)| open.used < waiting.used);
            // Of several the first by name, so that another attempt ends the same ones.
            let stale = stale.min_by_key(|(folder, open)| (open.used, *folder)).map(|(folder, _)| folder.clone());
            if let Some(stale) = stale.filter(|_| self.open.len() >= self.limits.open_parts) {
                self.end(&stale, parts)?;
            }
            let open = self.open_with(&folder, waiting, &all, parts)?;
            if self.open.len() < self.limits.open_parts {
                self.open.insert(folder.clone(), open);
                self.settle(&folder, parts)?;
            } else {
                parts.end(open.part)?;
            }
        }
        Ok(())
    }
}
