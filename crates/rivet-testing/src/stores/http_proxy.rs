use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFault {
    /// It does not reach the server; this status and the code of a reason come back.
    Status(u16, &'static str),
    /// The connection is reset after so many bytes of its body.
    ResetAfter(u64),
    /// It does not reach the server, and no answer comes.
    Stall,
    /// The server does what it is asked, and its answer is lost with the connection.
    LoseAnswer,
    /// A bit of its body is another one when it arrives.
    Corrupt,
}

#[derive(Debug)]
struct Rule {
    method: String,
    /// What its target holds.
    part: String,
    fault: HttpFault,
    left: usize,
}

/// A network that understands HTTP, between a client and an object store: a proxy on a loopback port of its own.
#[derive(Debug)]
pub struct HttpProxy {
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

impl HttpProxy {
    /// Starts before the server of a URL.
    pub fn start(url: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
        let address = listener.local_addr().expect("the listener is bound");
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

    /// Returns its address, which leads to the server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a fault strike the next requests of a method whose targets hold a text.
    pub fn strike(&self, times: usize, method: &str, part: &str, fault: HttpFault) {
        let (method, part) = (method.to_owned(), part.to_owned());
        lock(&self.state.rules).push(Rule { method, part, fault, left: times });
    }

    /// Lets all requests pass from now on.
    pub fn calm(&self) {
        lock(&self.state.rules).clear();
    }

    /// Returns the requests so far, faults or not, each as its method and its target.
    pub fn requests(&self) -> Vec<String> {
        let heads = lock(&self.state.heads);
        heads.iter().filter_map(|head| Some(head.lines().next()?.rsplit_once(' ')?.0.to_owned())).collect()
    }

    /// Returns what a header was in each request of a method.
    pub fn headers(&self, method: &str, name: &str) -> Vec<Option<String>> {
        let heads = lock(&self.state.heads);
        let heads = heads.iter().filter(|head| head.split(' ').next() == Some(method));
        heads.map(|head| header(head, name).map(ToOwned::to_owned)).collect()
    }

    /// Returns the requests that a fault has struck.
    pub fn struck(&self) -> Vec<String> {
        lock(&self.state.struck).clone()
    }
}

impl Drop for HttpProxy {
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
        if let Some(HttpFault::ResetAfter(bytes)) = fault {
            io::copy(&mut (&mut reader).take(bytes), &mut io::sink())?;
            return reset(client);
        }
        let mut body = Vec::new();
        (&mut reader).take(length).read_to_end(&mut body)?;
        match fault {
            Some(HttpFault::Status(status, code)) => refuse(client, status, code),
            Some(HttpFault::Stall) => self.stall(client),
            Some(HttpFault::LoseAnswer) => {
                io::copy(&mut self.forward(&head, &body)?, &mut io::sink())?;
                reset(client)
            }
            Some(HttpFault::Corrupt) => {
                if let Some(byte) = body.first_mut() {
                    *byte ^= 1;
                }
                let mut client = client;
                io::copy(&mut self.forward(&head, &body)?, &mut client).map(drop)
            }
            Some(HttpFault::ResetAfter(_)) | None => {
                let mut client = client;
                io::copy(&mut self.forward(&head, &body)?, &mut client).map(drop)
            }
        }
    }

    fn fault(&self, request: &str) -> Option<HttpFault> {
        let mut words = request.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        // Google's client writes every sign that is no letter and no digit as its number.
        let plain = decoded(target);
        let mut rules = lock(&self.rules);
        let fits = |rule: &&mut Rule| rule.left > 0 && rule.method == method && plain.contains(&rule.part);
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

/// Returns a target with `%41` as `A`.
fn decoded(target: &str) -> String {
    let mut parts = target.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        match u8::from_str_radix(digits, 16) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(format!("%{digits}").bytes()),
        }
        bytes.extend(rest.bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each request with what it was sent.
    fn echo() -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut reader = BufReader::new(&client);
                let Ok(head) = read_head(&mut reader) else { continue };
                let mut body = vec![0; header(&head, "Content-Length").unwrap().parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                write!(&client, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
                (&client).write_all(&body).unwrap();
            }
        });
        url
    }

    /// Sends `hello` and returns the answer's first and last line, or nothing where the connection broke.
    fn send(proxy: &HttpProxy, method: &str, target: &str) -> Option<String> {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        write!(stream, "{method} {target} HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(format!("{} {}", answer.split(' ').nth(1)?, answer.lines().last()?))
    }

    #[test]
    fn targets_are_read_as_they_are_meant() {
        assert_eq!(decoded("/lake/raw%2Frows%2D1%2Ecsv?x=%C3%BC"), "/lake/raw/rows-1.csv?x=ü");
        assert_eq!(decoded("/a%zz%"), "/a%zz%");
    }

    #[test]
    fn faults_strike_the_requests_that_they_are_for() {
        let proxy = HttpProxy::start(&echo());
        let whole = || Some("200 hello".to_owned());
        assert_eq!(send(&proxy, "PUT", "/lake/part"), whole());
        proxy.strike(1, "PUT", "part", HttpFault::Status(503, "SlowDown"));
        proxy.strike(1, "PUT", "part", HttpFault::Corrupt);
        proxy.strike(1, "PUT", "part", HttpFault::LoseAnswer);
        proxy.strike(1, "PUT", "part", HttpFault::ResetAfter(2));
        proxy.strike(usize::MAX, "PUT", "part", HttpFault::Stall);
        assert_eq!(send(&proxy, "GET", "/lake/part"), whole());
        assert_eq!(send(&proxy, "PUT", "/lake/other"), whole());
        assert!(send(&proxy, "PUT", "/lake/part").unwrap().starts_with("503 <?xml"));
        assert_eq!(send(&proxy, "PUT", "/lake/part"), Some("200 iello".to_owned()));
        for _ in 0..3 {
            assert_eq!(send(&proxy, "PUT", "/lake/part"), None);
        }
        proxy.calm();
        assert_eq!(send(&proxy, "PUT", "/lake/part?x=1"), whole());
        assert_eq!(proxy.struck(), ["PUT /lake/part"; 5]);
        assert_eq!(proxy.requests().len(), 9);
        assert_eq!(proxy.requests().last().unwrap(), "PUT /lake/part?x=1");
        assert_eq!(proxy.headers("GET", "content-length"), [Some("5".to_owned())]);
    }
}
