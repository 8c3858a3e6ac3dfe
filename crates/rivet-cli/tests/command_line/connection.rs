use std::net::TcpListener;

use insta::{assert_snapshot, with_settings};
use rivet_testing::Stop;

use crate::{config, project};

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

#[test]
fn a_server_that_is_not_there_may_be_there_later() {
    let port = free_port();
    let project = project(&config("127.0.0.1", port));
    let finished = project.command(&["run", "-e", "orders"]).run();
    finished.assert_code(5).assert_silent_about("swordfish");
    with_settings!({filters => vec![(port.to_string().as_str(), "[port]")]}, {
        assert_snapshot!(finished.stderr, @"
        rivet::source::connect

          × no connection to reader@127.0.0.1:[port]/shop: Connection refused (os error 111)
          help: Check host and port in `source`, that the server runs, and that no firewall is in between.
        ");
    });
    assert!(project.all_files("out").is_empty());
}

#[test]
fn a_host_that_does_not_exist_needs_a_person() {
    let project = project(&config("no-such-host.invalid", 5432));
    let finished = project.command(&["run", "-e", "orders", "--json-errors"]).run();
    finished.assert_code(1).assert_silent_about("swordfish");
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    for text in [r#""code":"rivet::source::unknown_host""#, r#""retry":"never""#, r#""exit_code":1"#] {
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
    }
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_silent_server() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let project = project(&config("127.0.0.1", silent.local_addr().unwrap().port()));
    for how in [Stop::Interrupt, Stop::Terminate] {
        let mut running = project.command(&["run", "-e", "orders"]).spawn();
        let connection = silent.accept().unwrap();
        running.stop(how);
        let finished = running.wait();
        finished.assert_code(130);
        assert!(finished.stderr.contains("stopping: "), "{}", finished.stderr);
        assert!(finished.stderr.contains("un the same command again"), "{}", finished.stderr);
        drop(connection);
    }
}
