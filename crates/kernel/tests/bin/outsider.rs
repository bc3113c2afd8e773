//! Stands outside: knocks at a server from another namespace, or holds a ban
//! until it is killed.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use block::bans::Net;
use kernel::{Change, Enforcer};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::process::exit;
use std::time::Duration;
use vocab::Millis;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["knock", address, limit] => knock(address, Duration::from_millis(limit.parse().unwrap())),
        ["hold", port, tag, net] => hold(port.parse().unwrap(), tag, Net::V4(net.parse().unwrap())),
        _ => exit(64),
    }
}

/// 0 when somebody answers, 1 when nobody does in time, 2 for anything else.
fn knock(address: &str, limit: Duration) {
    let answer = TcpStream::connect_timeout(&address.parse().unwrap(), limit).and_then(|mut stream| {
        stream.set_read_timeout(Some(limit))?;
        stream.read_exact(&mut [0; 2])
    });
    match answer {
        Ok(()) => exit(0),
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => exit(1),
        Err(error) => {
            eprintln!("{address}: {error}");
            exit(2)
        }
    }
}

fn hold(port: u16, tag: &str, net: Net) {
    let enforcer = Enforcer::start(port, tag).unwrap_or_else(|why| {
        eprintln!("{why}");
        exit(1)
    });
    enforcer.change(Change::Ban { net, lasts: Millis::minutes(5) });
    assert!(enforcer.settled(Duration::from_secs(5)));
    println!("held");
    std::thread::park();
}
