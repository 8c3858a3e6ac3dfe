use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::Protocol;
use super::server::StoreServer;
use crate::environment::{self, required};
use crate::fixture;

/// The provider's own client, in a Python that stays: to import it takes longer than what it is asked.
#[derive(Debug)]
pub(super) struct StoreClient {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl StoreClient {
    #[track_caller]
    pub(super) fn start(protocol: Protocol, server: &StoreServer) -> Self {
        let python = required(environment::CLOUD_PYTHON);
        let mut child = Command::new(&python)
            .arg(fixture("python/cloud.py"))
            .args([protocol.as_str(), &server.client_url, &server.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("`{python}` does not start: {error}"));
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, questions, answers }
    }

    /// Asks, and returns what comes back.
    #[track_caller]
    pub(super) fn ask(&mut self, question: &[&str]) -> Value {
        let line = Value::from(question).to_string() + "\n";
        self.questions.write_all(line.as_bytes()).expect("the client is alive, or its error stands above");
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer).expect("the client writes text");
        assert!(read > 0, "{question:?}: the client has ended, its error stands above");
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert!(answer["error"].is_null(), "{question:?}: {}", answer["error"]);
        answer["answer"].clone()
    }
}

impl Drop for StoreClient {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
