use redb::{Database, Durability, TableDefinition, WriteTransaction};
use rivet_model::RunId;
use serde::de::DeserializeOwned;

use super::Failure;
use crate::open::{CREATED_BY_KEY, FORMAT_VERSION, FORMAT_VERSION_KEY};

/// What the file says about itself.
pub(crate) const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// Run id to the JSON of its record, without chunks and checkpoints.
pub(super) const RUNS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("runs");
/// Run id and chunk to the chunk's place in the split and its JSON. Apart from the record, which is written again when
/// the run ends, and with the chunk in the key, so that a checkpoint finds it without reading the others.
pub(super) const CHUNKS: TableDefinition<'_, (u128, u32), (u32, &[u8])> = TableDefinition::new("chunks");
/// Run id and chunk to the JSON of the checkpoint.
pub(super) const CHECKPOINTS: TableDefinition<'_, (u128, u32), &[u8]> = TableDefinition::new("checkpoints");
/// Export and run id, so that the newest runs of an export are found without reading the others.
pub(super) const RUNS_BY_EXPORT: TableDefinition<'_, (&str, u128), ()> = TableDefinition::new("runs_by_export");
/// Ids of the runs that are running, so that a start does not read the whole history.
pub(super) const UNFINISHED: TableDefinition<'_, u128, ()> = TableDefinition::new("unfinished");
/// Export to the JSON of where its cursor stands.
pub(super) const CURSORS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("cursors");

/// Durable when it commits, and quick to open after a crash.
pub(crate) fn begin_write(database: &Database) -> Result<WriteTransaction, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Fills a new file.
pub(crate) fn create_tables(database: &Database) -> Result<(), Failure> {
    let transaction = begin_write(database)?;
    transaction.open_table(META)?.insert(CREATED_BY_KEY, env!("CARGO_PKG_VERSION"))?;
    open_tables(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Makes the tables that are missing, so that each can be opened for reading, and notes the version that they are of.
pub(crate) fn open_tables(transaction: &WriteTransaction) -> Result<(), Failure> {
    transaction.open_table(RUNS)?;
    transaction.open_table(CHUNKS)?;
    transaction.open_table(CHECKPOINTS)?;
    transaction.open_table(RUNS_BY_EXPORT)?;
    transaction.open_table(UNFINISHED)?;
    transaction.open_table(CURSORS)?;
    transaction.open_table(META)?.insert(FORMAT_VERSION_KEY, FORMAT_VERSION.to_string().as_str())?;
    Ok(())
}

pub(super) fn parsed<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| Failure::Unreadable(format!("a {what} can't be read ({error})")))
}

/// The run id as a number: its order is that of the id's bytes, which is the order of time.
pub(super) fn key(run: RunId) -> u128 {
    let digits: String = run.to_string().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).expect("a run id is written as 32 hexadecimal digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_the_order_of_ids() {
        let ids: Vec<RunId> = (0..64).map(|_| RunId::generate()).collect();
        for pair in ids.windows(2) {
            assert_eq!(key(pair[0]).cmp(&key(pair[1])), pair[0].cmp(&pair[1]));
        }
        let known: RunId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        assert_eq!(key(known), 0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
    }
}
