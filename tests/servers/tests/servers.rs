//! The servers do what the tests that stand on them take for granted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use servers::{PgBouncer, PoolMode, Postgres, Redis, Relay};

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_postgresql_keeps_its_data_over_a_stop_and_a_kill() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    postgres.sql(&url, "create table t (n int); insert into t values (1)");
    postgres.restart();
    postgres.sql(&url, "insert into t values (2)");
    postgres.kill();
    postgres.restart();
    assert_eq!(postgres.sql(&url, "select n from t order by n"), "1\n2\n");
    assert_eq!(postgres.sql(&postgres.url(), "select count(*) from pg_tables where tablename = 't'"), "0\n");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_paused_postgresql_answers_when_it_goes_on() {
    let postgres = Postgres::start();
    let url = postgres.url();
    postgres.pause();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| postgres.sql(&url, "select 1"));
        assert!(!asked.is_finished());
        postgres.resume();
        assert_eq!(asked.join().expect("an answer"), "1\n");
    });
}

#[test]
#[ignore = "needs PostgreSQL: tests/run runs it"]
fn a_standby_copies_what_is_written_and_writes_when_it_is_promoted() {
    let primary = Postgres::start();
    let url = primary.database();
    let standby = primary.standby();
    primary.sql(&url, "create table t (n int); insert into t values (1)");
    assert_eq!(standby.sql(&url, "show transaction_read_only"), "on\n");
    standby.promote(&primary);
    standby.sql(&url, "insert into t values (2)");
    assert_eq!(standby.sql(&url, "select count(*) from t"), "2\n");
    assert_eq!(primary.sql(&url, "select count(*) from t"), "1\n");
}

#[test]
#[ignore = "needs PostgreSQL and PgBouncer: tests/run runs it"]
fn a_pgbouncer_and_a_relay_lead_to_a_postgresql() {
    let postgres = Postgres::start();
    let url = postgres.database();
    for mode in [PoolMode::Session, PoolMode::Transaction] {
        let pgbouncer = PgBouncer::start(&postgres, mode, 2);
        assert!(pgbouncer.url(&url).ends_with(url.rsplit('/').next().expect("a database")));
        let port = pgbouncer.url(&url).split([':', '/']).nth(4).expect("a port").parse().expect("a number");
        let relay = Relay::start(port);
        for port in [port, relay.port()] {
            TcpStream::connect(("127.0.0.1", port)).expect("a listener");
        }
    }
}

#[test]
#[ignore = "needs Redis: tests/run runs it"]
fn a_redis_pauses_stops_and_comes_back_empty() {
    let mut redis = Redis::start();
    let address = redis.url().trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let ask = |command: &str| -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        stream.write_all(command.as_bytes())?;
        let mut answer = [0; 64];
        let read = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
    };
    assert_eq!(ask("SET k v\r\n").expect("an answer"), "+OK\r\n");
    redis.pause();
    assert!(ask("GET k\r\n").is_err());
    redis.resume();
    assert_eq!(ask("GET k\r\n").expect("an answer"), "$1\r\nv\r\n");
    redis.stop();
    assert!(ask("GET k\r\n").is_err());
    redis.restart();
    assert_eq!(ask("GET k\r\n").expect("an answer"), "$-1\r\n");
}
