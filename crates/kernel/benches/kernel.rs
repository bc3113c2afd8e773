//! What it costs to tell the kernel, beside what nft costs in any case.
//!
//! In a network of its own, so that the machine's tables are not touched. CPU
//! time is that of nft, which is where all of it goes.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::float_arithmetic)]

use block::bans::Net;
use kernel::{Change, Enforcer, MAX_BANS};
use std::fmt::Write as _;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;
use vocab::Millis;

const LIMIT: Duration = Duration::from_secs(60);
const LASTS: Millis = Millis::hours(1);

fn main() {
    if std::env::var_os("MYCEL_WORLD").is_none() {
        let possible = Command::new("unshare").args(["--net", "nft", "list", "tables"]).output();
        if !possible.is_ok_and(|output| output.status.success()) {
            println!("bans in the kernel: not measured, for want of nft or of the right to a network of our own");
            return;
        }
        let this = std::env::current_exe().unwrap();
        let again = Command::new("unshare").arg("--net").arg(this).env("MYCEL_WORLD", "1").status();
        return assert!(again.unwrap().success());
    }
    let enforcer = Enforcer::start(8_080, "bench").unwrap();
    measure::title();
    let most = u32::try_from(MAX_BANS).unwrap();
    let everything = measure::child(1, || {
        (0..most).for_each(|number| ban(&enforcer, number));
        assert!(enforcer.settled(LIMIT));
    });
    let empty = measure::child(20, || nft("add table inet bare\n"));
    let mut number = 0;
    let one = measure::child(20, || {
        number = (number + 7_919) % most;
        ban(&enforcer, number);
        assert!(enforcer.settled(LIMIT));
    });
    measure::share("one ban more, beside 65,536", 0.5, one, ("an empty transaction", empty));
    drop(enforcer);
    let bare = everything_bare(most);
    let bare = measure::child(1, || nft(&bare));
    measure::share("65,536 bans at once", 0.8, everything, ("as one bare interval set", bare));
}

fn address(number: u32) -> Ipv4Addr {
    // Every other one, so that no two are one interval.
    Ipv4Addr::from(u32::from_be_bytes([10, 0, 0, 0]) + 2 * number)
}

fn ban(enforcer: &Enforcer, number: u32) {
    enforcer.change(Change::Ban { net: Net::of_source(address(number).into()), lasts: LASTS });
}

fn everything_bare(most: u32) -> String {
    let mut text = "add table inet bare\ndelete table inet bare\nadd table inet bare\n\
                    add set inet bare every { type ipv4_addr; flags interval,timeout; }\n\
                    add element inet bare every { "
        .to_owned();
    for number in 0..most {
        write!(text, "{} timeout 1h, ", address(number)).unwrap();
    }
    text + "}\n"
}

fn nft(script: &str) {
    let mut child = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
