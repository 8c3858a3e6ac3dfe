//! Places where a test ends the process as a crash would.

/// Ends the process, without any clearing up, where the environment variable `FAILPOINTS` asks for it at this place:
/// `name=return`, or `name=2*off->return` for the third time.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(name: &'static str) {
    fail::eval(name, |_| std::process::abort());
}

/// Does nothing: the places are there in tests alone.
#[cfg(not(feature = "failpoints"))]
pub(crate) const fn reach(_name: &'static str) {}
