//! A world of network namespaces for one test, which goes when its first process
//! does: whatever fails or is killed, nothing is left behind.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods, dead_code)]

use crate::tool::said;
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};

const BEGINS: [&str; 6] = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// How long a test may take, in seconds: several times what the longest does.
const LIMIT: &str = "120";

fn world() -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", LIMIT, "unshare"]).args(BEGINS);
    if said(Command::new("id").arg("-u")).1.trim() != "0" {
        command.arg("--map-root-user");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// Runs a test in a world of its own; says so when there can be none.
pub(crate) fn in_a_world(test: &str, scene: impl FnOnce()) {
    if std::env::var_os("MYCEL_WORLD").is_some() {
        let (good, text) = said(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]));
        assert!(good, "{text}");
        return scene();
    }
    let possible = "mount -t tmpfs tmpfs /run && nft list tables && ip netns add a";
    let (good, why) = said(world().args(["sh", "-c", possible]));
    if !good {
        // Whoever says where nft is has tried the same.
        assert!(std::env::var_os("MYCEL_NFT").is_none(), "no namespaces: {why}");
        assert!(
            std::env::var_os("MYCEL_ALLOW_MISSING").is_some(),
            "run `cargo xtask test`, which installs nft, or set MYCEL_ALLOW_MISSING; there is no world to test in: {why}"
        );
        eprintln!("SKIPPED: no network namespaces with nft here: {why}");
        return;
    }
    let mut again = world();
    again.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env("MYCEL_WORLD", "1");
    let (good, text) = said(&mut again);
    assert!(good, "in its world: {text}");
}

/// Has `ip` do what these lines say.
pub(crate) fn ip(inside: &str, lines: &str) {
    let mut command = Command::new("ip");
    if !inside.is_empty() {
        command.args(["-n", inside]);
    }
    let mut child = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{lines}");
}

/// A namespace, with a cable from this one: `own` is our address at it, `its` its
/// own, and what it does not know goes to us.
pub(crate) fn neighbour(name: &str, own: &str, its: &[&str]) {
    let (good, text) = said(Command::new("ip").args(["netns", "add", name]));
    assert!(good, "{text}");
    ip(
        "",
        &format!(
            "link add {name} type veth peer name eth0 netns {name}\naddr add {own} dev {name}\nlink set {name} up\n"
        ),
    );
    let addresses: String = its.iter().map(|address| format!("addr add {address} dev eth0\n")).collect();
    let gateway = own.split('/').next().unwrap();
    ip(name, &format!("{addresses}link set eth0 up\nlink set lo up\nroute add default via {gateway}\n"));
}

/// A command in a namespace.
pub(crate) fn inside(name: &str, program: &std::path::Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", name]).arg(program);
    command
}

/// Does something whose sockets are in a namespace.
pub(crate) fn there<T: Send>(name: &str, what: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = File::open(format!("/run/netns/{name}")).unwrap();
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            what()
        });
        thread.join().unwrap()
    })
}
