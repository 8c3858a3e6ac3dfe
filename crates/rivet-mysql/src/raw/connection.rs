use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use mysql_async::consts::{CapabilityFlags, Command};
use mysql_async::{Column, DriverError, Error};
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::auth::{Auth, Step};
use super::handshake::{self, Greeting, Login};
use super::packets::{self, Packet, Packets, unreadable};
use super::response::{self, Answer, ERROR};
use super::row::{RawRow, Shape};
use super::stream::{self, Address, Stream};
use crate::decode::{DecodeError, RowDecoder};
use crate::raw::OwnedRow;
use crate::session::TextRow;

pub(crate) use super::auth::Refusal;

/// What it takes to connect.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) address: &'a Address,
    /// The name that the server's certificate is for.
    pub(crate) host: &'a str,
    pub(crate) tls: Option<&'a Arc<ClientConfig>>,
    /// Whether a server without TLS is not spoken to.
    pub(crate) needs_tls: bool,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: &'a str,
    pub(crate) database: Option<&'a str>,
    pub(crate) program: &'a str,
    pub(crate) keepalive: Duration,
    pub(crate) longest_packet: u32,
}

/// What a statement gives next.
#[derive(Debug)]
pub(crate) enum Rows {
    /// Enough of them for a batch.
    Batch(RecordBatch),
    /// The server has sent all.
    End,
}

/// Why rows stop coming.
#[derive(Debug)]
pub(crate) enum Stop {
    /// One of them can't be taken.
    Fault(DecodeError),
    /// The server, or the way to it.
    Server(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

/// One connection.
pub(crate) struct RawConnection {
    stream: Stream,
    packets: Packets,
    capabilities: CapabilityFlags,
    id: u32,
    /// The statement that was prepared last, to be closed behind its rows.
    statement: Option<u32>,
    /// The columns of the statement that runs.
    columns: Vec<Column>,
    /// How its rows are written.
    shape: Arc<Shape>,
    /// The last row that came, where it was to be kept.
    last: Option<OwnedRow>,
    /// Warnings that the server had for the last statement.
    warnings: u16,
    /// What is sent next; kept for its memory.
    out: Vec<u8>,
}

impl RawConnection {
    /// Connects and logs in.
    pub(crate) async fn open(request: Request<'_>) -> Result<Self, Refusal> {
        let mut connection = Self {
            stream: stream::connect(request.address, request.keepalive).await?,
            packets: Packets::new(),
            capabilities: CapabilityFlags::empty(),
            id: 0,
            statement: None,
            columns: Vec::new(),
            shape: Arc::default(),
            last: None,
            warnings: 0,
            out: Vec::new(),
        };
        let packet = connection.packet().await?;
        let payload = connection.packets.payload(&packet);
        if payload.first() == Some(&ERROR) {
            return Err(response::error(payload).into());
        }
        let greeting = Greeting::read(payload).ok_or(Refusal::Unspoken)?;
        connection.id = greeting.id;
        connection.capabilities = greeting.capabilities;
        if request.database.is_some() {
            // Said before TLS already: servers look at what is said behind it no more.
            connection.capabilities |= CapabilityFlags::CLIENT_CONNECT_WITH_DB;
        }
        let is_encrypted = connection.encrypt(&request, &greeting).await?;
        connection.log_in(&request, greeting, is_encrypted).await?;
        Ok(connection)
    }

    /// Goes on by TLS, where that is wanted and there. Returns whether it was.
    async fn encrypt(&mut self, request: &Request<'_>, greeting: &Greeting) -> Result<bool, Refusal> {
        let config = match (request.tls, greeting.has_tls) {
            (Some(config), true) => Arc::clone(config),
            (Some(_), false) if request.needs_tls => {
                return Err(Error::from(DriverError::NoClientSslFlagFromServer).into());
            }
            _ => return Ok(false),
        };
        if !self.packets.is_empty() {
            // Somebody in between could have put it there.
            return Err(unreadable("the server spoke before it was asked to encrypt").into());
        }
        self.capabilities |= CapabilityFlags::CLIENT_SSL;
        self.send(&handshake::tls_request(self.capabilities, request.longest_packet)).await?;
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = stream::encrypt(plain, request.host, config).await?;
        Ok(true)
    }

    async fn log_in(&mut self, request: &Request<'_>, greeting: Greeting, is_encrypted: bool) -> Result<(), Refusal> {
        let is_private = is_encrypted || matches!(request.address, Address::Socket(_));
        let mut auth = Auth::new(request.password.as_bytes(), is_private, &greeting.plugin, greeting.nonce);
        let login = Login {
            user: request.user,
            database: request.database,
            program: request.program,
            longest_packet: request.longest_packet,
        };
        let response = handshake::response(login, self.capabilities, auth.plugin(), &auth.proof());
        self.send(&response).await?;
        loop {
            let packet = self.packet().await?;
            match auth.step(self.packets.payload(&packet))? {
                Step::Send(answer) => self.send(&answer).await?,
                Step::Wait => {}
                Step::Done => return Ok(()),
            }
        }
    }

    /// Returns the server's number for the connection.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Sends a packet that goes on with a conversation.
    async fn send(&mut self, payload: &[u8]) -> Result<(), Error> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let next = packets::write(payload, self.packets.number(), &mut out);
        self.packets.expect(next);
        let sent = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        let sent = sent.await.map_err(stream::broken);
        self.out = out;
        sent
    }

    /// Sends a packet that begins a conversation.
    async fn command(&mut self, command: Command, argument: &[u8]) -> Result<(), Error> {
        self.packets.expect(0);
        self.send(&[&[command as u8][..], argument].concat()).await
    }

    /// Waits for a packet.
    async fn packet(&mut self) -> Result<Packet, Error> {
        loop {
            if let Some(packet) = self.packets.next()? {
                return Ok(packet);
            }
            self.packets.fill(&mut self.stream).await?;
        }
    }

    /// Asks whether the server is there.
    pub(crate) async fn ping(&mut self) -> Result<(), Error> {
        self.command(Command::COM_PING, &[]).await?;
        let packet = self.packet().await?;
        response::answer(self.packets.payload(&packet)).map(drop)
    }

    /// Runs a statement by the text protocol and returns its rows.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, Error> {
        self.command(Command::COM_QUERY, sql.as_bytes()).await?;
        let Answer::Columns(count) = self.answer().await? else { return Ok(Vec::new()) };
        self.definitions(count).await?;
        let mut rows = Vec::new();
        loop {
            let packet = self.packet().await?;
            let payload = self.packets.payload(&packet);
            if payload.first() == Some(&ERROR) {
                return Err(response::error(payload));
            }
            if response::is_end(payload, self.capabilities) {
                self.warnings = response::warnings(payload, self.capabilities);
                return Ok(rows);
            }
            rows.push(response::text_row(payload, count)?);
        }
    }

    async fn answer(&mut self) -> Result<Answer, Error> {
        let packet = self.packet().await?;
        response::answer(self.packets.payload(&packet))
    }

    /// Reads so many definitions of columns, and what ends them.
    async fn definitions(&mut self, count: usize) -> Result<Vec<Column>, Error> {
        let mut columns = Vec::new();
        for _ in 0..count {
            let packet = self.packet().await?;
            columns.push(response::column(self.packets.payload(&packet))?);
        }
        if count > 0 && !self.capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF) {
            let packet = self.packet().await?;
            if !response::is_end(self.packets.payload(&packet), self.capabilities) {
                return Err(unreadable("more columns came than were announced"));
            }
        }
        Ok(columns)
    }

    /// Has the server define a statement without running it: its columns, and how many values it lacks.
    pub(crate) async fn describe(&mut self, sql: &str) -> Result<(Vec<Column>, u16), Error> {
        let described = self.prepare(sql).await?;
        self.close_statement().await?;
        Ok(described)
    }

    async fn prepare(&mut self, sql: &str) -> Result<(Vec<Column>, u16), Error> {
        self.command(Command::COM_STMT_PREPARE, sql.as_bytes()).await?;
        let packet = self.packet().await?;
        let prepared = response::prepared(self.packets.payload(&packet))?;
        self.statement = Some(prepared.id);
        self.definitions(prepared.parameters.into()).await?;
        let columns = self.definitions(prepared.columns.into()).await?;
        Ok((columns, prepared.parameters))
    }

    /// Runs a statement whose rows come by the binary protocol. Returns once the server has begun to answer.
    pub(crate) async fn start(&mut self, sql: &str) -> Result<(), Error> {
        self.last = None;
        let (_, parameters) = self.prepare(sql).await?;
        if parameters > 0 {
            return Err(DriverError::StmtParamsMismatch { required: parameters, supplied: 0 }.into());
        }
        let id = self.statement.unwrap_or_default().to_le_bytes();
        // No cursor, which would be a temporary table; and once.
        self.command(Command::COM_STMT_EXECUTE, &[&id[..], &[0], &1_u32.to_le_bytes()].concat()).await?;
        self.columns = match self.answer().await? {
            Answer::Columns(count) => self.definitions(count).await?,
            Answer::Done => return Err(unreadable("a statement has no rows")),
        };
        self.shape = Arc::new(Shape::new(&self.columns));
        Ok(())
    }

    /// Returns the columns of the statement that runs, as the server defines them.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Decodes rows until they make a batch, or the statement ends. `keep` has the last of them kept, for [`Self::last`].
    pub(crate) async fn read(&mut self, decoder: &mut RowDecoder, keep: bool) -> Result<Rows, Stop> {
        let shape = Arc::clone(&self.shape);
        let mut last = None;
        loop {
            while let Some(packet) = self.packets.next()? {
                let payload = self.packets.payload(&packet);
                let Some(row) = RawRow::new(&shape, payload, packet.wire_bytes) else {
                    let payload = payload.to_vec();
                    self.keep(last);
                    self.end(&payload)?;
                    return Ok(Rows::End);
                };
                let batch = decoder.push(&row).map_err(Stop::Fault)?;
                if keep {
                    last = Some(packet);
                }
                if let Some(batch) = batch {
                    self.keep(last);
                    return Ok(Rows::Batch(batch));
                }
            }
            // What is read next may stand where the row was.
            self.keep(last.take());
            self.packets.fill(&mut self.stream).await?;
        }
    }

    /// Waits for the next row; `None` once the server has said that there is no more.
    pub(crate) async fn next_row(&mut self) -> Result<Option<OwnedRow>, Error> {
        let packet = self.packet().await?;
        let payload = self.packets.payload(&packet).to_vec();
        if RawRow::new(&self.shape, &payload, packet.wire_bytes).is_none() {
            self.end(&payload)?;
            return Ok(None);
        }
        Ok(Some(OwnedRow::new(Arc::clone(&self.shape), payload, packet.wire_bytes)))
    }

    fn keep(&mut self, packet: Option<Packet>) {
        let Some(packet) = packet else { return };
        let payload = self.packets.payload(&packet).to_vec();
        self.last = Some(OwnedRow::new(Arc::clone(&self.shape), payload, packet.wire_bytes));
    }

    /// Reads a packet that is no row.
    fn end(&mut self, payload: &[u8]) -> Result<(), Error> {
        if payload.first() == Some(&ERROR) {
            return Err(response::error(payload));
        }
        if !response::is_end(payload, self.capabilities) {
            return Err(unreadable("a row begins as none does"));
        }
        self.warnings = response::warnings(payload, self.capabilities);
        Ok(())
    }

    /// Gives the last row that came, where it was to be kept.
    pub(crate) fn take_last(&mut self) -> Option<OwnedRow> {
        self.last.take()
    }

    /// Lets the server forget the statement that was prepared last. It does not answer.
    pub(crate) async fn close_statement(&mut self) -> Result<(), Error> {
        match self.statement.take() {
            Some(id) => self.command(Command::COM_STMT_CLOSE, &id.to_le_bytes()).await,
            None => Ok(()),
        }
    }

    /// Says good-bye, and waits until the server hangs up: the session is over then, and in no list any more.
    pub(crate) async fn quit(mut self) -> Result<(), Error> {
        self.command(Command::COM_QUIT, &[]).await?;
        self.stream.shutdown().await.map_err(stream::broken)?;
        let mut rest = [0; 64];
        while self.stream.read(&mut rest).await.map_err(stream::broken)? > 0 {}
        Ok(())
    }
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").field("id", &self.id).field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use mysql_async::consts::ColumnType;
    use mysql_common::proto::MySerialize as _;

    use super::*;
    use crate::decode::{Cell, Values as _};

    const OLD: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
        .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
        .union(CapabilityFlags::CLIENT_PLUGIN_AUTH);
    const NEW: CapabilityFlags = OLD.union(CapabilityFlags::CLIENT_DEPRECATE_EOF);

    const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

    /// A server of the test's own, which knows one table of one column.
    struct Scripted {
        stream: TcpStream,
        capabilities: CapabilityFlags,
        /// What it answers to a statement that was prepared, in place of an end.
        last: Option<Vec<u8>>,
    }

    impl Scripted {
        fn send(&mut self, number: u8, payloads: &[&[u8]]) {
            let mut out = Vec::new();
            let _next = payloads.iter().fold(number, |number, payload| packets::write(payload, number, &mut out));
            self.stream.write_all(&out).unwrap();
        }

        /// The first byte of what the client sends; `None` once it has gone.
        fn receive(&mut self) -> Option<u8> {
            let mut header = [0; 4];
            self.stream.read_exact(&mut header).ok()?;
            let mut payload = vec![0; usize::from(header[0]) + 256 * usize::from(header[1])];
            self.stream.read_exact(&mut payload).unwrap();
            payload.first().copied()
        }

        /// Definitions of columns, and what ends them where it is asked for.
        fn columns(&self) -> Vec<Vec<u8>> {
            let mut definition = Vec::new();
            Column::new(ColumnType::MYSQL_TYPE_LONG).with_name(b"n").serialize(&mut definition);
            let end = (self.capabilities == OLD).then(|| vec![0xFE, 0, 0, 2, 0]);
            [definition].into_iter().chain(end).collect()
        }

        fn end(&self) -> Vec<u8> {
            if self.capabilities == OLD { vec![0xFE, 3, 0, 2, 0] } else { vec![0xFE, 0, 0, 2, 0, 3, 0] }
        }

        fn serve(mut self) {
            let [low, high] = [self.capabilities.bits() & 0xFFFF, self.capabilities.bits() >> 16].map(u32::to_le_bytes);
            let greeting = [
                &b"\x0a8.0.36\0\x2a\0\0\0abcdefgh\0"[..],
                &low[..2],
                &[45, 2, 0],
                &high[..2],
                &[21],
                &[0; 10],
                b"ijklmnopqrst\0mysql_native_password\0",
            ];
            self.send(0, &[&greeting.concat()]);
            self.receive();
            self.send(2, &[OK]);
            while let Some(command) = self.receive() {
                let (columns, end) = (self.columns(), self.end());
                let columns: Vec<&[u8]> = columns.iter().map(Vec::as_slice).collect();
                let last = self.last.clone().unwrap_or_else(|| end.clone());
                match command {
                    0x03 => self.send(1, &[&[&[1][..]][..], &columns, &[b"\x0242", &end]].concat()),
                    0x0E => self.send(1, &[OK]),
                    0x16 => self.send(1, &[&[&[0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..]][..], &columns].concat()),
                    0x17 => {
                        let rows: [&[u8]; 2] = [&[0, 0, 7, 0, 0, 0], &[0, 4]];
                        self.send(1, &[&[&[1][..]][..], &columns, &rows, &[&last]].concat());
                    }
                    0x01 => return,
                    _ => {}
                }
            }
        }
    }

    fn server(capabilities: CapabilityFlags, last: Option<Vec<u8>>) -> (Address, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(vec![listener.local_addr().unwrap()]);
        let serve = move || Scripted { stream: listener.accept().unwrap().0, capabilities, last }.serve();
        (address, thread::spawn(serve))
    }

    async fn open(address: &Address, tls: Option<&Arc<ClientConfig>>) -> Result<RawConnection, Refusal> {
        let (needs_tls, keepalive) = (true, Duration::from_secs(30));
        RawConnection::open(Request {
            address,
            host: "localhost",
            tls,
            needs_tls,
            user: Some("me"),
            password: "secret",
            database: None,
            program: "test",
            keepalive,
            longest_packet: 1 << 30,
        })
        .await
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn both_forms_of_results_are_read() {
        for capabilities in [OLD, NEW] {
            run(async {
                let (address, served) = server(capabilities, None);
                let mut connection = open(&address, None).await.unwrap();
                assert_eq!(connection.id(), 42);
                assert_eq!(connection.query("SELECT 42").await.unwrap(), [[Some("42".to_owned())]]);
                connection.ping().await.unwrap();
                connection.start("SELECT n FROM t").await.unwrap();
                assert_eq!(connection.columns()[0].name_str(), "n");
                let first = connection.next_row().await.unwrap().unwrap();
                assert_eq!((first.cell(0).unwrap(), first.wire_bytes()), (Cell::Int(7), 10));
                let second = connection.next_row().await.unwrap().unwrap();
                assert_eq!((second.cell(0).unwrap(), second.wire_bytes()), (Cell::Null, 6));
                assert!(connection.next_row().await.unwrap().is_none());
                assert_eq!(connection.warnings, 3);
                connection.close_statement().await.unwrap();
                connection.quit().await.unwrap();
                served.join().unwrap();
            });
        }
    }

    #[test]
    fn an_error_in_the_midst_of_rows_is_the_server_s_own() {
        run(async {
            let last = b"\xff\xd0\x0b#HY000maximum statement execution time exceeded".to_vec();
            let (address, _served) = server(NEW, Some(last));
            let mut connection = open(&address, None).await.unwrap();
            connection.start("SELECT n FROM t").await.unwrap();
            for _ in 0..2 {
                connection.next_row().await.unwrap().unwrap();
            }
            match connection.next_row().await.unwrap_err() {
                Error::Server(error) => assert_eq!((error.code, error.state.as_str()), (3_024, "HY000")),
                other => panic!("{other}"),
            }
            // The connection lives on.
            connection.ping().await.unwrap();
        });
    }

    #[test]
    fn a_packet_that_is_no_row_is_unreadable() {
        run(async {
            let (address, _served) = server(NEW, Some(vec![7, 7, 7]));
            let mut connection = open(&address, None).await.unwrap();
            connection.start("SELECT n FROM t").await.unwrap();
            for _ in 0..2 {
                connection.next_row().await.unwrap().unwrap();
            }
            assert!(matches!(connection.next_row().await, Err(Error::Io(_))));
        });
    }

    #[test]
    fn tls_that_is_required_is_never_left_out() {
        run(async {
            let (address, _served) = server(NEW, None);
            let settings = rivet_model::TlsSettings { mode: rivet_model::TlsMode::Require, ca_file: None };
            let tls = crate::tls::Tls::new(&settings).unwrap().unwrap();
            let refused = open(&address, Some(&tls.config)).await.unwrap_err();
            let expected = DriverError::NoClientSslFlagFromServer.to_string();
            assert!(matches!(refused, Refusal::Error(error) if error.to_string().contains(&expected)));
        });
    }

    #[test]
    fn a_server_of_another_kind_is_left_to_the_library() {
        run(async {
            let (address, _served) = server(CapabilityFlags::CLIENT_PROTOCOL_41, None);
            assert!(matches!(open(&address, None).await, Err(Refusal::Unspoken)));
        });
    }
}
