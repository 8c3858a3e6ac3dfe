use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rivet_model::{ConnectionSettings, ReadView, SourceKind};
use rivet_source::{
    DescribeRequest, Description, Inspector, ScanLimits, ScanSpec, ServerInfo, Snapshot, Source, SourceError,
    SourceFactory, Split, SplitRequest, Watermark, WatermarkRequest,
};
use tokio::sync::OnceCell;

use crate::connect::Connector;
use crate::describe::describe;
use crate::inspect::PostgresInspector;
use crate::server::{Server, identify};
use crate::session::Session;
use crate::snapshot::PostgresSnapshot;
use crate::split::split;
use crate::watermark::watermark;

/// Makes PostgreSQL sources.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresFactory;

impl SourceFactory for PostgresFactory {
    fn kind(&self) -> SourceKind {
        SourceKind::Postgres
    }

    fn open(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Source>, SourceError> {
        Ok(Arc::new(PostgresSource { connector: Connector::new(settings)?, server: Arc::default() }))
    }
}

/// A PostgreSQL server.
#[derive(Debug)]
pub(crate) struct PostgresSource {
    connector: Connector,
    server: Arc<OnceCell<Server>>,
}

impl PostgresSource {
    /// Opens a session and makes sure that the server is known.
    async fn session(&self) -> Result<(Session, &Server), SourceError> {
        let mut session = self.connector.connect().await?;
        let server = match self.server.get() {
            Some(server) => server,
            None => {
                let found = identify(&mut session).await?;
                self.server.get_or_init(|| std::future::ready(found)).await
            }
        };
        Ok((session, server))
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn server(&self) -> Result<ServerInfo, SourceError> {
        let (session, server) = self.session().await?;
        session.close().await;
        Ok(server.info.clone())
    }

    async fn describe(&self, request: &DescribeRequest) -> Result<Description, SourceError> {
        let (mut session, _) = self.session().await?;
        let description = describe(&mut session, request).await?;
        session.close().await;
        Ok(description)
    }

    async fn split(&self, spec: &ScanSpec, request: &SplitRequest, limits: &ScanLimits) -> Result<Split, SourceError> {
        let (mut session, server) = self.session().await?;
        let made = split(&mut session, server.info.version, spec, request, limits).await?;
        session.close().await;
        Ok(made)
    }

    async fn watermark(
        &self,
        spec: &ScanSpec,
        request: &WatermarkRequest,
        limits: &ScanLimits,
    ) -> Result<Watermark, SourceError> {
        let (mut session, server) = self.session().await?;
        let found = watermark(&mut session, server.info.replica, spec, request, limits).await?;
        session.close().await;
        Ok(found)
    }

    async fn inspector(&self, patience: Duration) -> Result<Box<dyn Inspector>, SourceError> {
        let (session, server) = self.session().await?;
        Ok(Box::new(PostgresInspector::new(self.connector.clone(), session, server.info.version, patience)))
    }

    async fn open_snapshot(
        &self,
        view: ReadView,
        workers: usize,
        limits: &ScanLimits,
    ) -> Result<Box<dyn Snapshot>, SourceError> {
        let server = if let Some(server) = self.server.get() {
            server
        } else {
            let (session, server) = self.session().await?;
            session.close().await;
            server
        };
        let snapshot = PostgresSnapshot::open(self.connector.clone(), server.clone(), view, workers, limits).await?;
        Ok(Box::new(snapshot))
    }
}

impl fmt::Display for PostgresSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connector.settings().fmt(f)
    }
}
