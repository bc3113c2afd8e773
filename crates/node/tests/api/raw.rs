//! Requests that are written by hand.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trust::attach::{Channel, Nonce, answer};
use trust::sign::SigningKey;
use wire::Hex;

/// A connection on which requests are written by hand.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn open(at: SocketAddr) -> Self {
        Self(TcpStream::connect(at).await.unwrap())
    }

    /// From one of the loopback's many addresses: another source.
    #[cfg(target_os = "linux")]
    pub(crate) async fn open_from(source: [u8; 4], at: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        Self(socket.connect(at).await.unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The status, the head and the body of the next answer.
    pub(crate) async fn read(&mut self) -> (u16, String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).await.unwrap();
        (head[9..12].parse().unwrap(), head, body)
    }

    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        lease: Option<&str>,
        body: Option<&str>,
    ) -> (u16, Value) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        if let Some(lease) = lease {
            text.push_str(&format!("authorization: Mycel {lease}\r\n"));
        }
        if let Some(body) = body {
            text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        self.send(&format!("{text}\r\n{}", body.unwrap_or_default())).await;
        let (status, _, body) = self.read().await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn prove(&mut self, key: &SigningKey, lease: &str) -> (u16, Value) {
        let (status, challenge) = self.ask("GET", "/v1/challenge", Some(lease), None).await;
        assert_eq!(status, 200, "{challenge}");
        let hex = |name: &str| challenge[name].as_str().unwrap().parse::<Hex<32>>().unwrap().0;
        let signature = answer(key, lease, &Nonce(hex("nonce")), &Channel(hex("channel"))).unwrap();
        let body = json!({ "signature": Hex(signature.0) }).to_string();
        self.ask("POST", "/v1/session", Some(lease), Some(&body)).await
    }

    /// Whether the other side closes within a time.
    pub(crate) async fn closes_within(&mut self, time: Duration) -> bool {
        let mut rest = Vec::new();
        // A reset is an end as well.
        tokio::time::timeout(time, self.0.read_to_end(&mut rest)).await.is_ok()
    }
}
