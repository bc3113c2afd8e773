//! Traces, as a collector gets them. `cargo xtask test` builds the feature and runs this.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const MYCEL: &str = env!("CARGO_BIN_EXE_mycel");
const TRACE: [u8; 16] = [0x4b; 16];
const PARENT: [u8; 8] = [0xa1; 8];

/// A collector that keeps what it is sent.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

fn receive(stream: TcpStream, spans: &Mutex<Vec<Span>>) {
    let mut from = BufReader::new(stream);
    let mut length = 0;
    for at in 0.. {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        if at == 0 {
            assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    from.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let spans = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                receive(stream.unwrap(), &kept);
            }
        });
        Self { url, spans }
    }
}

struct Up(Child, String);

impl Up {
    fn start(home: &Path, collector: &str) -> Self {
        let mut child = Command::new(MYCEL)
            .args(["up", "--json", "--no-kernel-bans", "--listen", "127.0.0.1:0"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            // Nothing is sent until it stops: what comes was flushed.
            .env("OTEL_BSP_SCHEDULE_DELAY", "600000")
            .current_dir(home)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while serde_json::from_str::<Value>(&text).is_err() {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "it ended and had said: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        Self(child, said["at"][0].as_str().unwrap().to_owned())
    }

    fn run(&self, home: &Path, args: &[&str]) -> Output {
        let output = Command::new(MYCEL).args(args).env("MYCEL_URL", &self.1).current_dir(home).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Asks what nobody has to prove anything for, under a span of somebody else's.
    fn ask(&self, path: &str, traceparent: &str) {
        let mut stream = TcpStream::connect(self.1.strip_prefix("http://").unwrap()).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ntraceparent: {traceparent}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::SIGINT).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The only span of that name under a parent.
fn under<'s>(spans: &'s [Span], parent: &[u8], name: &str) -> &'s Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name && span.parent_span_id == parent).collect();
    assert_eq!(found.len(), 1, "{name} under {}: {:?}", hex(parent), spans);
    found[0]
}

fn within(child: &Span, parent: &Span) {
    assert_eq!(child.trace_id, parent.trace_id);
    assert!(child.start_time_unix_nano >= parent.start_time_unix_nano, "{child:?} {parent:?}");
    assert!(child.end_time_unix_nano <= parent.end_time_unix_nano, "{child:?} {parent:?}");
}

#[test]
fn a_request_is_traced_from_its_parent_to_its_lane() {
    let home = tempfile::tempdir().unwrap();
    let collector = Collector::start();
    let up = Up::start(home.path(), &collector.url);
    up.run(home.path(), &["attach"]);
    up.run(home.path(), &["op", "put", "greeting", "hello"]);
    up.ask("/v1/planet", &format!("00-{}-{}-01", hex(&TRACE), hex(&PARENT)));
    up.ask("/health", "not a parent");
    assert!(collector.spans.lock().unwrap().is_empty(), "nothing was sent yet");
    up.stop();
    let spans = collector.spans.lock().unwrap();
    // Under the span that the request named, in its trace.
    let request = under(&spans, &PARENT, "planet");
    assert_eq!(request.trace_id, TRACE);
    let status = request.attributes.iter().find(|attribute| attribute.key == "http.response.status_code").unwrap();
    assert!(format!("{:?}", status.value).contains("200"), "{status:?}");
    within(under(&spans, &request.span_id, "engine"), request);
    // What is no parent is none.
    let alone = under(&spans, &[], "health");
    assert_ne!(alone.trace_id, TRACE);
    // An op, down to its lane.
    let op = under(&spans, &[], "op");
    let engine = under(&spans, &op.span_id, "engine");
    let lane = under(&spans, &engine.span_id, "lane");
    within(engine, op);
    within(lane, engine);
}

#[test]
fn a_collector_that_never_answers_holds_up_nobody() {
    let home = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let up = Up::start(home.path(), &format!("http://{}", silent.local_addr().unwrap()));
    let begun = Instant::now();
    // More than the queue holds.
    for _ in 0..2_100 {
        up.ask("/health", "none");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let begun = Instant::now();
    up.stop();
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_collector_that_cannot_be_spoken_to_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let up = Command::new(MYCEL)
        .args(["up", "--no-kernel-bans", "--listen", "127.0.0.1:0"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:4318")
        .current_dir(home.path())
        .output()
        .unwrap();
    assert_eq!(up.status.code(), Some(1));
    let said = String::from_utf8_lossy(&up.stderr);
    assert!(said.contains("http:// alone") && said.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{said}");
}
