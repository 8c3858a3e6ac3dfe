use clap::Subcommand;

use crate::failure::Failure;
use crate::stdout;

/// Print the schema of a file that Rivet reads.
#[derive(Debug, clap::Args)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    what: SchemaOf,
}

#[derive(Debug, Subcommand)]
enum SchemaOf {
    /// Print the JSON Schema of `rivet.yaml`, for editors and checks.
    Config,
}

/// Prints a schema.
pub(crate) fn run(args: &SchemaArgs) -> Result<(), Failure> {
    let schema = match args.what {
        SchemaOf::Config => rivet_config::json_schema(),
    };
    stdout::print(&format!("{schema:#}\n")).map_err(|source| Failure::Stdout { source })
}
