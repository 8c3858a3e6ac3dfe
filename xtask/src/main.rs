//! What contributors run: `cargo xtask test`, `e2e`, `servers`, `data`, `demo` and `bench`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the command line speaks to its user")]

mod bench;
mod data;
mod database;
mod demo;
mod e2e;
mod interrupt;
mod mysql;
mod process;
mod python;
mod servers;
mod test;
mod workspace;

use clap::{Parser, Subcommand};

/// Tasks of the Rivet repository
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Test(test::Arguments),
    E2e(e2e::Arguments),
    Servers(servers::Arguments),
    Data(data::Arguments),
    Demo(demo::Arguments),
    Bench(bench::Arguments),
}

fn main() -> miette::Result<()> {
    interrupt::install()?;
    match Arguments::parse().command {
        Task::Test(arguments) => test::run(&arguments),
        Task::E2e(arguments) => e2e::run(&arguments),
        Task::Servers(arguments) => servers::run(&arguments),
        Task::Data(arguments) => data::run(&arguments),
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
    }
}
