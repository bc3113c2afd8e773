//! A planet on machines apart: the CA's office, hosts and gateways, each in a
//! directory of its own and with nothing between them but the network.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/pair.rs"]
mod pair;
#[path = "support/process.rs"]
mod process;

use pair::{PAIR, put, seated};
use process::{Folder, Up};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const MYCEL: &str = env!("CARGO_BIN_EXE_mycel");

/// With two gateways in the first region.
fn two() -> String {
    PAIR.replace("site = [38.95, -77.45]\n", "site = [38.95, -77.45]\nreplicas = { min = 1, max = 2 }\n")
}

fn mycel(args: &[&str]) -> Output {
    Command::new(MYCEL).args(args).output().unwrap()
}

fn good(args: &[&str]) -> String {
    let out = mycel(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The CA's office as a process.
struct Office(Child, String);

impl Office {
    fn start(file: &Path, data: &Path, listen: &str) -> Self {
        let mut command = Command::new(MYCEL);
        command.args(["trust", "office"]).arg(file).arg("--data").arg(data).args(["--listen", listen, "--json"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while lines.read_line(&mut told).unwrap() > 0 && !told.ends_with("}\n") {}
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        Self(child, told["at"].as_str().unwrap().to_owned())
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        // It has perhaps ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A planet whose parts are in folders of their own, as on machines of their own.
struct Apart {
    folder: Folder,
    file: PathBuf,
    office: Office,
    hosts: Vec<Up>,
}

/// A folder as it is carried to another machine.
fn carry(from: &Path, to: &Path) {
    let copied = Command::new("cp").args(["-a"]).args([from, to]).status().unwrap();
    assert!(copied.success());
}

impl Apart {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let (file, data) = (folder.planet(&two()), folder.0.join("planet"));
        good(&["trust", "init", file.to_str().unwrap(), "--apart", "--data", data.to_str().unwrap()]);
        let office = Office::start(&file, &data, "127.0.0.1:0");
        for (from, to) in [("regions/ashburn", "ashburn"), ("regions/dublin", "dublin"), ("gateways/ashburn", "front")]
        {
            carry(&data.join(from), &folder.0.join(to));
        }
        // The CA has no use for secrets of others: it knows the keys by their public halves.
        for (keys, name) in [("gateways/ashburn/keys", "gateway-0"), ("regions/dublin/keys", "node")] {
            let keys = data.join(keys);
            let public = custody::folder::public(&keys, name).unwrap();
            custody::folder::write_public(&keys, name, public).unwrap();
            fs::remove_file(keys.join(format!("{name}.key"))).unwrap();
        }
        let begin = |region: &str| {
            let more = ["--only", region, "--node-listen", "127.0.0.1:0", "--office", &office.1, "--no-kernel-bans"];
            Up::begun_in(&file, &folder.0.join(region), &more, &[])
        };
        let hosts = vec![begin("ashburn"), begin("dublin")];
        Self { folder, file, office, hosts }
    }

    fn front(&self, data: &str, number: &str) -> Up {
        let at = |region: usize| {
            let at = self.hosts[region].told["nodes"][0].as_str().unwrap();
            at.replace("127.0.0.1", "localhost")
        };
        let hosts = [format!("ashburn={}", at(0)), format!("dublin={}", at(1))];
        let more = [
            "--gateway",
            "ashburn",
            "--number",
            number,
            "--host",
            &hosts[0],
            "--host",
            &hosts[1],
            "--office",
            &self.office.1,
            "--no-kernel-bans",
        ];
        Up::begun_in(&self.file, &self.folder.0.join(data), &more, &[])
    }

    fn data(&self) -> PathBuf {
        self.folder.0.join("planet")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_alone_reaches_hosts_by_name_and_its_key_is_rotated_under_load() {
    let apart = Apart::start("apart");
    let front = apart.front("front", "0");
    let (one, two) = (seated(&front, 1, "ashburn").await, seated(&front, 2, "dublin").await);
    one.op(put("a")).await.unwrap();
    two.op(put("b")).await.unwrap();

    let keys = apart.folder.0.join("front/keys");
    let before = fs::read_to_string(keys.join("gateway-0.key")).unwrap();
    let data = apart.folder.0.join("front");
    let rotates = std::thread::spawn(move || {
        good(&["trust", "rotate", "--gateway", "--patience", "60s", "--data", data.to_str().unwrap()])
    });
    let (begun, mut done) = (Instant::now(), 0_u64);
    while !rotates.is_finished() || begun.elapsed() < Duration::from_secs(1) {
        assert!(begun.elapsed() < Duration::from_secs(90));
        one.op(put("value")).await.unwrap();
        two.op(put("value")).await.unwrap();
        done += 2;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    rotates.join().unwrap();
    assert!(done > 100, "{done}");
    assert_ne!(fs::read_to_string(keys.join("gateway-0.key")).unwrap(), before);
    // Hosts believe the next key on connections that are new.
    let later = seated(&front, 3, "dublin").await;
    later.op(put("c")).await.unwrap();
    let line = |folder: &str, name: &str| fs::read_to_string(apart.folder.0.join(folder).join(name)).unwrap();
    let said = line("front/keys", "gateway-0.line");
    for folder in ["planet/gateways/ashburn/keys/gateway-0.line", "planet/regions/dublin/keys/gateway-ashburn-0.line"] {
        assert_eq!(line("", folder), said);
    }
    front.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_office_a_planet_goes_on_and_what_is_revoked_there_is_refused_everywhere() {
    let apart = Apart::start("apart-revoked");
    let front = apart.front("front", "0");
    carry(&apart.data().join("gateways/ashburn"), &apart.folder.0.join("other"));
    let other = apart.front("other", "1");
    let (agent, beside) = (seated(&front, 1, "ashburn").await, seated(&other, 2, "dublin").await);
    agent.op(put("a")).await.unwrap();
    beside.op(put("a")).await.unwrap();

    let Apart { folder, file, office, hosts } = apart;
    let at = office.1.clone();
    drop(office);
    agent.op(put("b")).await.unwrap();
    let _office = Office::start(&file, &folder.0.join("planet"), &at);
    let key = custody::folder::public(&folder.0.join("front/keys"), "gateway-0").unwrap().to_string();
    let data = folder.0.join("planet");
    good(&["trust", "revoke", &key, "--reason", "a stolen disk", "--data", data.to_str().unwrap()]);
    let begun = Instant::now();
    while agent.op(put("c")).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(30), "a gateway that is revoked goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The other one is another gateway.
    beside.op(put("c")).await.unwrap();
    drop((front, other, hosts));
}

#[test]
fn mistakes_are_told_with_what_to_try() {
    let folder = Folder::new("apart-wrong");
    let file = folder.planet(&two());
    let (file, data) = (file.to_str().unwrap(), folder.0.join("nothing"));
    let data = data.to_str().unwrap();
    let says = |more: &[&str], what: &str| {
        let out = mycel(&[&["up", file, "--data", data], more].concat());
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success() && said.contains(what), "{more:?}: {said}");
    };
    let one = "ashburn=localhost:7118";
    says(&["--gateway", "ashburn", "--host", one], "mycel trust init --apart");
    says(&["--gateway", "three", "--host", one], "there is no region `three`");
    says(&["--gateway", "ashburn", "--host", "four=localhost:1"], "there is no region `four`");
    says(&["--gateway", "ashburn", "--host", one, "--host", one], "two hosts are named for region ashburn");
    says(&["--gateway", "ashburn"], "--host");
    says(&["--gateway", "ashburn", "--host", "ashburn"], "REGION=HOST:PORT");
    says(&["--gateway", "ashburn", "--host", "ashburn=a b:1"], "a name, an IPv4 address");
    says(&["--gateway", "ashburn", "--host", "ashburn=a:0"], "from 1 to 65535");
    says(&["--only", "ashburn", "--office", "localhost:1"], "nothing here shows one");
    let out = mycel(&["trust", "office", file, "--data", data]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && said.contains("has no CA") && said.contains("--data"), "{said}");
    assert!(!Path::new(data).exists(), "a mistake has made a directory");
}
