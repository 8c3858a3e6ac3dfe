use std::sync::Arc;

use rivet_config::{ChunkConsistency, Config, ExportConfig, Mode};
use rivet_model::{ConnectionSettings, Consistency, ReadView, TlsMode};
use rivet_source::{ScanSpec, Source, SourceError, SourceErrorKind};
use tokio_util::sync::CancellationToken;

use super::report::{CheckOutcome, CheckedPlace, Checkup};
use crate::export::{describe_request, limits};
use crate::plan::PATIENCE;
use crate::{Engine, EngineError};

const CONNECT: &str = "connect and ask who answers";
const TLS: &str = "protect the connection";
const READ: &str = "select from the relation, in a read-only transaction";
const VIEW: &str = "hold a read view";
const VITALS: &str = "ask how the server is doing";
const CATALOG: &str = "ask for statistics and for a plan";

impl Engine {
    pub(super) async fn look_at_source(
        &self,
        config: &Config,
        exports: &[&ExportConfig],
        cancel: &CancellationToken,
    ) -> Checkup {
        let settings = &config.source.connection;
        let mut visit = Visit { check: Checkup::new(CheckedPlace::Source, &settings.to_string()), cancel };
        let opened = self.factory(config.source.kind).and_then(|factory| Ok(factory.open(settings)?));
        match opened {
            Ok(source) if visit.connect(source.as_ref(), settings).await => {
                let described = visit.read(source.as_ref(), exports).await;
                visit.hold_view(source.as_ref(), exports, described.first()).await;
                visit.plan(source.as_ref(), &described).await;
            }
            Ok(_) => {}
            Err(error) => {
                visit.check.push("open", "use what is configured", Err(error));
            }
        }
        visit.check
    }
}

/// One call at the source.
struct Visit<'a> {
    check: Checkup,
    cancel: &'a CancellationToken,
}

impl Visit<'_> {
    /// Waits for an answer, unless somebody wants to stop.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, SourceError>>) -> Result<T, EngineError> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(EngineError::Interrupted),
            answer = question => Ok(answer?),
        }
    }

    /// Returns whether the source has let us in.
    async fn connect(&mut self, source: &dyn Source, settings: &ConnectionSettings) -> bool {
        match self.ask(source.server()).await {
            Ok(server) => {
                let found = format!("{server}, database `{}`, as `{}`", server.database, server.role);
                self.check.push("connect", CONNECT, Ok(Some(found)));
                self.check.push("tls", TLS, Ok(Some(protection(settings).to_owned())));
                true
            }
            Err(EngineError::Source(error)) if error.kind() == SourceErrorKind::Tls => {
                self.check.push("tls", TLS, Err(error.into()));
                false
            }
            Err(error) => {
                self.check.push("connect", CONNECT, Err(error));
                false
            }
        }
    }

    /// Describes the relation of each export, which selects from it, and returns the scans of those that can be read.
    async fn read<'e>(
        &mut self,
        source: &dyn Source,
        exports: &[&'e ExportConfig],
    ) -> Vec<(&'e ExportConfig, ScanSpec)> {
        let mut described = Vec::new();
        for export in exports {
            let request = describe_request(export);
            let found = match self.ask(source.describe(&request)).await {
                Ok(description) => {
                    let columns = description.spec.columns.len();
                    let found = format!("{columns} {}", if columns == 1 { "column" } else { "columns" });
                    described.push((*export, description.spec));
                    Ok(Some(found))
                }
                Err(error) => Err(error),
            };
            self.check.push("read", READ, found).export = Some(export.name.clone());
        }
        described
    }

    /// Opens a read view for so many readers as an export asks for, begins a scan in it, and ends it before the first row.
    async fn hold_view(
        &mut self,
        source: &dyn Source,
        exports: &[&ExportConfig],
        described: Option<&(&ExportConfig, ScanSpec)>,
    ) {
        let Some((export, spec)) = described else {
            self.check.put("view", VIEW, CheckOutcome::Skipped("no relation can be read".to_owned()));
            return;
        };
        let workers = exports.iter().map(|export| readers_of_one_view(&export.mode)).max().unwrap_or(1);
        let limits = limits(&export.tuning);
        let trial = async {
            let snapshot = source.open_snapshot(ReadView::Shared, workers, &limits).await?;
            let mut reader = snapshot.reader(&limits).await?;
            let mut scan = reader.scan(spec, &limits).await?;
            let held = snapshot.consistency();
            scan.cancel().await;
            drop(scan);
            // The view was there; how it ends is of no interest.
            drop(reader.close().await);
            drop(snapshot.close().await);
            Ok(held)
        };
        let outcome = match self.ask(trial).await {
            Ok(Consistency::Chunk) => CheckOutcome::Warning {
                code: None,
                message: "this source gives several readers no view in common".to_owned(),
                help: Some("Use `parallel: 1` or `consistency: chunk`: each chunk has a view of its own.".to_owned()),
            },
            Ok(Consistency::Snapshot { .. }) => CheckOutcome::Passed(Some(match workers {
                1 => "read-only, for one reader".to_owned(),
                _ => "read-only, for several readers".to_owned(),
            })),
            Err(EngineError::Interrupted) => CheckOutcome::Skipped("interrupted".to_owned()),
            Err(error) => CheckOutcome::Failed(Arc::new(error)),
        };
        self.check.put("view", VIEW, outcome);
    }

    /// Asks what planning asks. What is refused here makes plans worse, and stops no run.
    async fn plan(&mut self, source: &dyn Source, described: &[(&ExportConfig, ScanSpec)]) {
        let mut inspector = match self.ask(source.inspector(PATIENCE)).await {
            Ok(inspector) => inspector,
            Err(error) => {
                self.put_advice("vitals", VITALS, Err(error));
                return;
            }
        };
        let vitals = self.ask(inspector.vitals()).await.map(|vitals| {
            let (open, most) = vitals.connections.zip(vitals.max_connections)?;
            Some(format!("{open} of {most} connections are in use"))
        });
        self.put_advice("vitals", VITALS, vitals);
        for (export, spec) in described {
            let asked = async {
                inspector.statistics(spec).await?;
                inspector.explain(spec, &limits(&export.tuning)).await.map(|_| None)
            };
            let answered = self.ask(asked).await;
            self.put_advice("catalog", CATALOG, answered);
            if let Some(step) = self.check.steps.last_mut() {
                step.export = Some(export.name.clone());
            }
        }
        inspector.close().await;
    }

    fn put_advice(&mut self, step: &'static str, tried: &'static str, found: Result<Option<String>, EngineError>) {
        let step = self.check.push(step, tried, found);
        if let CheckOutcome::Failed(error) = &step.outcome {
            step.outcome = CheckOutcome::warning(error);
        }
    }
}

/// The readers of an export that want to see the source at one moment; two stand for all numbers above one.
fn readers_of_one_view(mode: &Mode) -> usize {
    match mode {
        Mode::Chunked(chunked) if chunked.consistency == ChunkConsistency::Snapshot => chunked.parallel.clamp(1, 2),
        Mode::Chunked(_) | Mode::Full | Mode::Incremental(_) | Mode::TimeWindow(_) => 1,
    }
}

/// Says how a connection that was made is protected.
fn protection(settings: &ConnectionSettings) -> &'static str {
    if settings.is_socket() {
        return "a socket of this machine";
    }
    match settings.tls.mode {
        TlsMode::Disable => "not encrypted, as `mode: disable` asks",
        TlsMode::Prefer if settings.tls.ca_file.is_some() => "encrypted where the server offers it",
        TlsMode::Prefer => "encrypted where the server offers it, and no certificate is checked",
        TlsMode::Require => "encrypted, as `mode: require` asks",
        TlsMode::VerifyCa => "encrypted, and the server's authority is checked, as `mode: verify-ca` asks",
        TlsMode::VerifyFull => "encrypted, and the server's certificate is checked, as `mode: verify-full` asks",
    }
}
