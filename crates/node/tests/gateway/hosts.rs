//! What hosts say, well and badly, and what a gateway makes of it.

use crate::{parsed, raw};
use node::Homes;
use node::gateway::{Gateway, Host, Settings};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A host that says what it is told to say, byte by byte.
#[derive(Default)]
struct Said {
    /// To any request that is not the gateway's own; each piece in a packet of its own.
    says: Mutex<Vec<String>>,
    /// The last such request.
    heard: Mutex<String>,
    /// Connections on which anything was asked for a client.
    used: AtomicUsize,
    /// Every second such request is answered by nothing that is an answer.
    halts: std::sync::atomic::AtomicBool,
    asked: AtomicUsize,
}

/// What is no answer, and ends its connection.
const NONE: &str = "nothing, until the end";

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";

/// The next request with its body; `None` at the end.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut piece = [0; 4_096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").map(|(_, rest)| rest.split("\r\n").next().unwrap());
            let whole = match length {
                Some(length) => body.len() >= length.parse().unwrap(),
                None => !head.contains("transfer-encoding") || body.ends_with("0\r\n\r\n"),
            };
            if whole {
                return Some(text);
            }
        }
        let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
}

async fn serve(mut stream: TcpStream, said: Arc<Said>) {
    let zeros = "0".repeat(64);
    let mut is_new = true;
    while let Some(text) = request(&mut stream).await {
        let own = match text.split(' ').nth(1).unwrap() {
            "/v1/gateway" => Some(format!(r#"{{"nonce":"{zeros}","channel":"{zeros}"}}"#)),
            "/v1/planet" => {
                Some(format!(r#"{{"planet":"{}","node":"{zeros}","now":0,"version":"0"}}"#, "0".repeat(32)))
            }
            "/ready" | "/v1/tick" => Some("{}".to_owned()),
            _ => None,
        };
        let pieces = match own {
            Some(own) => vec![format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{own}", own.len())],
            None => {
                said.used.fetch_add(usize::from(std::mem::take(&mut is_new)), Relaxed);
                text.clone_into(&mut said.heard.lock().unwrap());
                let halts = said.asked.fetch_add(1, Relaxed).is_multiple_of(2) && said.halts.load(Relaxed);
                if halts { vec![NONE.to_owned()] } else { said.says.lock().unwrap().clone() }
            }
        };
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        // What is said without a length ends with its connection.
        if pieces.concat().contains("until the end") {
            return;
        }
    }
}

struct Behind {
    said: Arc<Said>,
    at: SocketAddr,
    gateway: Gateway,
    _folder: TempDir,
}

impl Behind {
    async fn start() -> Self {
        Self::told(|_| {}).await
    }

    /// With a gateway that is told something else.
    async fn told(tell: impl FnOnce(&mut Settings)) -> Self {
        let (folder, said) = (tempfile::tempdir().unwrap(), Arc::<Said>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, serves) = (listener.local_addr().unwrap(), Arc::clone(&said));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serves)));
            }
        });
        let homes = Homes::open(folder.path()).unwrap();
        let host = |region: &str| Host { region: region.to_owned(), address: address.to_string() };
        let hosts = vec![host("ashburn"), host("dublin")];
        let mut settings = Settings::new(Arc::new(parsed()), homes.planet(), homes.gateway(), hosts);
        settings.addresses = vec!["127.0.0.1:0".parse().unwrap()];
        settings.threads = 1;
        tell(&mut settings);
        let gateway = Gateway::start(settings).unwrap();
        Self { said, at: gateway.addresses()[0], gateway, _folder: folder }
    }

    fn says(&self, pieces: &[&str]) {
        *self.said.says.lock().unwrap() = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    }

    async fn asks(&self, line: &str, rest: &str) -> raw::Answer {
        let text = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close, x-own\r\nx-own: 1\r\n{rest}");
        raw::Answer::of(&raw::bytes(self.at, text.as_bytes()).await)
    }

    async fn stop(self) {
        let gateway = self.gateway;
        assert!(tokio::task::spawn_blocking(|| gateway.stop(Duration::from_secs(10))).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_answer_is_told_as_that_and_ends_its_connection() {
    let behind = Behind::start().await;
    for bad in [
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nevil!",
        "HTTP/1.1 200 OK\nx: y\n\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        behind.says(&[bad]);
        let told = behind.asks("POST /v1/blocks/ashburn/0", "content-length: 0\r\n\r\n").await;
        assert_eq!(told.status, 503, "{bad:?}: {}", told.body);
        behind.says(&[GOOD]);
        for _ in 0..9 {
            let told = behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await;
            assert_eq!((told.status, &told.body[..]), (200, "good"), "after {bad:?}");
        }
    }
    // What is said behind an answer is the answer to nothing.
    behind.says(&[&format!("{GOOD}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")]);
    assert_eq!(behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await.body, "good");
    behind.says(&[GOOD]);
    assert_eq!(behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await.body, "good");
    assert_eq!(behind.said.used.load(Relaxed), 7, "each has ended its connection, and no other");
    behind.stop().await;
}

/// A body that came in chunks.
fn joined(text: &str) -> String {
    let (length, rest) = text.split_once("\r\n").unwrap();
    match usize::from_str_radix(length, 16).unwrap() {
        0 => String::new(),
        length => rest[..length].to_owned() + &joined(&rest[length + 2..]),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_pass_in_whatever_form_and_pieces_they_come() {
    let behind = Behind::start().await;
    let head = "HTTP/1.1 200 OK\r\nconnection: x-own\r\nx-own: 1\r\nx-a: b\r\n";
    for pieces in [
        &[&format!("{head}content-length: 9\r\n\r\nWikipedia")[..]][..],
        &[&format!("{head}content-le"), "ngth: 9\r\n\r", "\nWiki", "pedia"],
        &[&format!("{head}transfer-encoding: chunked\r\n\r\n4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n")],
        &[
            &format!("{head}transfer-encoding: chunked\r\n\r\n4\r\nWi"),
            "ki\r\n5;a=b\r",
            "\npedia\r\n0\r\nx: y\r\n\r",
            "\n",
        ],
        &["HTTP/1.1 103 Early Hints\r\n\r\n", &format!("{head}content-length: 9\r\n\r\nWikipedia")],
    ] {
        behind.says(pieces);
        let told = behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await;
        let body = told.header("transfer-encoding").map_or(told.body.clone(), |_| joined(&told.body));
        assert_eq!((told.status, &body[..]), (200, "Wikipedia"), "{pieces:?}");
        assert_eq!((told.header("x-a"), told.header("x-own")), (Some("b"), None), "{pieces:?}");
    }
    behind.says(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"]);
    let told = behind.asks("HEAD /v1/blocks/ashburn/0", "\r\n").await;
    assert_eq!((told.status, told.header("content-length"), &told.body[..]), (200, Some("9"), ""));
    assert_eq!(behind.said.used.load(Relaxed), 1, "one connection has carried them all");
    behind.says(&["HTTP/1.0 200 OK\r\n\r\nall that comes ", "until the end"]);
    assert!(behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await.body.contains("until the end"));
    behind.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_come_as_they_were_asked_without_what_was_about_their_connection() {
    let behind = Behind::start().await;
    behind.says(&[GOOD]);
    let heard = || behind.said.heard.lock().unwrap().clone();
    let lines = "x-a: b\r\nmycel-source: 9.9.9.9\r\nte: trailers\r\n";
    let chunks = format!("{lines}transfer-encoding: chunked\r\n\r\n4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n");
    assert_eq!(behind.asks("POST /v1/blocks/ashburn/0?y=z", &chunks).await.body, "good");
    let (head, body) = heard().split_once("\r\n\r\n").map(|(head, body)| (head.to_owned(), body.to_owned())).unwrap();
    assert!(head.starts_with("POST /v1/blocks/ashburn/0?y=z HTTP/1.1\r\n") && head.contains("\r\nx-a: b"), "{head}");
    assert!(head.contains("\r\nmycel-source: 127.0.0.1"), "{head}");
    for gone in ["9.9.9.9", "x-own", "connection", "te:", "host: x"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
    assert_eq!(joined(&body), "Wikipedia");
    assert_eq!(
        behind.asks("POST /v1/blocks/ashburn/0", &format!("{lines}content-length: 9\r\n\r\nWikipedia")).await.body,
        "good"
    );
    assert!(heard().ends_with("\r\ncontent-length: 9\r\n\r\nWikipedia"), "{}", heard());
    assert_eq!(behind.asks("CONNECT x:1", "\r\n").await.status, 404);
    behind.stop().await;
}

/// A stream of signs of life is an answer for as long as it lasts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_goes_on_is_not_an_idle_connection() {
    let behind = Behind::told(|settings| {
        (settings.bounds.idle, settings.bounds.look) = (Duration::from_millis(200), Duration::from_millis(20));
    })
    .await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n";
    let pieces: Vec<&str> = std::iter::once(head).chain(std::iter::repeat_n("x", 60)).collect();
    behind.says(&pieces);
    assert_eq!(behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await.body, "x".repeat(60));
    behind.stop().await;
}

/// A host that refuses need not have read the body: what it left unread would
/// be the next request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_a_body_was_refused_carries_nothing_more() {
    let behind = Behind::start().await;
    let refused = "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone";
    for round in 1..4 {
        behind.says(&[refused]);
        let told = behind.asks("POST /v1/blocks/ashburn/0", "content-length: 4\r\n\r\nbody").await;
        assert_eq!((told.status, &told.body[..]), (404, "gone"));
        assert_eq!(behind.said.used.load(Relaxed), round);
    }
    behind.says(&[GOOD]);
    assert_eq!(behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await.body, "good");
    behind.stop().await;
}

fn count(page: &str, name: &str) -> usize {
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap()
}

/// One in five may be sent twice, beside ten that were saved up: not more, or a
/// host that fails would have twice as much to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_tries_have_a_budget() {
    const ASKED: usize = 40;
    let behind = Behind::start().await;
    behind.says(&[GOOD]);
    behind.said.halts.store(true, Relaxed);
    let mut lost = 0;
    for _ in 0..ASKED {
        let told = behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await;
        assert!([200, 503].contains(&told.status), "{}", told.body);
        lost += usize::from(told.status == 503);
    }
    let page = behind.asks("GET /metrics", "\r\n").await.body;
    let retried = count(&page, "mycel_gateway_retried_total");
    assert!((10..=10 + ASKED / 5).contains(&retried), "{retried}");
    assert!(lost > 0, "all were sent twice");
    behind.stop().await;
}

/// What may have been done is not done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_something_is_not_sent_twice() {
    let behind = Behind::start().await;
    behind.says(&[NONE]);
    let told = behind.asks("POST /v1/blocks/ashburn/0", "content-length: 0\r\n\r\n").await;
    assert_eq!(told.status, 503);
    assert!(told.body.contains("ask again under the same name"), "{}", told.body);
    assert_eq!(behind.said.asked.load(Relaxed), 1);
    behind.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_fails_again_and_again_is_left_alone_and_tried_after_a_while() {
    let behind = Behind::told(|settings| {
        // No check closes it meanwhile.
        let mut planet = parsed();
        planet.route.health_check.value = vocab::Millis::minutes(10);
        settings.planet = Arc::new(planet);
    })
    .await;
    behind.says(&[NONE]);
    let mut open = 0;
    for _ in 0..12 {
        let told = behind.asks("POST /v1/blocks/ashburn/0", "content-length: 0\r\n\r\n").await;
        assert_eq!((told.status, told.header("retry-after").is_some()), (503, true));
        open += usize::from(told.body.contains("it is tried again in"));
    }
    let asked = behind.said.asked.load(Relaxed);
    assert!(open > 0 && asked + open == 12, "{open} were told so, {asked} were tried");
    behind.says(&[GOOD]);
    let begun = tokio::time::Instant::now();
    // Seldom: what is refused meanwhile counts against the region.
    while behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    behind.stop().await;
}

/// A host that hangs in the middle of an answer holds nobody for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_stops_coming_ends_its_connection() {
    let behind = Behind::told(|settings| settings.silence = Duration::from_millis(200)).await;
    behind.says(&["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nWiki"]);
    let begun = tokio::time::Instant::now();
    let told = behind.asks("GET /v1/blocks/ashburn/0", "\r\n").await;
    assert_eq!((told.status, &told.body[..]), (200, "Wiki"));
    assert!(begun.elapsed() < Duration::from_millis(1_900), "it was the client that gave up");
    behind.stop().await;
}

/// A request has one name all the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_knows_a_request_by_the_name_that_its_client_is_told() {
    let behind = Behind::start().await;
    behind.says(&[GOOD]);
    for rest in ["\r\n", "x-request-id: mine\r\n\r\n"] {
        let told = behind.asks("GET /v1/blocks/ashburn/0", rest).await;
        let id = told.header("x-request-id").unwrap().to_owned();
        assert!(!rest.contains("mine") || id == "mine");
        let heard = behind.said.heard.lock().unwrap().clone();
        assert_eq!(heard.matches(&format!("x-request-id: {id}\r\n")).count(), 1, "{heard}");
    }
    behind.stop().await;
}
