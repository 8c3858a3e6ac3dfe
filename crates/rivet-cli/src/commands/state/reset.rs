use std::fmt::Write as _;
use std::sync::Arc;

use rivet_config::Environment;
use rivet_history::StateStore;
use rivet_model::{CursorState, ExportName};

use super::{ask, refuse_unknown};
use crate::commands::ConfigArgs;
use crate::failure::Failure;
use crate::render::Position;

/// Forget the cursor of an export: its next run begins from the start.
///
/// Files that are there stay there. An export with an unfinished run is refused: its end may still move the cursor.
#[derive(Debug, clap::Args)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The export; may be given several times.
    #[arg(short, long = "export", value_name = "NAME", required = true)]
    exports: Vec<ExportName>,
}

pub(super) fn run(args: &ResetArgs, environment: &Environment) -> Result<String, Failure> {
    let config = args.config.load(environment)?;
    refuse_unknown(&config, &args.exports)?;
    ask(&config, |store| forget(store, &args.exports))
}

async fn forget(store: Arc<dyn StateStore>, names: &[ExportName]) -> Result<String, Failure> {
    let unfinished = store.unfinished().await?;
    if let Some(run) = unfinished.iter().find(|run| names.contains(&run.export)) {
        let message =
            format!("run `{}` of export `{}` is unfinished and may still move the cursor", run.run_id, run.export);
        let help = format!(
            "Run `rivet run -e '{}'` first: it ends the run, or removes it where `resume` is `never`.",
            run.export
        );
        return Err(Failure::usage(message, help));
    }
    let mut text = String::new();
    for name in names {
        let told = told(name, store.forget_cursor(name).await?.as_ref());
        writeln!(text, "{told}").expect("a string takes everything");
    }
    Ok(text)
}

fn told(name: &ExportName, forgotten: Option<&CursorState>) -> String {
    match forgotten {
        Some(state) => {
            let stood = Position(&state.position);
            format!("{name}: the cursor stood at {stood} and is forgotten; the next run begins from the start")
        }
        None => format!("{name}: there was no cursor to forget"),
    }
}
