//! An inspector whose answers were written beforehand: for tests and examples, without a server.

use async_trait::async_trait;
use rivet_source::{
    Explanation, Inspector, Probe, RelationStatistics, ScanLimits, ScanSpec, SourceError, SourceErrorKind, Vitals,
};

/// Gives the answers that it was made with. A question without one fails as forbidden.
#[derive(Debug, Clone, Default)]
pub struct ScriptedInspector {
    explanation: Option<Result<Explanation, SourceErrorKind>>,
    statistics: Option<Result<RelationStatistics, SourceErrorKind>>,
    vitals: Option<Result<Vitals, SourceErrorKind>>,
    asked: Vec<ScanSpec>,
    limits: Option<ScanLimits>,
    probes: Vec<Probe>,
}

impl ScriptedInspector {
    /// Sets the answer to [`Inspector::explain`], or the error.
    #[must_use]
    pub fn explanation(mut self, answer: Result<Explanation, SourceErrorKind>) -> Self {
        self.explanation = Some(answer);
        self
    }

    /// Sets the answer to [`Inspector::statistics`], or the error.
    #[must_use]
    pub fn statistics(mut self, answer: Result<RelationStatistics, SourceErrorKind>) -> Self {
        self.statistics = Some(answer);
        self
    }

    /// Sets the answer to [`Inspector::vitals`], or the error.
    #[must_use]
    pub fn vitals(mut self, answer: Result<Vitals, SourceErrorKind>) -> Self {
        self.vitals = Some(answer);
        self
    }

    /// Returns the scans that it was asked about, in order.
    pub fn asked(&self) -> &[ScanSpec] {
        &self.asked
    }

    /// Returns the limits of the scan that it was asked to explain last.
    pub fn limits(&self) -> Option<&ScanLimits> {
        self.limits.as_ref()
    }

    fn answer<T: Clone>(
        &mut self,
        purpose: &str,
        answer: Option<Result<T, SourceErrorKind>>,
    ) -> Result<T, SourceError> {
        let answer = answer.unwrap_or(Err(SourceErrorKind::Permission)).map_err(|kind| {
            let message = format!("the script refuses it ({})", kind.code());
            SourceError::new(kind, message)
        });
        self.probes.push(Probe {
            purpose: purpose.to_owned(),
            statement: format!("-- {purpose}"),
            times: 1,
            milliseconds: 0,
            rows: u64::from(answer.is_ok()),
            error: answer.as_ref().err().map(ToString::to_string),
        });
        answer
    }
}

#[async_trait]
impl Inspector for ScriptedInspector {
    async fn explain(&mut self, spec: &ScanSpec, limits: &ScanLimits) -> Result<Explanation, SourceError> {
        self.asked.push(spec.clone());
        self.limits = Some(limits.clone());
        self.answer("plan of the statement", self.explanation.clone())
    }

    async fn statistics(&mut self, spec: &ScanSpec) -> Result<RelationStatistics, SourceError> {
        self.asked.push(spec.clone());
        self.answer("statistics of the relation", self.statistics.clone())
    }

    async fn vitals(&mut self) -> Result<Vitals, SourceError> {
        self.answer("state of the server", self.vitals.clone())
    }

    fn take_probes(&mut self) -> Vec<Probe> {
        std::mem::take(&mut self.probes)
    }

    async fn close(self: Box<Self>) {}
}
