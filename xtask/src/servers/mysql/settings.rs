use std::fmt::Write as _;
use std::path::Path;

/// What a test server is told, whatever brings it up: it loses nothing in a crash of the machine, is small, and is
/// elsewhere than its clients, since a client that relies on the server's time zone must not pass.
///
/// A setting that begins with `loose_` is left alone by a server that does not know it.
const COMMON: &str = "[mysqld]
character_set_server = utf8mb4
default_time_zone = '+05:30'
innodb_buffer_pool_size = 128M
innodb_doublewrite = OFF
innodb_flush_log_at_trx_commit = 0
innodb_flush_method = nosync
local_infile = ON
loose_innodb_redo_log_capacity = 64M
loose_mysqlx = OFF
max_allowed_packet = 64M
max_connections = 100
skip_log_bin
skip_name_resolve
";

/// Where the parts of a server's certificate are, as the server sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tls<'a> {
    pub(super) ca: &'a Path,
    pub(super) chain: &'a Path,
    pub(super) key: &'a Path,
}

/// Where a local server lives, as it sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Holds the data, the socket and the first statements.
    pub(super) folder: &'a Path,
    pub(super) port: u16,
}

/// Returns the text of the server's option file.
pub(super) fn options(place: Option<Place<'_>>, tls: Option<Tls<'_>>) -> String {
    let mut text = COMMON.to_owned();
    // Writing into a string can't fail; `write!` says so by a result that is left alone.
    if let Some(Tls { ca, chain, key }) = tls {
        let (ca, chain, key) = (ca.display(), chain.display(), key.display());
        let _infallible = write!(text, "ssl_ca = {ca}\nssl_cert = {chain}\nssl_key = {key}\n");
    }
    if let Some(Place { folder, port }) = place {
        let folder = folder.display();
        let _infallible = write!(
            text,
            "bind_address = 127.0.0.1\nport = {port}\ndatadir = {folder}/data\nsocket = {folder}/mysqld.sock\n\
             pid_file = {folder}/mysqld.pid\ninit_file = {folder}/{FIRST}\n"
        );
    }
    text
}

/// Returns the text of the option file that servers share which tests start: what differs between them, they are told
/// when they start. The folder is that of the first statements.
pub(super) fn shared_options(folder: &Path, tls: Option<Tls<'_>>) -> String {
    let first = folder.join(FIRST);
    format!("{}bind_address = 127.0.0.1\ninit_file = {}\n", options(None, tls), first.display())
}

/// The name of the file with the statements of [`administrator`], which a server runs when it starts.
pub(super) const FIRST: &str = "first.sql";

/// Returns the statements that make the administrator where there is none yet, who has the server's own kind of password: that is
/// `caching_sha2_password` from MySQL 8 on, and `mysql_native_password` before it and in MariaDB.
pub(super) fn administrator(password: &str) -> String {
    let user = format!("rivet@'%' IDENTIFIED BY '{password}'");
    format!("CREATE USER IF NOT EXISTS {user};\nGRANT ALL ON *.* TO rivet@'%' WITH GRANT OPTION;\n")
}

/// Returns the administrator's address.
pub(super) fn url(password: &str, host: &str, port: &str) -> String {
    format!("mysql://rivet:{password}@{host}:{port}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_server_is_told_its_place_and_its_certificate() {
        let text = |name| Path::new("/run/x").join(name);
        let (ca, chain, key) = (text("ca.crt"), text("server.crt"), text("server.key"));
        let tls = Tls { ca: &ca, chain: &chain, key: &key };
        let all = options(Some(Place { folder: Path::new("/run/x"), port: 4000 }), Some(tls));
        assert!(all.starts_with(COMMON));
        for line in
            ["ssl_key = /run/x/server.key", "port = 4000", "datadir = /run/x/data", "init_file = /run/x/first.sql"]
        {
            assert!(all.lines().any(|written| written == line), "{line} is missing in {all}");
        }
        assert_eq!(options(None, None), COMMON);
    }

    #[test]
    fn the_address_is_a_url() {
        assert_eq!(url("secret", "127.0.0.1", "3307"), "mysql://rivet:secret@127.0.0.1:3307/");
    }
}
