use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use url::Url;

/// What the network does to a connection. Bytes are those that the server sent over that connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    None,
    /// Both sides are cut after so many bytes.
    CutAfter(u64),
    /// After so many bytes nothing passes any more, and nothing is closed.
    StallAfter(u64),
    /// At most so many bytes a second pass, at least 1,000.
    Slow(u64),
    /// New connections are closed before a byte passes.
    Refuse,
}

/// A network between a client and a server that fails on demand: a TCP proxy on a loopback port of its own.
///
/// Dropping it cuts every connection.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    fault: Mutex<Plan>,
    open: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
    struck: AtomicUsize,
    closing: AtomicBool,
}

/// A fault and on how many connections it still strikes.
#[derive(Debug, Clone, Copy)]
struct Plan {
    fault: Fault,
    left: usize,
}

impl FaultProxy {
    /// Starts a proxy before the server of a database URL. Nothing fails until [`FaultProxy::set`].
    pub fn start(database_url: &str) -> Self {
        let url = Url::parse(database_url).unwrap_or_else(|error| panic!("no URL: {error}"));
        let upstream =
            format!("{}:{}", url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or_else(|| usual_port(&url)));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port exists");
        let address = listener.local_addr().expect("the listener is bound");
        let state = Arc::new(State {
            upstream,
            fault: Mutex::new(Plan { fault: Fault::None, left: 0 }),
            open: Mutex::new(Vec::new()),
            accepted: AtomicUsize::new(0),
            struck: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, state }
    }

    /// Returns a database URL that leads through the proxy.
    pub fn url(&self, database_url: &str) -> String {
        let mut url = Url::parse(database_url).unwrap_or_else(|error| panic!("no URL: {error}"));
        url.set_host(Some("127.0.0.1")).expect("a database URL has a host");
        url.set_port(Some(self.address.port())).expect("a database URL has a host");
        url.into()
    }

    /// Sets the fault for every connection, those that are open included.
    pub fn set(&self, fault: Fault) {
        self.set_times(fault, usize::MAX);
    }

    /// Sets the fault; once it has struck so many connections, the rest pass.
    pub fn set_times(&self, fault: Fault, times: usize) {
        *lock(&self.state.fault) = Plan { fault, left: times };
    }

    /// Cuts every connection that is open now.
    pub fn cut(&self) {
        for stream in lock(&self.state.open).drain(..) {
            // Its other side may have closed it already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Returns how many connections were made so far.
    pub fn connections(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Returns how many connections a fault has struck so far.
    pub fn struck(&self) -> usize {
        self.state.struck.load(Ordering::SeqCst)
    }
}

fn usual_port(url: &Url) -> u16 {
    if url.scheme() == "mysql" { 3306 } else { 5432 }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.closing.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        self.cut();
    }
}

impl State {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
            // A server that does not answer looks to the client as it would without the proxy: closed.
            drop(self.connect(client));
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        if self.fault() == Fault::Refuse {
            self.strike();
            return client.shutdown(Shutdown::Both);
        }
        let server = TcpStream::connect(&self.upstream)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        lock(&self.open).extend([client.try_clone()?, server.try_clone()?]);
        let (state, up, down) = (Arc::clone(self), (client.try_clone()?, server.try_clone()?), (server, client));
        let gone = Arc::new(AtomicBool::new(false));
        let client_gone = Arc::clone(&gone);
        thread::spawn(move || {
            forward(up.0, up.1, |_| true);
            client_gone.store(true, Ordering::SeqCst);
        });
        thread::spawn(move || {
            let mut sent = 0;
            forward(down.0, down.1, |count| state.pass(&gone, &mut sent, count));
        });
        Ok(())
    }

    fn fault(&self) -> Fault {
        let plan = *lock(&self.fault);
        if plan.left == 0 { Fault::None } else { plan.fault }
    }

    fn strike(&self) {
        let mut plan = lock(&self.fault);
        plan.left = plan.left.saturating_sub(1);
        self.struck.fetch_add(1, Ordering::SeqCst);
    }

    /// Decides about bytes that come from the server: returns whether they pass. A stall lasts until the client
    /// has gone.
    fn pass(&self, client_gone: &AtomicBool, sent: &mut u64, count: usize) -> bool {
        let count = u64::try_from(count).expect("a buffer's length fits 64 bits");
        *sent += count;
        match self.fault() {
            Fault::CutAfter(limit) if *sent > limit => {
                self.strike();
                false
            }
            Fault::StallAfter(limit) if *sent > limit => {
                self.strike();
                while !self.closing.load(Ordering::SeqCst) && !client_gone.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
                false
            }
            Fault::Slow(rate) => {
                thread::sleep(Duration::from_millis(count * 1000 / rate.max(1000)));
                true
            }
            Fault::None | Fault::CutAfter(_) | Fault::StallAfter(_) | Fault::Refuse => true,
        }
    }
}

/// Copies one direction until either side ends or `pass` says no; then cuts both.
fn forward(mut from: TcpStream, mut to: TcpStream, mut pass: impl FnMut(usize) -> bool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !pass(count) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A server that sends 100,000 bytes to whoever connects.
    fn talker() -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || drop(stream.write_all(&vec![7; 100_000])));
            }
        });
        format!("postgresql://u@127.0.0.1:{port}/d")
    }

    fn received(proxy: &FaultProxy) -> usize {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut bytes = Vec::new();
        // A cut connection may end in an error; what came before it counts.
        drop(stream.read_to_end(&mut bytes));
        bytes.len()
    }

    #[test]
    fn bytes_pass_until_told_otherwise() {
        let server = talker();
        let proxy = FaultProxy::start(&server);
        assert_eq!(received(&proxy), 100_000);
        assert_eq!((proxy.connections(), proxy.struck()), (1, 0));
        let port = proxy.address.port();
        assert_eq!(proxy.url(&server), format!("postgresql://u@127.0.0.1:{port}/d"));
    }

    #[test]
    fn a_cut_strikes_as_often_as_asked() {
        let proxy = FaultProxy::start(&talker());
        proxy.set_times(Fault::CutAfter(50_000), 1);
        assert!(received(&proxy) <= 50_000);
        assert_eq!(received(&proxy), 100_000);
        assert_eq!(proxy.struck(), 1);
    }

    #[test]
    fn a_stall_closes_nothing() {
        let proxy = FaultProxy::start(&talker());
        proxy.set(Fault::StallAfter(50_000));
        let begin = Instant::now();
        assert!(received(&proxy) <= 50_000);
        assert!(begin.elapsed() >= Duration::from_millis(290), "the reader waited for its own time limit");
    }

    #[test]
    fn refused_connections_give_nothing() {
        let proxy = FaultProxy::start(&talker());
        proxy.set(Fault::Refuse);
        assert_eq!(received(&proxy), 0);
    }

    #[test]
    fn a_slow_network_is_slow() {
        let proxy = FaultProxy::start(&talker());
        proxy.set(Fault::Slow(1_000_000));
        let begin = Instant::now();
        assert_eq!(received(&proxy), 100_000);
        assert!(begin.elapsed() >= Duration::from_millis(80));
    }
}
