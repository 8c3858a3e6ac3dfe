use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};

#[cfg(unix)]
use std::os::fd::AsFd as _;

/// Bytes that are gathered before they are written: what a pipe of Linux takes at once.
const BUFFER: usize = 64 << 10;

/// Writes a text to stdout, whole. A reader that has gone away has seen what it wanted: that is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Opens stdout for an export's data. The standard library's own stdout looks for line ends in all that it writes.
pub(crate) fn open() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Ok(descriptor) = stdout().as_fd().try_clone_to_owned() {
        return Box::new(BufWriter::with_capacity(BUFFER, File::from(descriptor)));
    }
    Box::new(BufWriter::with_capacity(BUFFER, stdout()))
}
