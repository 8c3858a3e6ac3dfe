use std::process::Command;

use clap::Args;
use miette::Result;

use crate::servers::{Environment, Servers, Wanted};
use crate::{process, test, workspace};

/// Run the end-to-end tests against servers that are brought up for them
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
    /// Only tests whose names contain this
    filter: Option<String>,
}

/// `cargo xtask e2e`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    run_filtered(arguments.wanted, arguments.filter.as_deref())?;
    Ok(())
}

/// Runs all of them and returns how many kinds of tests were skipped.
pub(crate) fn run_all(wanted: Wanted) -> Result<usize> {
    run_filtered(wanted, None)
}

fn run_filtered(wanted: Wanted, filter: Option<&str>) -> Result<usize> {
    let servers = match Servers::start(wanted) {
        Ok(servers) => servers,
        // A contributor without a server may go on; a green run of continuous integration means that all of it ran.
        Err(error) if !workspace::is_ci() && filter.is_none() => {
            println!("skipped: all end-to-end tests: {error}");
            return Ok(1);
        }
        Err(error) => return Err(error),
    };
    let environment = Environment::prepare(&servers);
    environment.print_skipped();
    if let Some(python) = environment.get("RIVET_TEST_PYTHON") {
        // The judge is judged first.
        process::run(Command::new(python).arg(workspace::fixture("python/compare.py")).arg("--self-test"))?;
    }
    let mut command = command(filter, &environment.skipped_words());
    let result = process::run(command.envs(environment.variables()));
    if result.is_err() {
        servers.keep_logs();
    }
    println!("servers: {}", servers.how);
    environment.print_skipped();
    result.map(|()| environment.skipped_words().len())
}

/// What switches the tests on that need servers.
const FEATURES: &str = "rivet-cli/e2e,rivet-postgres/e2e";

fn command(filter: Option<&str>, skipped: &[&str]) -> Command {
    let target = [
        "--package",
        "rivet-cli",
        "--package",
        "rivet-postgres",
        "--features",
        FEATURES,
        "--test",
        "e2e",
        "--test",
        "server",
    ];
    if test::has_nextest() {
        let mut command = process::cargo(["nextest", "run"]);
        // One failure says little of the others, and the servers are up.
        command.args(target).arg("--no-fail-fast");
        let words = skipped.iter().map(|word| format!("not test({word})"));
        let expression: Vec<String> = filter.iter().map(|text| format!("test({text})")).chain(words).collect();
        if !expression.is_empty() {
            command.args(["-E", &expression.join(" & ")]);
        }
        command
    } else {
        println!("cargo-nextest is not installed: running with `cargo test`");
        let mut command = process::cargo(["test"]);
        command.args(target).arg("--").args(filter);
        for word in skipped {
            command.args(["--skip", word]);
        }
        command
    }
}
