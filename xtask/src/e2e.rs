use std::process::Command;

use clap::Args;
use miette::Result;

use crate::servers::{Environment, Servers, Stores, Wanted};
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
    let engines = wanted.engines(filter);
    let servers = match Servers::start(wanted, &engines).and_then(Servers::with_postgres) {
        Ok(servers) => servers,
        // A contributor without a server may go on; a green run of continuous integration means that all of it ran.
        Err(error) if !workspace::is_ci() && filter.is_none() => {
            println!("skipped: all end-to-end tests: {error}");
            return Ok(1);
        }
        Err(error) => return Err(error),
    };
    let stores = Stores::obtain(&Wanted::stores(filter));
    let environment = Environment::prepare(&servers, &stores);
    environment.print_skipped();
    if let Some(python) = environment.get("RIVET_TEST_PYTHON") {
        // The judge is judged first.
        process::run(Command::new(python).arg(workspace::fixture("python/compare.py")).arg("--self-test"))?;
    }
    let mut command = command(&packages(&servers, &stores), filter, &environment.skipped_words());
    let result = process::run(command.envs(environment.variables()));
    if result.is_err() {
        servers.keep_logs(&stores);
    }
    println!("servers: {}", servers.how());
    environment.print_skipped();
    result.map(|()| environment.skipped_words().len())
}

/// Returns the crates that have tests of these servers; their feature `e2e` switches them on.
fn packages(servers: &Servers, stores: &Stores) -> Vec<&'static str> {
    let has_mysql = servers.mysql.is_ok() || servers.mariadb.is_ok();
    ["rivet-cli", "rivet-postgres"]
        .into_iter()
        .chain(has_mysql.then_some(["rivet-mysql", "rivet-testing"]).into_iter().flatten())
        .chain(stores.has_any().then_some("rivet-cloud"))
        .collect()
}

fn command(packages: &[&str], filter: Option<&str>, skipped: &[&str]) -> Command {
    let features: Vec<String> = packages.iter().map(|package| format!("{package}/e2e")).collect();
    let features = features.join(",");
    let mut target: Vec<&str> = packages.iter().flat_map(|package| ["--package", package]).collect();
    target.extend(["--features", &features, "--test", "e2e", "--test", "server"]);
    if test::has_nextest() {
        let mut command = process::cargo(["nextest", "run"]);
        // One failure says little of the others, and the servers are up.
        command.args(&target).arg("--no-fail-fast");
        let words = skipped.iter().map(|word| format!("not test({word})"));
        let expression: Vec<String> = filter.iter().map(|text| format!("test({text})")).chain(words).collect();
        if !expression.is_empty() {
            command.args(["-E", &expression.join(" & ")]);
        }
        command
    } else {
        println!("cargo-nextest is not installed: running with `cargo test`");
        let mut command = process::cargo(["test"]);
        command.args(&target).arg("--").args(filter);
        for word in skipped {
            command.args(["--skip", word]);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_chosen_by_package_and_by_word() {
        let command = command(&["rivet-cli", "rivet-mysql"], Some("plan"), &["mariadb"]);
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let text = arguments.join(" ");
        assert!(
            text.contains("--package rivet-cli --package rivet-mysql --features rivet-cli/e2e,rivet-mysql/e2e"),
            "{text}"
        );
        let nextest = text.ends_with("-E test(plan) & not test(mariadb)");
        assert!(nextest || text.ends_with("-- plan --skip mariadb"), "{text}");
    }
}
