//! Descriptions, and errors that point.

use rivet_source::SourceErrorKind;

use crate::harness::{Server, query, request};

#[tokio::test]
async fn describing_reads_no_row() {
    let server = Server::start().await;
    // A division by zero would fail the moment a row was made.
    let relation = query("SELECT 1 / (i - i) AS x FROM generate_series(1, 9) i");
    let description = server.source().describe(&request(relation)).await;
    assert_eq!(description.unwrap().spec.columns[0].name.as_str(), "x");
}

#[tokio::test]
async fn an_error_points_into_the_query() {
    let server = Server::start().await;
    let text = "SELECT 'ж' AS a,\n       no_such_column FROM pg_class";
    let error = server.source().describe(&request(query(text))).await.unwrap_err();
    assert_eq!(error.kind(), SourceErrorKind::NotFound);
    let labels: Vec<_> = miette::Diagnostic::labels(&error).unwrap().collect();
    assert_eq!(labels[0].offset(), text.find("no_such_column").unwrap());
}
