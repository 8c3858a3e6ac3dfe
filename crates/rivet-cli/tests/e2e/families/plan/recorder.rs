use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What begins a packet that holds a statement: one to run, and one to prepare.
const STATEMENTS: [u8; 2] = [0x03, 0x16];

/// Stands before a server and keeps what clients send. They must not encrypt it.
#[derive(Debug)]
pub(super) struct Recorder {
    port: u16,
    heard: Heard,
    server: Arc<Mutex<String>>,
}

/// What came over each connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

impl Recorder {
    /// Begins to listen. It serves until the test ends.
    #[track_caller]
    pub(super) fn start(url: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
        let port = listener.local_addr().expect("the listener is bound").port();
        let (heard, server) = (Heard::default(), Arc::new(Mutex::new(place(url).to_owned())));
        let (kept, behind) = (Arc::clone(&heard), Arc::clone(&server));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let place = behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Ok(server) = TcpStream::connect(&place) else { return };
                serve(client, server, &kept);
            }
        });
        Self { port, heard, server }
    }

    /// Puts another server in the place of the one before, for connections from now on.
    pub(super) fn lead_to(&self, url: &str) {
        place(url).clone_into(&mut self.server.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns the address by way of the recorder.
    pub(super) fn url(&self, url: &str) -> String {
        format!("{}?sslmode=disable", url.replace(place(url), &format!("127.0.0.1:{}", self.port)))
    }

    /// Returns the statements that were sent since this was asked for, connection by connection.
    pub(super) fn take(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter_mut().flat_map(|bytes| statements(&std::mem::take(bytes))).collect()
    }
}

/// Host and port of an address.
fn place(url: &str) -> &str {
    let (_, behind) = url.rsplit_once('@').expect("the address names a user");
    behind.split('/').next().unwrap_or_default()
}

fn serve(client: TcpStream, server: TcpStream, heard: &Heard) {
    let number = {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(Vec::new());
        heard.len() - 1
    };
    let (Ok(to_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
    let heard = Arc::clone(heard);
    thread::spawn(move || {
        pass(client, server, |bytes| {
            heard.lock().unwrap_or_else(PoisonError::into_inner)[number].extend_from_slice(bytes);
        });
    });
    thread::spawn(move || pass(from_server, to_client, |_| {}));
}

/// Passes bytes on until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // The other side may have gone first.
    let _gone = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
}

/// Takes the statements out of packets, each of which has its length in three bytes, its number in one, and what it is
/// in the next.
fn statements(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some((&[first, second, third, _], rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::from(first) | usize::from(second) << 8 | usize::from(third) << 16;
        let (packet, rest) = rest.split_at(length.min(rest.len()));
        if let Some((kind, text)) = packet.split_first()
            && STATEMENTS.contains(kind)
        {
            found.push(String::from_utf8_lossy(text).into_owned());
        }
        bytes = rest;
    }
    found
}

#[test]
fn statements_are_taken_out_of_packets() {
    let sent = [&[9, 0, 0, 0, 3][..], b"SELECT 1", &[1, 0, 0, 0, 1], &[9, 0, 0, 0, 0x16], b"SELECT 2"].concat();
    assert_eq!(statements(&sent), ["SELECT 1", "SELECT 2"]);
}
