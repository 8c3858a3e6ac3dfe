//! The process dies, is started again, and nothing is lost or doubled.
//!
//! `RIVET_TEST_KILLS` sets how many times it dies at a random instant in each mode, `RIVET_TEST_SEED` which instants
//! those are.

use rivet_testing::{Family, MysqlDatabase};

use super::series;
use crate::crash::{chunked, full, incremental, snapshot, window};

/// How often each mode dies at a random instant where nobody says it, on each server.
const KILLS: u64 = 5;

/// A database with a table of this definition and these rows of the numbers from 1 on.
fn table(family: Family, definition: &str, rows: &str, count: u32) -> MysqlDatabase {
    let database = super::database(family);
    let name = definition.split(' ').next().unwrap_or_default();
    let series = series(count);
    database.execute(&format!(
        "CREATE TABLE {definition}; INSERT INTO {name} SELECT {rows} FROM {series}; ANALYZE TABLE {name}"
    ));
    database
}

/// The word of row `i`. Not every server has MD5 any more.
const WORD: &str = "LEFT(SHA2(i, 256), 32)";

/// A table that is read in several statements, whose rows are not all different.
fn full(family: Family, count: u32) -> full::Source<MysqlDatabase> {
    let definition = "crash (n int PRIMARY KEY, id int NOT NULL, word char(32) NOT NULL)";
    let database = table(family, definition, &format!("i, i, {WORD}"), count);
    database.execute("INSERT INTO crash SELECT 1000000 + n, id, word FROM crash WHERE id % 1000 = 0");
    full::Source::of(database, "SELECT CONCAT(id, ',', word) FROM crash")
}

fn a_process_that_is_killed_at_any_instant_loses_and_doubles_nothing(family: Family) {
    full::besiege(full(family, full::ROWS), KILLS);
}

fn what_is_committed_around_kills_is_the_table_compared(family: Family) {
    let source = full(family, full::ROWS);
    let session = source.database.connect();
    session.execute("SET group_concat_max_len = 1000000000");
    let facts = "SELECT COUNT(*), SUM(id), SHA2(GROUP_CONCAT(word ORDER BY id, word SEPARATOR ''), 256) FROM crash";
    let facts = session.query_text(facts);
    full::compare(source, facts);
}

fn a_process_that_dies_at_a_step_leaves_all_of_its_run_or_nothing(family: Family) {
    full::die_at_steps(&full(family, full::TWO_PARTS));
}

fn a_process_that_dies_while_it_clears_up_leaves_the_rest_to_the_next(family: Family) {
    full::die_in_clearing_up(&full(family, full::TWO_PARTS));
}

fn a_run_of_which_every_row_was_read_goes_on_when_it_is_asked_to(family: Family) {
    full::go_on_when_asked(&full(family, full::TWO_PARTS));
}

fn chunks(family: Family, count: u32, bytes: u32) -> chunked::Source<MysqlDatabase> {
    let repeated = bytes.div_ceil(32);
    let definition = "crash (id int PRIMARY KEY, word text NOT NULL)";
    let database = table(family, definition, &format!("i, REPEAT({WORD}, {repeated})"), count);
    chunked::Source::of(database, "SELECT CONCAT(id, ',', word) FROM crash")
}

fn a_process_that_is_killed_among_its_chunks_loses_and_doubles_nothing(family: Family) {
    // Some of them must come behind a chunk that is kept.
    chunked::besiege(chunks(family, 36_000, 32), 2 * KILLS);
}

fn a_process_that_dies_at_a_step_of_a_chunk_keeps_the_chunks_before(family: Family) {
    chunked::die_at_steps(&chunks(family, 24_000, 32));
}

fn a_run_that_goes_on_and_dies_again_keeps_what_both_have_read(family: Family) {
    chunked::die_again(&chunks(family, 24_000, 32));
}

fn a_chunk_of_several_parts_is_kept_whole_or_read_again(family: Family) {
    chunked::die_among_parts(&chunks(family, 24_000, 320));
}

fn a_process_that_dies_while_it_cuts_its_chunks_knows_how_they_were_cut(family: Family) {
    let source = chunks(family, 450, 32);
    // `id` stays a column that is indexed; what is slow is the other one.
    source.database.execute(
        "RENAME TABLE crash TO table_of_rows; \
         CREATE VIEW crash AS SELECT id, LEFT(word, 32 + SLEEP(0.001)) AS word FROM table_of_rows",
    );
    // To sleep takes a server that has much to do longer than it says.
    chunked::die_while_cutting(&source, false);
}

fn a_run_whose_configuration_has_changed_is_given_up_however_often_that_is_cut_off(family: Family) {
    chunked::die_in_giving_up(&chunks(family, 24_000, 32));
}

fn items(family: Family, count: u32) -> incremental::Items<MysqlDatabase> {
    let definition = "items (id bigint AUTO_INCREMENT PRIMARY KEY, version int NOT NULL DEFAULT 1, \
                      word varchar(32) NOT NULL DEFAULT 'new', updated_at datetime(6) NOT NULL, KEY (updated_at, id))";
    incremental::Items::of(table(family, definition, &format!("NULL, 1, {WORD}, SYSDATE(6)"), count))
}

/// Rows that are added and rows that are changed, each with the moment at which that is done.
fn change(added: u32, changed: &str) -> String {
    format!(
        "INSERT INTO items (updated_at) SELECT SYSDATE(6) FROM k WHERE n < {added}; \
         UPDATE items SET version = version + 1, word = LEFT(SHA2(RAND(), 256), 32), updated_at = SYSDATE(6) WHERE {changed}"
    )
}

fn a_process_that_is_killed_between_two_positions_loses_and_doubles_nothing(family: Family) {
    let change = |from| change(10, &format!("id BETWEEN {from} AND {from} + 300"));
    incremental::besiege(items(family, 20_000), KILLS, change);
}

fn a_position_advances_with_the_run_that_read_up_to_it_and_never_before(family: Family) {
    incremental::die_at_steps(&items(family, 10_000), &change(200, "id % 7 = 0"));
}

fn events(family: Family) -> window::Events<MysqlDatabase> {
    // Nothing lies near the beginning of the window: the test may run over midnight.
    let at = "NOW() - INTERVAL IF(i % 3 = 0, 40, 2) DAY + INTERVAL i SECOND";
    let definition = "events (id int NOT NULL, word char(32) NOT NULL, at datetime NOT NULL, KEY (at))";
    let database = table(family, definition, &format!("i, {WORD}, {at}"), window::ROWS);
    window::Events::of(database, "SELECT CONCAT(id, ',', word) FROM events WHERE id % 3 <> 0")
}

fn a_process_that_is_killed_in_a_window_loses_and_doubles_nothing(family: Family) {
    window::besiege(events(family), KILLS);
}

fn a_window_that_dies_at_a_step_leaves_all_of_its_run_or_nothing(family: Family) {
    window::die_at_steps(&events(family));
}

/// Two workers are asked for and one does it: a view can't be handed from one connection to another.
fn bank(family: Family) -> snapshot::Bank<MysqlDatabase> {
    let definition = "accounts (id bigint PRIMARY KEY, money bigint NOT NULL)";
    let count = u32::try_from(snapshot::ACCOUNTS).expect("few accounts");
    snapshot::Bank::open(table(family, definition, "i, 100", count), 2)
}

fn a_process_that_is_killed_among_chunks_of_one_snapshot_leaves_a_moment_or_nothing(family: Family) {
    snapshot::besiege(bank(family), KILLS);
}

fn chunks_of_a_snapshot_that_is_gone_are_never_mixed_with_those_of_another(family: Family) {
    snapshot::die_at_steps(&bank(family));
}

rivet_testing::on_both_families!(
    a_process_that_is_killed_at_any_instant_loses_and_doubles_nothing,
    what_is_committed_around_kills_is_the_table_compared,
    a_process_that_dies_at_a_step_leaves_all_of_its_run_or_nothing,
    a_process_that_dies_while_it_clears_up_leaves_the_rest_to_the_next,
    a_run_of_which_every_row_was_read_goes_on_when_it_is_asked_to,
    a_process_that_is_killed_among_its_chunks_loses_and_doubles_nothing,
    a_process_that_dies_at_a_step_of_a_chunk_keeps_the_chunks_before,
    a_run_that_goes_on_and_dies_again_keeps_what_both_have_read,
    a_chunk_of_several_parts_is_kept_whole_or_read_again,
    a_process_that_dies_while_it_cuts_its_chunks_knows_how_they_were_cut,
    a_run_whose_configuration_has_changed_is_given_up_however_often_that_is_cut_off,
    a_process_that_is_killed_between_two_positions_loses_and_doubles_nothing,
    a_position_advances_with_the_run_that_read_up_to_it_and_never_before,
    a_process_that_is_killed_in_a_window_loses_and_doubles_nothing,
    a_window_that_dies_at_a_step_leaves_all_of_its_run_or_nothing,
    a_process_that_is_killed_among_chunks_of_one_snapshot_leaves_a_moment_or_nothing,
    chunks_of_a_snapshot_that_is_gone_are_never_mixed_with_those_of_another,
);
