use super::tool::{Mode, Output, Tool};
use crate::servers::Engine;

/// One thing that several tools do.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) source: Engine,
    pub(crate) table: &'static str,
    pub(crate) output: Output,
    pub(crate) tools: &'static [Tool],
}

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "lineitem to Parquet",
        source: Engine::Postgres,
        table: "lineitem",
        output: Output::Parquet,
        tools: &[
            Tool::CopyBinary,
            Tool::Peer("duckdb"),
            Tool::Rivet(Mode::OneStatement),
            Tool::Rivet(Mode::Full),
            Tool::Rivet(Mode::Chunked),
            Tool::Rivet(Mode::Snapshot),
            Tool::Peer("connectorx-2"),
            Tool::Peer("adbc-2"),
        ],
    },
    Workload {
        name: "content_items to Parquet",
        source: Engine::Postgres,
        table: "content_items",
        output: Output::Parquet,
        tools: &[
            Tool::CopyBinary,
            Tool::Peer("duckdb-unordered"),
            Tool::Rivet(Mode::Full),
            Tool::Rivet(Mode::Chunked),
            Tool::Rivet(Mode::Snapshot),
            Tool::Peer("adbc-2"),
            Tool::Peer("connectorx-2"),
        ],
    },
    Workload {
        name: "lineitem to CSV",
        source: Engine::Postgres,
        table: "lineitem",
        output: Output::Csv,
        tools: &[
            Tool::CopyCsv,
            Tool::Peer("duckdb"),
            Tool::Rivet(Mode::OneStatement),
            Tool::Rivet(Mode::Full),
            Tool::Rivet(Mode::Chunked),
        ],
    },
    Workload {
        name: "lineitem to S3",
        source: Engine::Postgres,
        table: "lineitem",
        output: Output::Parquet,
        tools: &[
            Tool::Rivet(Mode::Full),
            Tool::RivetToS3(Mode::Full),
            Tool::Rivet(Mode::Chunked),
            Tool::RivetToS3(Mode::Chunked),
        ],
    },
    Workload {
        name: "a tenth of lineitem to Parquet",
        source: Engine::Postgres,
        table: "lineitem_tenth",
        output: Output::Parquet,
        tools: &[Tool::Rivet(Mode::Full)],
    },
    Workload {
        name: "a tenth of content_items to Parquet",
        source: Engine::Postgres,
        table: "content_items_tenth",
        output: Output::Parquet,
        tools: &[Tool::Rivet(Mode::Full)],
    },
    Workload {
        name: "MySQL lineitem to Parquet",
        source: Engine::Mysql,
        table: "lineitem",
        output: Output::Parquet,
        tools: &[
            Tool::Peer("duckdb"),
            Tool::Rivet(Mode::OneStatement),
            Tool::Rivet(Mode::Full),
            Tool::Rivet(Mode::Chunked),
            Tool::Peer("connectorx-2"),
            Tool::Peer("chdb"),
        ],
    },
    Workload {
        name: "MySQL content_items to Parquet",
        source: Engine::Mysql,
        table: "content_items",
        output: Output::Parquet,
        tools: &[
            Tool::Peer("chdb"),
            Tool::Rivet(Mode::OneStatement),
            Tool::Rivet(Mode::Full),
            Tool::Rivet(Mode::Chunked),
            Tool::Peer("connectorx"),
            Tool::Peer("connectorx-2"),
        ],
    },
    Workload {
        name: "MySQL lineitem to CSV",
        source: Engine::Mysql,
        table: "lineitem",
        output: Output::Csv,
        tools: &[
            Tool::Peer("chdb"),
            Tool::Rivet(Mode::OneStatement),
            Tool::Rivet(Mode::Full),
            Tool::Rivet(Mode::Chunked),
        ],
    },
    Workload {
        name: "a tenth of MySQL lineitem to Parquet",
        source: Engine::Mysql,
        table: "lineitem_tenth",
        output: Output::Parquet,
        tools: &[Tool::Rivet(Mode::Full)],
    },
    Workload {
        name: "a tenth of MySQL content_items to Parquet",
        source: Engine::Mysql,
        table: "content_items_tenth",
        output: Output::Parquet,
        tools: &[Tool::Rivet(Mode::Full)],
    },
];
