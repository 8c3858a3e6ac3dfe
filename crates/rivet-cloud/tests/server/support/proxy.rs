use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not reach the server; this status and the code of a reason come back.
    Status(u16, &'static str),
    /// The connection is reset after so many bytes of its body.
    ResetAfter(u64),
    /// It does not reach the server, and no answer comes.
    Stall,
    /// The server does what it is asked, and its answer is lost with the connection.
    LoseAnswer,
}

#[derive(Debug)]
struct Rule {
    method: &'static str,
    /// What its target holds.
    part: &'static str,
    fault: Fault,
    left: usize,
}

/// A network that understands requests, between a client and a server: a proxy on a loopback port of its own.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    rules: Mutex<Vec<Rule>>,
    /// The requests that a fault has struck.
    struck: Mutex<Vec<String>>,
    /// What stood before the bodies of all requests.
    heads: Mutex<Vec<String>>,
    closing: AtomicBool,
}

impl Proxy {
    /// Starts before the server of a URL.
    pub(crate) fn start(url: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            upstream: url.trim_start_matches("http://").to_owned(),
            rules: Mutex::new(Vec::new()),
            struck: Mutex::new(Vec::new()),
            heads: Mutex::new(Vec::new()),
            closing: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.closing.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&accepting);
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(state.serve(&client)));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a fault strike the next requests of a method whose targets hold a text.
    pub(crate) fn strike(&self, times: usize, method: &'static str, part: &'static str, fault: Fault) {
        lock(&self.state.rules).push(Rule { method, part, fault, left: times });
    }

    /// Returns what a header was in each request of a method.
    pub(crate) fn headers(&self, method: &str, name: &str) -> Vec<Option<String>> {
        let heads = lock(&self.state.heads);
        let heads = heads.iter().filter(|head| head.split(' ').next() == Some(method));
        heads.map(|head| header(head, name).map(ToOwned::to_owned)).collect()
    }

    /// Returns the requests that a fault has struck.
    pub(crate) fn struck(&self) -> Vec<String> {
        lock(&self.state.struck).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl State {
    /// Serves one request; the connection ends with it.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client);
        let head = read_head(&mut reader)?;
        let first = head.lines().next().unwrap_or_default().to_owned();
        let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let fault = self.fault(&first);
        lock(&self.heads).push(head.clone());
        if let Some(Fault::ResetAfter(bytes)) = fault {
            io::copy(&mut (&mut reader).take(bytes), &mut io::sink())?;
            return reset(client);
        }
        let mut body = Vec::new();
        (&mut reader).take(length).read_to_end(&mut body)?;
        match fault {
            Some(Fault::Status(status, code)) => refuse(client, status, code),
            Some(Fault::Stall) => self.stall(client),
            Some(Fault::LoseAnswer) => {
                io::copy(&mut self.forward(&head, &body)?, &mut io::sink())?;
                reset(client)
            }
            Some(Fault::ResetAfter(_)) | None => {
                let mut client = client;
                io::copy(&mut self.forward(&head, &body)?, &mut client).map(drop)
            }
        }
    }

    fn fault(&self, request: &str) -> Option<Fault> {
        let mut words = request.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let mut rules = lock(&self.rules);
        let fits = |rule: &&mut Rule| rule.left > 0 && rule.method == method && target.contains(rule.part);
        let rule = rules.iter_mut().find(fits)?;
        rule.left -= 1;
        lock(&self.struck).push(format!("{method} {target}"));
        Some(rule.fault)
    }

    /// Sends a request on; the server closes the connection behind its answer.
    fn forward(&self, head: &str, body: &[u8]) -> io::Result<TcpStream> {
        let mut server = TcpStream::connect(&self.upstream)?;
        let kept = head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let mut text = kept.collect::<Vec<_>>().join("\r\n");
        text.push_str("\r\nConnection: close\r\n\r\n");
        server.write_all(text.as_bytes())?;
        server.write_all(body)?;
        Ok(server)
    }

    fn stall(&self, client: &TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(Duration::from_millis(50)))?;
        let mut client = client;
        while !self.closing.load(Ordering::SeqCst) {
            match client.read(&mut [0; 64]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn refuse(mut client: &TcpStream, status: u16, code: &str) -> io::Result<()> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Said by the proxy.</Message></Error>");
    let length = body.len();
    write!(client, "HTTP/1.1 {status} No\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn reset(client: &TcpStream) -> io::Result<()> {
    SockRef::from(client).set_linger(Some(Duration::ZERO))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
