use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::TOKEN;

/// What a server does with a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It answers with this status, and perhaps says where else to ask.
    Status(u16, Option<String>),
    /// It reads, and never says a word.
    Silence,
}

/// A server that takes letters. It ends with the process.
#[derive(Debug)]
pub(super) struct Hook {
    port: u16,
    letters: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    pub(super) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let letters: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&letters);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (answer, kept) = (answer.clone(), Arc::clone(&kept));
                thread::spawn(move || serve(&client, &answer, &kept));
            }
        });
        Self { port, letters }
    }

    /// One that takes everything.
    pub(super) fn well() -> Self {
        Self::start(Answer::Status(200, None))
    }

    /// Its URL, which is a secret.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/services/{TOKEN}", self.port)
    }

    /// Returns what was sent to it.
    pub(super) fn letters(&self) -> Vec<Value> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the only letter.
    #[track_caller]
    pub(super) fn letter(&self) -> Value {
        let letters = self.letters();
        let [letter] = letters.as_slice() else { panic!("one letter expected: {letters:?}") };
        letter.clone()
    }
}

/// Serves one request; the connection ends with it.
fn serve(mut client: &TcpStream, answer: &Answer, letters: &Mutex<Vec<Value>>) {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match reader.read_line(&mut head) {
            Ok(1..) => {}
            _ => return,
        }
    }
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let is_letter = head.starts_with(&format!("POST /services/{TOKEN} "));
    let letter = serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(head.clone()));
    letters.lock().unwrap_or_else(PoisonError::into_inner).push(if is_letter { letter } else { Value::String(head) });
    match answer {
        Answer::Silence => thread::sleep(Duration::from_mins(1)),
        Answer::Status(status, place) => {
            let place = place.as_ref().map(|place| format!("Location: {place}\r\n")).unwrap_or_default();
            // Whoever has gone does not want to know.
            drop(write!(client, "HTTP/1.1 {status} Said\r\n{place}Content-Length: 0\r\nConnection: close\r\n\r\n"));
        }
    }
}
