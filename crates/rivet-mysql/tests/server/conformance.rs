//! What every driver promises.

use rivet_source::conformance;
use rivet_testing::Family;

use crate::harness::{Server, run};

fn the_driver_conforms(family: Family) {
    run(async {
        let server = Server::start(family).await;
        conformance::suite(&server).await;
    });
}

rivet_testing::on_both_families!(the_driver_conforms);
