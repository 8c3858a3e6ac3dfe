use std::io;

use crate::store::PartSink;

/// A sink that can be taken back out of an encoder that only lends it.
///
/// What is written after that goes nowhere: some encoders write an ending when they are dropped.
pub(super) struct SinkSlot {
    sink: Option<Box<dyn PartSink>>,
}

impl SinkSlot {
    pub(super) fn new(sink: Box<dyn PartSink>) -> Self {
        Self { sink: Some(sink) }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.sink.as_ref().map_or(0, |sink| sink.held_bytes())
    }

    pub(super) fn take(&mut self) -> Option<Box<dyn PartSink>> {
        self.sink.take()
    }
}

impl io::Write for SinkSlot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.as_mut().map_or(Ok(()), io::Write::flush)
    }
}
