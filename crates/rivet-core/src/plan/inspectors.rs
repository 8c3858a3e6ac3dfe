use async_trait::async_trait;
use rivet_source::{Explanation, Inspector, Probe, RelationStatistics, ScanLimits, ScanSpec, SourceError, Vitals};

/// Answers what is asked of the server for every export with what was found out once: many exports are planned at a
/// time, and each would count the connections of the others.
#[derive(Debug)]
pub(super) struct KnownVitals {
    inspector: Box<dyn Inspector>,
    vitals: Option<Vitals>,
}

impl KnownVitals {
    pub(super) fn new(inspector: Box<dyn Inspector>, vitals: Option<Vitals>) -> Self {
        Self { inspector, vitals }
    }
}

#[async_trait]
impl Inspector for KnownVitals {
    async fn explain(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Explanation, SourceError> {
        self.inspector.explain(spec, limits).await
    }

    async fn statistics(&mut self, spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
        self.inspector.statistics(spec).await
    }

    async fn vitals(&mut self) -> Result<Vitals, SourceError> {
        match &self.vitals {
            Some(vitals) => Ok(vitals.clone()),
            // It was refused once, and the reason belongs to each of the exports.
            None => self.inspector.vitals().await,
        }
    }

    fn take_probes(&mut self) -> Vec<Probe> {
        self.inspector.take_probes()
    }

    async fn close(self: Box<Self>) {
        self.inspector.close().await;
    }
}

/// Stands in for an inspector that could not be had.
#[derive(Debug)]
pub(super) struct Refused(pub(super) SourceError);

impl Refused {
    fn error(&self) -> SourceError {
        SourceError::new(self.0.kind(), self.0.to_string())
    }
}

#[async_trait]
impl Inspector for Refused {
    async fn explain(&mut self, _spec: &ScanSpec, _limits: &ScanLimits) -> Result<Explanation, SourceError> {
        Err(self.error())
    }

    async fn statistics(&mut self, _spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
        Err(self.error())
    }

    async fn vitals(&mut self) -> Result<Vitals, SourceError> {
        Err(self.error())
    }

    fn take_probes(&mut self) -> Vec<Probe> {
        Vec::new()
    }

    async fn close(self: Box<Self>) {}
}
