use std::time::{Duration, Instant};

use clap::Args;
use miette::Result;

use crate::servers::Wanted;
use crate::{e2e, process};

/// Run everything that continuous integration runs
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
}

/// How a step ended without failing.
enum Outcome {
    Passed,
    /// Left out, or done in another way than usual.
    But(String),
}

type Step = (&'static str, fn(&Arguments) -> Result<Outcome>);

const STEPS: &[Step] = &[
    ("format", |_| cargo(&["fmt", "--all", "--check"])),
    ("clippy", |_| {
        cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"])
    }),
    ("unit and integration tests", |_| tests()),
    ("documentation tests", |_| cargo(&["test", "--workspace", "--doc", "--quiet"])),
    ("documentation", |_| documentation()),
    ("dependencies", |_| dependencies()),
    ("end to end", |arguments| end_to_end(arguments)),
];

/// `cargo xtask test`
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut rows: Vec<(&str, Option<Duration>, String)> = Vec::new();
    let mut failure = None;
    for (name, step) in STEPS {
        if failure.is_some() {
            rows.push((name, None, "not run".to_owned()));
            continue;
        }
        println!("\n=== {name}");
        let begin = Instant::now();
        let word = match step(arguments) {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::But(remark)) => remark,
            Err(error) => {
                failure = Some(error);
                "FAILED".to_owned()
            }
        };
        rows.push((name, Some(begin.elapsed()), word));
    }
    println!();
    for (name, elapsed, word) in rows {
        let seconds = elapsed.map_or_else(String::new, |elapsed| format!("{:.1} s", elapsed.as_secs_f64()));
        println!("{name:<28}{seconds:>9}  {word}");
    }
    failure.map_or(Ok(()), Err)
}

fn cargo(arguments: &[&str]) -> Result<Outcome> {
    process::run(&mut process::cargo(arguments))?;
    Ok(Outcome::Passed)
}

fn tests() -> Result<Outcome> {
    if has_nextest() {
        return cargo(&["nextest", "run", "--workspace"]);
    }
    // The targets that `nextest run` runs: everything but documentation tests.
    cargo(&["test", "--workspace", "--all-targets"])?;
    Ok(Outcome::But("passed with `cargo test`: cargo-nextest is not installed".to_owned()))
}

fn documentation() -> Result<Outcome> {
    let mut command = process::cargo(["doc", "--workspace", "--no-deps", "--quiet"]);
    process::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

fn dependencies() -> Result<Outcome> {
    if process::find("cargo-deny").is_none() {
        return Ok(Outcome::But("skipped: cargo-deny is not installed".to_owned()));
    }
    if process::succeeds(&mut process::cargo(["deny", "fetch", "db"])) {
        return cargo(&["deny", "check"]);
    }
    cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"])?;
    Ok(Outcome::But("passed without advisories: their database can't be fetched".to_owned()))
}

fn end_to_end(arguments: &Arguments) -> Result<Outcome> {
    let skipped = e2e::run_all(arguments.wanted)?;
    if skipped == 0 {
        Ok(Outcome::Passed)
    } else {
        Ok(Outcome::But(format!("passed; {skipped} kinds of tests skipped")))
    }
}

/// Returns whether `cargo nextest` can be called.
pub(crate) fn has_nextest() -> bool {
    process::succeeds(&mut process::cargo(["nextest", "--version"]))
}
