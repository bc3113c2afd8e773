//! A planet in a process of its own, and its clients: frames written by hand,
//! as Redis' client is, and crate `client`.

use crate::process::{Up, key, operator};
use crate::{BYTES, CLIENTS, Client};
use block::chain::OpId;
use block::kinds;
use client::{Body, Place, Wire};
use futures_util::future::join_all;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trust::attach::answer;
use wire::frame::{self, Answer, Op, Request};

const PLANET: &str = r#"
[planet]
name = "peers"
blocks = 64
[block]
op_rate = "1000000/s"
[block.monitor]
large_score = 0
[[region]]
id = "one"
site = [38.95, -77.45]
jurisdictions = ["US"]
[enrol]
how = "open"
quota = "1000000/s"
"#;

pub(crate) struct Planet {
    up: Up,
    clients: Vec<client::Client>,
}

impl Planet {
    pub(crate) async fn start(folder: &Path) -> Self {
        let (file, data) = (folder.join("planet.toml"), folder.join("mycel"));
        std::fs::write(&file, PLANET).unwrap();
        let up = Up::start(&file, &data);
        let host = up.client(operator(&data)).await;
        host.attach(Place::Anywhere, None).await.unwrap();
        let mut clients = Vec::new();
        for seed in 1..=CLIENTS {
            let client = up.client(key(seed)).await;
            host.attach_for(&client, Place::Anywhere).await.unwrap();
            clients.push(client);
        }
        Self { up, clients }
    }

    pub(crate) fn id(&self) -> u32 {
        self.up.id()
    }

    pub(crate) async fn frames(&self) -> Vec<Client> {
        let mut all = Vec::new();
        for (seed, client) in (1..).zip(&self.clients) {
            all.push(Client::Frames(Box::new(Frames::open(&self.up.url, seed, client).await)));
        }
        all
    }

    pub(crate) fn library(&self) -> Vec<Client> {
        self.clients.iter().map(|client| Client::Library(Library(Arc::new(client.wire())))).collect()
    }

    pub(crate) fn json(&self) -> Vec<Client> {
        self.clients.iter().map(|client| Client::Json(client.clone())).collect()
    }
}

/// Crate `client`.
pub(crate) struct Library(Arc<Wire>);

impl Library {
    pub(crate) async fn batch(&self, many: usize) {
        let ops = (0..many).map(|_| self.0.op(Body::Echo(BYTES.to_vec())));
        for done in join_all(ops).await {
            done.unwrap();
        }
    }
}

/// A connection that speaks frames, and nothing around it.
pub(crate) struct Frames {
    stream: TcpStream,
    out: Vec<u8>,
    read: Vec<u8>,
    client: client::Client,
    next: u64,
}

impl Frames {
    async fn open(url: &str, seed: u8, client: &client::Client) -> Self {
        let at = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "GET /v1/wire HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n",
            wire::PROTOCOL
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let (out, read) = (Vec::new(), Vec::new());
        let mut frames = Self { stream, out, read, client: client.clone(), next: 0 };
        let lease = client.lease().unwrap();
        let mut signature = None;
        Request::Challenge(0, &lease).encode(&mut frames.out).unwrap();
        frames
            .answers(1, |told| {
                let Answer::Challenged(_, nonce, Some(channel)) = told else { panic!("{told:?}") };
                signature = Some(answer(&key(seed), &lease, &nonce, &channel).unwrap());
            })
            .await;
        Request::Prove(1, signature.unwrap()).encode(&mut frames.out).unwrap();
        frames.answers(1, |told| assert!(matches!(told, Answer::Proved(_)), "{told:?}")).await;
        frames
    }

    /// Writes what there is, and takes so many answers.
    async fn answers(&mut self, many: usize, mut take: impl FnMut(Answer<'_>)) {
        self.stream.write_all(&self.out).await.unwrap();
        self.out.clear();
        let mut taken = 0;
        while taken < many {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "it was closed");
            let mut at = 0;
            while let Some((bytes, length)) = frame::next(&self.read[at..]).unwrap() {
                take(Answer::decode(bytes).unwrap());
                (at, taken) = (at + length, taken + 1);
            }
            self.read.drain(..at);
        }
    }

    pub(crate) async fn batch(&mut self, many: usize) {
        let kind = kinds::by_name("echo").unwrap();
        let now = self.client.now();
        for number in 2..2 + u32::try_from(many).unwrap() {
            self.next += 1;
            let id = OpId::counted(now, u16::try_from(self.next % 65_536).unwrap(), self.next);
            let op = Op { kind, id, patience: 0, body: frame::Body::Bytes(&BYTES) };
            Request::Op(number, op).encode(&mut self.out).unwrap();
        }
        self.answers(many, |told| assert!(matches!(told, Answer::Ended(..)), "{told:?}")).await;
    }
}
