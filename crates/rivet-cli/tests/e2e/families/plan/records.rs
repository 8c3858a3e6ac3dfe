//! What is on record of earlier runs, and what planning takes from it.

use rivet_testing::{Family, on_both_families};

use super::support::{desk, grown, table};
use crate::plan::metrics::{assert_chosen, assert_listed, run_some};
use crate::plan::state::{
    CURSOR, FULL, assert_planned_beside_a_run, assert_planned_with_a_damaged_store, assert_planning_makes_nothing,
    assert_planning_moves_nothing,
};

fn runs_are_listed_and_chosen(family: Family) {
    let database = table(family, 1_000);
    let desk = desk(&database, &[FULL, CURSOR]);
    run_some(&desk);
    assert_listed(&desk);
    assert_chosen(&desk);
}

fn a_plan_beside_a_run_knows_no_history(family: Family) {
    let database = table(family, 1_000);
    assert_planned_beside_a_run(&desk(&database, &[FULL, CURSOR]), || database.execute(&grown(1_001, 1_010)));
}

fn a_state_store_is_read_where_it_can_be_and_never_written(family: Family) {
    let database = table(family, 1_000);
    assert_planning_makes_nothing(&desk(&database, &[FULL, CURSOR]));
    assert_planning_moves_nothing(&desk(&database, &[FULL, CURSOR]));
    assert_planned_with_a_damaged_store(&desk(&database, &[FULL, CURSOR]));
}

on_both_families!(
    runs_are_listed_and_chosen,
    a_plan_beside_a_run_knows_no_history,
    a_state_store_is_read_where_it_can_be_and_never_written,
);
