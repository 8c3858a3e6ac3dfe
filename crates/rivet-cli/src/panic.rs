use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{Write as _, stderr};
use std::panic::{Location, PanicHookInfo, UnwindSafe, catch_unwind, set_hook};

use crate::exit::Exit;

/// Makes a panic one line that names it for what it is.
pub(crate) fn install_hook() {
    set_hook(Box::new(|info| {
        // `rivet-history` catches the panics that redb has for a file that was altered outside, and says so.
        if info.location().is_some_and(is_answered_for) {
            return;
        }
        let backtrace = Backtrace::capture();
        let captured = (backtrace.status() == BacktraceStatus::Captured).then_some(&backtrace);
        // Where stderr is closed there is nobody to tell.
        drop(writeln!(stderr(), "{}", line(&text_of(info), info.location(), captured)));
    }));
}

/// Runs the program; a panic ends it like any other failure.
pub(crate) fn guarded(run: impl FnOnce() -> Exit + UnwindSafe) -> Exit {
    catch_unwind(run).unwrap_or(Exit::Failed)
}

fn is_answered_for(location: &Location<'_>) -> bool {
    location.file().contains("/redb-")
}

fn text_of(info: &PanicHookInfo<'_>) -> String {
    info.payload_as_str().unwrap_or("no reason given").to_owned()
}

fn line(text: &str, location: Option<&Location<'_>>, backtrace: Option<&Backtrace>) -> String {
    let place = location.map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    let text = text.lines().next().unwrap_or_default();
    let rest = match backtrace {
        Some(backtrace) => format!(".\n{backtrace}"),
        None => "; set RUST_BACKTRACE=1 to see how it came to it.".to_owned(),
    };
    format!("this is a defect of Rivet, please report it: {text}{place}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_one_line() {
        let here = Location::caller();
        let line = line("index out of bounds\nleft: 1", Some(here), None);
        assert_eq!(line.lines().count(), 1);
        assert!(line.starts_with("this is a defect of Rivet, please report it: index out of bounds at "), "{line}");
        assert!(line.contains(&format!("panic.rs:{}", here.line())), "{line}");
    }

    #[test]
    fn a_panic_ends_with_a_failure() {
        assert_eq!(guarded(|| Exit::Success), Exit::Success);
        assert_eq!(guarded(|| panic!("on purpose")), Exit::Failed);
    }
}
