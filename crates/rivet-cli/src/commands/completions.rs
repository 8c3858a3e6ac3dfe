use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::app::App;
use crate::failure::Failure;
use crate::stdout;

/// Print a script that completes `rivet` in a shell.
///
/// For example `rivet completions bash > ~/.local/share/bash-completion/completions/rivet`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to write for.
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut App::command(), "rivet", &mut script);
    stdout::print(&String::from_utf8_lossy(&script)).map_err(|source| Failure::Stdout { source })
}
