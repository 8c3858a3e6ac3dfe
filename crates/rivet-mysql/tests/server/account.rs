//! Who may connect, and how.

use rivet_model::{ConnectionSettings, TlsMode, TlsSettings};
use rivet_mysql::MysqlFactory;
use rivet_source::{ServerInfo, SourceError, SourceErrorKind, SourceFactory as _};
use rivet_testing::Family;

use crate::harness::{Server, request, run, settings, table};

async fn connect(settings: &ConnectionSettings) -> Result<ServerInfo, SourceError> {
    MysqlFactory.open(settings).unwrap().server().await
}

/// A user of the test's own, who is gone when the test ends.
async fn user(server: &Server, identified: &str) -> String {
    let name = server.database().name().replace("rivet_test_", "u");
    server.execute(&format!("CREATE USER '{name}'@'%' {identified}")).await;
    name
}

fn users_come_in_by_their_passwords(family: Family) {
    run(async {
        let server = Server::with(family, "CREATE TABLE t (id int PRIMARY KEY)").await;
        let plugins = family.choose(
            &["IDENTIFIED WITH caching_sha2_password BY 'p%40ss'"][..],
            &["IDENTIFIED VIA mysql_native_password USING PASSWORD('p%40ss')"][..],
        );
        for plugin in plugins {
            let name = user(&server, plugin).await;
            let as_user = |password: &str| ConnectionSettings {
                user: Some(name.clone()),
                password: Some(password.to_owned().into()),
                database: None,
                ..settings(&server.url)
            };
            let info = connect(&as_user("p%40ss")).await.unwrap();
            assert_eq!((info.role, info.database), (format!("{name}@%"), String::new()));
            let wrong = connect(&as_user("other")).await.unwrap_err();
            assert_eq!(wrong.kind(), SourceErrorKind::Authentication, "{wrong}");
            assert_eq!(wrong.sqlstate(), Some("1045"));
            assert!(!format!("{wrong:?}").contains("other"), "{wrong:?}");
            // Who may come in may not read everything.
            let source = MysqlFactory.open(&as_user("p%40ss")).unwrap();
            let name_of_table = format!("{}.t", server.database().name());
            let error = source.describe(&request(table(&name_of_table))).await.unwrap_err();
            assert_eq!(error.kind(), SourceErrorKind::Permission, "{error}");
            server.execute(&format!("GRANT SELECT ON {name_of_table} TO '{name}'@'%'")).await;
            assert_eq!(source.describe(&request(table(&name_of_table))).await.unwrap().spec.columns.len(), 1);
            server.execute(&format!("DROP USER '{name}'@'%'")).await;
        }
    });
}

fn a_missing_database_is_not_found(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let settings = ConnectionSettings { database: Some("nowhere".to_owned()), ..settings(&server.url) };
        let error = connect(&settings).await.unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::NotFound, "{error}");
    });
}

fn tls_is_preferred_and_required(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let offers = server.query("SHOW VARIABLES LIKE 'have_ssl'").await;
        // Servers without the variable can do nothing else.
        let offers = offers.first().is_none_or(|row| row[1].as_deref() == Some("YES"));
        let with = |mode| ConnectionSettings { tls: TlsSettings { mode, ca_file: None }, ..settings(&server.url) };
        connect(&with(TlsMode::Prefer)).await.unwrap();
        match connect(&with(TlsMode::Require)).await {
            Ok(_) => assert!(offers),
            Err(error) => assert_eq!((error.kind(), offers), (SourceErrorKind::Tls, false), "{error}"),
        }
        // Its authority is none that the machine knows.
        for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
            assert_eq!(connect(&with(mode)).await.unwrap_err().kind(), SourceErrorKind::Tls, "{mode:?}");
        }
    });
}

fn certificates_are_checked_as_far_as_asked(family: Family) {
    run(async {
        let server = Server::start(family).await;
        let ca_file = Some(family.certificate_authority());
        let trusting =
            |ca_file, url: &str, mode| ConnectionSettings { tls: TlsSettings { mode, ca_file }, ..settings(url) };
        let by = |url: &str, mode| trusting(ca_file.clone(), url, mode);
        let named = server.database().tls_url();
        connect(&by(&named, TlsMode::VerifyFull)).await.unwrap();
        connect(&by(&named, TlsMode::VerifyCa)).await.unwrap();
        connect(&by(&server.url, TlsMode::VerifyCa)).await.unwrap();
        // None of the authorities that everybody trusts has signed it.
        for mode in [TlsMode::VerifyFull, TlsMode::VerifyCa] {
            let stranger = connect(&trusting(None, &named, mode)).await.unwrap_err();
            assert_eq!(stranger.kind(), SourceErrorKind::Tls, "{stranger}");
        }
    });
}

rivet_testing::on_both_families!(
    users_come_in_by_their_passwords,
    a_missing_database_is_not_found,
    tls_is_preferred_and_required,
    certificates_are_checked_as_far_as_asked,
);
