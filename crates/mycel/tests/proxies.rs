//! HAProxy, nginx and rules for VLANs, by the word of the programs that read them,
//! and in use: an agent, a proxy and a host, each in a network of its own.
//!
//! What is rendered runs as it is: names are resolved, ports are those of the
//! planet. Only folders are others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)]

#[path = "support/front.rs"]
mod front;
#[path = "support/process.rs"]
mod process;
#[path = "support/run.rs"]
mod run;
#[path = "support/stream.rs"]
mod stream;
#[path = "support/tool.rs"]
mod tool;
#[path = "support/world.rs"]
mod world;

use client::{Body, Client, Place};
use front::{
    AGENT, HOST, OTHER, PROXY, Running, agent, as_agents, host, lay_out, lines, log, options, proxy, until, url,
};
use process::{Folder, key, operator};
use run::code;
use serde_json::Value;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stream::Stream;
use tool::{PLANETS, said, tool};
use world::{in_a_world, inside, there};

/// A region that the Internet reaches, with a zone.
const FRONTED: &str = r#"
[planet]
name = "fronted"
blocks = 4
[block]
op_rate = "1000000/s"
[[region]]
id = "one"
name = "One \"of\" {{ many }}"
site = [38.95, -77.45]
jurisdictions = ["US"]
zones = ["a"]
vpc = "10.9.0.0/16"
[gateway]
address_rate = "240/min"
[limits]
connections = "40/s"
open_connections = 1_000
[enrol]
how = "open"
quota = "1000000/s"
[network]
subnet = [
  { zone = "a", tier = "public", net = "10.9.1.0/24", public = true },
  { zone = "a", tier = "private", net = "10.9.2.0/24" },
]
flow = [
  { from = "internet", to = "public", ports = [443] },
  { from = "public", to = "private", ports = [8443] },
]
[network.dns]
zone = "fronted.example"
"#;

/// Renders a planet; the folder.
fn rendered(file: &Path, out: &Path) -> PathBuf {
    let targets = ["--target", "haproxy,nginx,vlan"];
    let words = [&["render", file.to_str().unwrap(), "--out", out.to_str().unwrap()], &targets[..]].concat();
    assert_eq!(code(&words), 0);
    out.to_owned()
}

/// Certificates in a folder, and what loads nginx's modules.
fn beside(folder: &Path) {
    let names = ["agents.fronted.example", "open.fronted.example", "203.0.113.1"].map(str::to_owned);
    let signed = rcgen::generate_simple_self_signed(names.to_vec()).unwrap();
    fs::write(folder.join("open.crt"), signed.cert.pem()).unwrap();
    fs::write(folder.join("open.key"), signed.signing_key.serialize_pem()).unwrap();
    fs::create_dir_all(folder.join("modules")).unwrap();
    if let Some(module) = std::env::var_os("MYCEL_NGINX_STREAM") {
        fs::write(folder.join("modules/stream.conf"), format!("load_module {};\n", module.to_str().unwrap())).unwrap();
    }
}

/// What was rendered, with the folders of this machine.
fn here(file: &Path, folder: &Path) -> PathBuf {
    let own = folder.to_str().unwrap();
    let mut text = fs::read_to_string(file).unwrap();
    for (theirs, ours) in [
        ("/etc/mycel/tls", own.to_owned()),
        ("/etc/ssl/certs/ca-certificates.crt", format!("{own}/open.crt")),
        ("/etc/nginx/modules-enabled", format!("{own}/modules")),
        ("/run/mycel", own.to_owned()),
        ("/var/cache/mycel", format!("{own}/cache")),
    ] {
        text = text.replace(theirs, &ours);
    }
    fs::create_dir_all(folder.join("cache")).unwrap();
    let own = folder.join(file.file_name().unwrap());
    fs::write(&own, text).unwrap();
    own
}

/// By the program's own document: each path is one of its, for whoever has shown nothing.
#[test]
fn what_is_open_needs_nothing() {
    let folder = Folder::new("proxies-open");
    let out = rendered(&folder.planet(FRONTED), &folder.0.join("out"));
    let haproxy = fs::read_to_string(out.join("haproxy/one/haproxy.cfg")).unwrap();
    let nginx = fs::read_to_string(out.join("nginx/one/nginx.conf")).unwrap();
    let document = fs::read_to_string(run::folder("../node/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let open: Vec<&str> =
        haproxy.split("acl open path /").nth(1).unwrap().lines().next().unwrap().split(" /").collect();
    assert_eq!(open.len(), nginx.matches("location = /").count());
    for path in open.iter().map(|path| format!("/{path}")).chain(["/v1/audit/tile/{tile}".to_owned()]) {
        let endpoint = &document["paths"][&path]["get"];
        assert_eq!(endpoint["x-mycel-needs"], "none", "{path}");
        assert!(path.contains('{') || nginx.contains(&format!("location = {path} {{")), "{path}");
    }
}

/// Tools, or none of them.
fn tools() -> Option<(PathBuf, PathBuf)> {
    Some((tool("MYCEL_HAPROXY", "haproxy")?, tool("MYCEL_NGINX", "nginx")?))
}

fn checked(haproxy: &Path, file: &Path) -> (bool, String) {
    said(Command::new(haproxy).args(["-c", "-f"]).arg(file))
}

fn tested(nginx: &Path, file: &Path) -> (bool, String) {
    said(Command::new(nginx).args(["-t", "-e", "stderr", "-c"]).arg(file))
}

#[test]
fn haproxy_and_nginx_take_every_file() {
    let Some((haproxy, nginx)) = tools() else { return };
    let folder = Folder::new("proxies-taken");
    beside(&folder.0);
    let mut seen = 0;
    let planets = PLANETS.map(|name| run::folder("../../planets").join(format!("{name}.toml")));
    for file in planets.iter().chain([&folder.planet(FRONTED)]) {
        let out = rendered(file, &folder.0.join("out").join(file.file_stem().unwrap()));
        for region in fs::read_dir(out.join("haproxy")).unwrap() {
            let region = region.unwrap().file_name();
            let own = here(&out.join("haproxy").join(&region).join("haproxy.cfg"), &folder.0);
            let (good, text) = checked(&haproxy, &own);
            assert!(good && !text.contains("WARNING"), "{}: {text}", file.display());
            let own = here(&out.join("nginx").join(&region).join("nginx.conf"), &folder.0);
            let (good, text) = tested(&nginx, &own);
            assert!(good && !text.contains("[warn]"), "{}: {text}", file.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 25 + 1);
    // What they would find: a word that is none.
    for (name, from, to) in
        [("haproxy.cfg", "balance source", "balance sauce"), ("nginx.conf", "proxy_timeout", "proxy_time")]
    {
        let file = folder.0.join(name);
        fs::write(&file, fs::read_to_string(&file).unwrap().replacen(from, to, 1)).unwrap();
    }
    assert!(!checked(&haproxy, &folder.0.join("haproxy.cfg")).0);
    assert!(!tested(&nginx, &folder.0.join("nginx.conf")).0);
}

/// An agent works through the proxy as it would without, and is who it is.
fn agents_work(folder: &Path) {
    as_agents(async {
        let one = agent(folder, 1, AGENT).await;
        one.attach(Place::Anywhere, None).await.unwrap();
        for round in 0..20 {
            let value = format!("{round}").into_bytes();
            one.op(Body::Put { key: b"k".to_vec(), value, class: None }).await.unwrap();
        }
        // Frames, on a connection that is upgraded.
        let wire = one.wire();
        let done = wire.op(Body::Get(b"k".to_vec())).await.unwrap();
        assert!(format!("{done:?}").contains("[49, 57]") || format!("{done:?}").contains("19"), "{done:?}");
        // A poll that is silent, and one that ends when something comes.
        let begun = Instant::now();
        assert!(one.inbox(None, 1, Duration::from_secs(3)).await.unwrap().is_empty());
        assert!(begun.elapsed() >= Duration::from_secs(3));
        let two = agent(folder, 2, OTHER).await;
        two.attach(Place::Anywhere, None).await.unwrap();
        let waits = one.inbox(None, 1, Duration::from_secs(30));
        let sends = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            two.op(Body::Send { to: one.agent(), message: b"hello".to_vec() }).await.unwrap()
        };
        let (got, _) = tokio::join!(waits, sends);
        assert_eq!(got.unwrap().len(), 1);
    });
}

/// A stream of events says what comes, and goes on through silence.
fn a_stream_goes_on(folder: &Path) {
    let (lease, listener) = as_agents(async {
        let one = agent(folder, 7, AGENT).await;
        (one.attach(Place::Anywhere, None).await.unwrap().lease, one.agent())
    });
    let mut stream = there("agents", || Stream::open(folder));
    stream.listens(&key(7), &lease);
    as_agents(async {
        let two = agent(folder, 8, AGENT).await;
        two.attach(Place::Anywhere, None).await.unwrap();
        two.op(Body::Send { to: listener, message: b"hello".to_vec() }).await.unwrap();
    });
    stream.hears("\ndata: ");
    // A sign of life, after the longest silence there is.
    stream.hears("\n: nothing yet");
}

/// A ban of one address turns that one away, and nobody else: the host sees
/// agents where they are, and not the proxy.
fn addresses_are_the_agents_own(folder: &Path) {
    as_agents(async {
        let operator = Client::connect(&url(), operator(&folder.join("data")), options(folder, AGENT)).await.unwrap();
        operator.attach(Place::Anywhere, None).await.unwrap();
        operator.ban(&format!("{OTHER}/32"), Duration::from_secs(600)).await.unwrap();
        let refused = Client::connect(&url(), key(3), options(folder, OTHER)).await;
        assert!(refused.is_err(), "whoever is banned came in");
        agent(folder, 3, AGENT).await.attach(Place::Anywhere, None).await.unwrap();
    });
}

/// Asks for paths by the name of the open ones, on as few connections as it may;
/// the status, headers and body of each.
fn read(python: &Path, folder: &Path, method: &str, paths: &[&str]) -> Vec<(u64, Value, String)> {
    let script = r#"
import http.client, json, socket, ssl, sys
trusted, at, method = sys.argv[1:4]
context, name = ssl.create_default_context(cafile=trusted), "open.fronted.example"
link, said = http.client.HTTPSConnection(name, 443, context=context), []
for path in sys.argv[4:]:
    if link.sock is None:
        link.sock = context.wrap_socket(socket.create_connection((at, 443), 20), server_hostname=name)
    link.request(method, path, headers={"accept-encoding": "gzip", "authorization": "Mycel stolen"})
    answer = link.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    said.append([answer.status, headers, answer.read().hex()])
print(json.dumps(said))
"#;
    let mut command = inside("agents", python);
    command.args(["-c", script]).arg(folder.join("open.crt")).args([PROXY, method]).args(paths);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}\n{}", String::from_utf8_lossy(&output.stderr), log(folder)))
}

const OPEN: [&str; 6] =
    ["/health", "/ready", "/v1/planet", "/v1/audit/checkpoint", "/v1/audit/log.vkey", "/v1/openapi.json"];

/// What needs no proof is read by name, and nothing else is.
fn open_paths_are_read(python: &Path, folder: &Path) {
    for (path, (status, ..)) in OPEN.iter().zip(read(python, folder, "GET", &OPEN)) {
        assert_eq!(status, 200, "{path}: {}", log(folder));
    }
    let closed = [
        "/metrics",
        "/v1/ops",
        "/v1/challenge",
        "/v1/wire",
        "/v1/gateway",
        "/v1/audit/tile/entries/000",
        "/v1/audit/tile/../../bans",
        "/v1/%61udit/checkpoint",
        "/v1//planet",
    ];
    for (path, (status, ..)) in closed.iter().zip(read(python, folder, "GET", &closed)) {
        assert_eq!(status, 404, "{path}");
    }
    for (status, ..) in read(python, folder, "POST", &["/v1/attach", "/v1/planet"]) {
        assert_eq!(status, 405);
    }
}

/// Whoever reads more often than the planet lets an address is told so, and when
/// to come again; agents of the same address go on.
fn too_often_is_an_answer(python: &Path, folder: &Path) {
    let many = ["/health"; 300];
    let said = read(python, folder, "GET", &many);
    let told = said.iter().find(|(status, ..)| *status == 429);
    let (_, headers, body) = told.unwrap_or_else(|| panic!("nobody was told: {said:?}"));
    assert_eq!(headers["retry-after"], "1");
    let body: Vec<u8> =
        (0..body.len()).step_by(2).map(|at| u8::from_str_radix(&body[at..at + 2], 16).unwrap()).collect();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["error"], &body["retry_after_ms"]), (&"too_many".into(), &1_000.into()));
    assert!(said.iter().filter(|(status, ..)| *status == 200).count() <= 250);
    as_agents(async { agent(folder, 4, AGENT).await.attach(Place::Anywhere, None).await.unwrap() });
}

/// Everything that both proxies are to do.
fn in_front(folder: &Folder, python: &Path, begin: impl FnOnce(&Path) -> Command) -> (Running, Running) {
    lay_out();
    beside(&folder.0);
    let file = folder.planet(FRONTED);
    let out = rendered(&file, &folder.0.join("out"));
    let host = host(&file, &folder.0);
    let proxy = proxy(&mut begin(&out), &folder.0);
    until("the proxy reaches the host", || read(python, &folder.0, "GET", &["/health"])[0].0 == 200);
    agents_work(&folder.0);
    a_stream_goes_on(&folder.0);
    (host, proxy)
}

#[test]
fn haproxy_hands_agents_on_and_lets_anybody_read_what_is_open() {
    let Some((haproxy, python)) = tools().map(|(haproxy, _)| haproxy).zip(tool("MYCEL_PYTHON", "python3")) else {
        return;
    };
    in_a_world("haproxy_hands_agents_on_and_lets_anybody_read_what_is_open", || {
        let folder = Folder::new("proxies-haproxy");
        let begin = |out: &Path| {
            let mut command = Command::new(&haproxy);
            command.args(["-db", "-f"]).arg(here(&out.join("haproxy/one/haproxy.cfg"), &folder.0));
            command
        };
        let _running = in_front(&folder, &python, begin);
        open_paths_are_read(&python, &folder.0);
        addresses_are_the_agents_own(&folder.0);
        too_often_is_an_answer(&python, &folder.0);
        connections_are_counted(&python, &folder.0);
        a_proxy_that_ends_tls_is_found_out(&haproxy, &folder.0);
        let said = lines(&folder.0);
        assert!(said.iter().any(|line| line["from"] == AGENT && line["to"] == "host"), "{}", log(&folder.0));
        assert!(said.iter().any(|line| line["path"] == "/v1/planet" && line["status"] == 200));
    });
}

/// An address that connects more often than the planet lets it is turned away, and
/// another one is not.
fn connections_are_counted(python: &Path, folder: &Path) {
    let script = r#"
import socket, sys
def turned_away():
    try:
        links.append(socket.create_connection((sys.argv[1], 443), 5, source_address=(sys.argv[2], 0)))
        return False
    except ConnectionError:
        return True
def ended(link):
    link.settimeout(0.05)
    try:
        return link.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False
links = []
turned = sum([turned_away() for _ in range(100)])
turned += sum([ended(link) for link in links])
print(turned)
"#;
    let mut command = inside("agents", python);
    let (good, text) = said(command.args(["-c", script, PROXY, OTHER]));
    // 40 a second, less what came in the second before.
    assert!(good && text.trim().parse::<u32>().is_ok_and(|turned| (40..=80).contains(&turned)), "{text}");
    as_agents(async { agent(folder, 6, AGENT).await.attach(Place::Anywhere, None).await.unwrap() });
}

/// Why agents are handed on as they come: through a proxy that ends their TLS, with
/// a certificate that they believe, no proof holds.
fn a_proxy_that_ends_tls_is_found_out(haproxy: &Path, folder: &Path) {
    let file = folder.join("ends.cfg");
    let own = folder.to_str().unwrap();
    let text = format!(
        "global\n    ssl-load-extra-del-ext\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 90s\n    \
         timeout server 90s\nlisten ends\n    bind {PROXY}:444 ssl crt {own}/open.crt\n    \
         server host {HOST}:8443 ssl verify none\n"
    );
    fs::write(&file, text).unwrap();
    let mut command = Command::new(haproxy);
    let ends = command.args(["-db", "-f"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _ends = Running(ends);
    until("it listens", || TcpStream::connect((PROXY, 444)).is_ok());
    as_agents(async {
        let client = Client::connect(&format!("https://{PROXY}:444"), key(5), options(folder, AGENT)).await.unwrap();
        let refused = async {
            client.attach(Place::Anywhere, None).await?;
            client.op(Body::Get(b"k".to_vec())).await
        };
        let refused = refused.await;
        assert!(refused.is_err(), "a proof held on another's connection: {refused:?}");
    });
}

#[test]
fn nginx_hands_agents_on_and_keeps_what_never_changes() {
    let Some((nginx, python)) = tools().map(|(_, nginx)| nginx).zip(tool("MYCEL_PYTHON", "python3")) else { return };
    in_a_world("nginx_hands_agents_on_and_keeps_what_never_changes", || {
        let folder = Folder::new("proxies-nginx");
        let begin = |out: &Path| {
            let mut command = Command::new(&nginx);
            // Its processes would be another user's, who cannot look into this folder.
            command.args(["-e", "stderr", "-g", "daemon off; user root;", "-c"]);
            command.arg(here(&out.join("nginx/one/nginx.conf"), &folder.0));
            command
        };
        let _running = in_front(&folder, &python, begin);
        open_paths_are_read(&python, &folder.0);
        addresses_are_the_agents_own(&folder.0);
        what_never_changes_is_kept(&python, &folder.0);
        too_often_is_an_answer(&python, &folder.0);
    });
}

/// As many acts as a full tile of the audit log has hashes of.
const FULL: u32 = 256;

/// A full tile is asked for once, and answered from what is kept from then on; what
/// still grows is asked for each time.
fn what_never_changes_is_kept(python: &Path, folder: &Path) {
    as_agents(async {
        let operator = Client::connect(&url(), operator(&folder.join("data")), options(folder, AGENT)).await.unwrap();
        operator.attach(Place::Anywhere, None).await.unwrap();
        for at in 0..FULL {
            operator.ban(&format!("198.51.100.{}/32", at % 256), Duration::from_secs(600)).await.unwrap();
        }
    });
    let tile = "/v1/audit/tile/0/000";
    let kept = |said: &[(u64, Value, String)]| -> Vec<(u64, String)> {
        said.iter()
            .map(|(status, headers, _)| (*status, headers["x-cache"].as_str().unwrap_or("").to_owned()))
            .collect()
    };
    let said = read(python, folder, "GET", &[tile, tile, "/v1/audit/tile/0/000?x=1", "/v1/audit/tile/1/000.p/1"]);
    assert_eq!(kept(&said)[..2], [(200, "MISS".to_owned()), (200, "HIT".to_owned())], "{said:?}");
    assert_eq!(said[0].2, said[1].2);
    assert_eq!(said[0].2.len(), 2 * 32 * 256);
    assert_ne!(kept(&said)[2].1, "HIT");
    let again = read(python, folder, "GET", &["/v1/audit/tile/1/000.p/1", "/v1/openapi.json"]);
    assert_eq!((again[0].0, kept(&again)[0].1.as_str()), (200, "MISS"), "{again:?}");
    assert_eq!(again[1].1["content-encoding"], "gzip");
    assert_eq!(again[1].1["server"], "nginx");
    let asked = |line: &Value| line["path"] == tile && line["cache"] == "HIT";
    until("the answer is in the log", || lines(folder).iter().any(asked));
}
