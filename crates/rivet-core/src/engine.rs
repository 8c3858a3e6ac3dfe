use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;
use rivet_config::{Config, Environment, ExportConfig};
use rivet_history::{StateStore, this_process};
use rivet_model::{ExportName, RunRecord, SourceKind};
use rivet_source::{ServerInfo, Source, SourceFactory};
use rivet_writer::ByteBudget;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::destination::{DestinationFactory, Destinations};
use crate::export::{ExportRun, Planned, Shared, may_go_on};
use crate::landing::{Landing, land_all};
use crate::progress::Announcer;
use crate::retry::Attempts;
use crate::settle::{Known, settle_all};
use crate::{EngineError, EventKind, ExportReport, Observer, RunReport, runnable};

/// Bytes of decoded rows that may wait to be encoded, over all exports. Three batches of one export fit.
const WAITING_BYTES: usize = 32 << 20;

/// What a call of [`Engine::run`] does beyond the configuration.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// The exports to run; empty for all.
    pub exports: Vec<ExportName>,
    /// How many run at once, in place of the configuration's number.
    pub parallel_exports: Option<usize>,
    /// Whether to read the parts back before they are committed.
    pub validate: bool,
    /// Whether to go on with runs that have not ended, whatever `resume` says in the configuration.
    pub resume: bool,
}

/// Makes an [`Engine`].
#[derive(Debug)]
pub struct EngineBuilder {
    factories: BTreeMap<SourceKind, Arc<dyn SourceFactory>>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) state: Arc<dyn StateStore>,
    destinations: Destinations,
    pub(crate) environment: Environment,
}

/// Plans and runs exports.
#[derive(Debug)]
pub struct Engine {
    pub(crate) parts: EngineBuilder,
}

impl EngineBuilder {
    /// Adds a driver.
    #[must_use]
    pub fn source(mut self, factory: impl SourceFactory) -> Self {
        self.factories.insert(factory.kind(), Arc::new(factory));
        self
    }

    /// Adds an observer.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Says where exports with the destination `stdout` write. Without it they are refused.
    #[must_use]
    pub fn stream(mut self, open: impl Fn() -> Box<dyn Write + Send> + Send + Sync + 'static) -> Self {
        self.destinations.set_stream(open);
        self
    }

    /// Adds what opens destinations other than folders and streams. Without it they are refused.
    #[must_use]
    pub fn destination(mut self, factory: impl DestinationFactory) -> Self {
        self.destinations.add(factory);
        self
    }

    /// Says where the secrets are that configurations name and do not hold: keys of destinations and of masks, and for
    /// a plan the password of its source. Without it there are none.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Returns what opens destinations, with the secrets that it needs.
    pub(crate) fn destinations(&self) -> Destinations {
        self.destinations.clone().with_environment(&self.environment)
    }

    /// Makes the engine.
    pub fn build(self) -> Engine {
        Engine { parts: self }
    }
}

impl Engine {
    /// Begins an engine that keeps its runs in a state store.
    pub fn builder(state: Arc<dyn StateStore>) -> EngineBuilder {
        EngineBuilder {
            factories: BTreeMap::new(),
            observers: Vec::new(),
            state,
            destinations: Destinations::default(),
            environment: Environment::empty(),
        }
    }

    /// Runs exports and returns when all have ended. Every destination is tried before the source is asked for anything,
    /// and an export whose destination can't be written to asks it for nothing. `cancel` stops them cleanly: statements
    /// end on the server, and nothing is left half written. It is called inside of a Tokio runtime.
    ///
    /// # Errors
    ///
    /// What concerns all exports: an export that does not exist, a mode that is not run, a mask without its key, a
    /// driver that is not there, a state store that can't be used, a source that can't be reached. What concerns one of
    /// them stands in its report.
    pub async fn run(
        &self,
        config: &Config,
        options: &RunOptions,
        cancel: &CancellationToken,
    ) -> Result<RunReport, EngineError> {
        let exports = runnable::select(config, &options.exports)?;
        exports.iter().try_for_each(|export| runnable::check_run(export, &self.parts))?;
        let factory = self.factory(config.source.kind)?;
        let parallel = options.parallel_exports.unwrap_or(config.parallel_exports).clamp(1, exports.len().max(1));

        let announcer = Announcer::new(&self.parts.observers);
        let names = exports.iter().map(|export| export.name.clone()).collect();
        announcer.say(EventKind::Started { exports: names, parallel });
        for export in &exports {
            for note in runnable::passed_over(export) {
                announcer.say(EventKind::Note { export: export.name.clone(), note });
            }
        }
        let now = Timestamp::now();
        let configured = |run: &RunRecord| config.exports.iter().find(|export| export.name == run.export);
        let mut open = settle_all(self.parts.state.as_ref(), &announcer, &self.parts.destinations(), |run| Known {
            destination: configured(run).map(|config| &config.destination),
            goes_on: configured(run).is_some_and(|config| may_go_on(config, run, options.resume, now)),
        })
        .await?;

        let source = factory.open(&config.source.connection)?;
        let destinations = self.parts.destinations();
        let runs = exports.iter().map(|export| (*export, open.get(&export.name)));
        let landed = land_all(&destinations, runs, cancel).await?;
        let (mut reports, mut waiting) = (BTreeMap::new(), Vec::new());
        for (place, (export, landed)) in exports.iter().zip(landed).enumerate() {
            match landed {
                Ok(landing) => waiting.push((place, *export, landing)),
                Err(error) => {
                    let report = ExportReport::new(&export.name, export.destination.kind()).not_run(error);
                    announcer.say(EventKind::ExportFinished { report: Box::new(report.clone()) });
                    reports.insert(place, report);
                }
            }
        }
        if let Some((_, first, _)) = waiting.first() {
            let server = connect(source.as_ref(), first, &announcer, cancel).await?;
            announcer.say(EventKind::Connected { server: server.clone() });
            let shared = self.shared(source, Arc::new(server), &announcer, cancel);
            let shared = Shared { validate: options.validate, ..shared };
            let jobs = waiting.into_iter().map(|(place, export, landing)| {
                let unfinished = open.remove(&export.name);
                let job = Job { shared: shared.clone(), config: export.clone(), landing, unfinished, planned: None };
                (place, job)
            });
            let (places, jobs): (Vec<usize>, Vec<Job>) = jobs.unzip();
            reports.extend(places.into_iter().zip(run_all(jobs, parallel).await?));
        }
        Ok(RunReport { exports: reports.into_values().collect(), duration: announcer.elapsed() })
    }

    pub(crate) fn factory(&self, kind: SourceKind) -> Result<&Arc<dyn SourceFactory>, EngineError> {
        self.parts.factories.get(&kind).ok_or(EngineError::NoDriver { kind })
    }

    /// Gathers what all exports of one server share.
    pub(crate) fn shared(
        &self,
        source: Arc<dyn Source>,
        server: Arc<ServerInfo>,
        announcer: &Announcer,
        cancel: &CancellationToken,
    ) -> Shared {
        Shared {
            source,
            server,
            state: Arc::clone(&self.parts.state),
            announcer: announcer.clone(),
            budget: ByteBudget::new(WAITING_BYTES),
            exports_at_a_time: 1,
            destinations: self.parts.destinations(),
            environment: self.parts.environment.clone(),
            process: this_process(),
            validate: false,
            patience: None,
            cancel: cancel.clone(),
        }
    }
}

/// Asks the source who it is, with the patience of the first export.
pub(crate) async fn connect(
    source: &dyn Source,
    first: &ExportConfig,
    announcer: &Announcer,
    cancel: &CancellationToken,
) -> Result<ServerInfo, EngineError> {
    let mut attempts = Attempts::new(&first.name, &first.tuning, announcer, cancel);
    loop {
        let answered = tokio::select! {
            () = cancel.cancelled() => return Err(EngineError::Interrupted),
            answered = source.server() => answered,
        };
        match answered {
            Ok(server) => return Ok(server),
            Err(error) => attempts.after(error.into()).await?,
        }
    }
}

/// One export that is about to run.
pub(crate) struct Job {
    pub(crate) shared: Shared,
    pub(crate) config: ExportConfig,
    pub(crate) landing: Landing,
    pub(crate) unfinished: Option<RunRecord>,
    pub(crate) planned: Option<Planned>,
}

/// Runs exports, so many at once, and returns their reports in the order that they came in.
pub(crate) async fn run_all(jobs: Vec<Job>, parallel: usize) -> Result<Vec<ExportReport>, EngineError> {
    let places = Arc::new(Semaphore::new(parallel));
    let mut running = JoinSet::new();
    for (position, job) in jobs.into_iter().enumerate() {
        let places = Arc::clone(&places);
        running.spawn(async move {
            let _place = places.acquire_owned().await;
            let Job { shared, config, landing, unfinished, planned } = job;
            let shared = Shared { exports_at_a_time: parallel, ..shared };
            (position, ExportRun::new(shared, config, unfinished, planned).landing_at(landing).run().await)
        });
    }
    let mut reports = BTreeMap::new();
    while let Some(joined) = running.join_next().await {
        let (position, report) = joined.map_err(|error| EngineError::Panic { message: error.to_string() })?;
        reports.insert(position, report);
    }
    Ok(reports.into_values().collect())
}
