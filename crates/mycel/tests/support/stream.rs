//! A connection of TLS on which an agent proves itself byte by byte, and then hears
//! what comes on a stream of events.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code)]

use crate::front::PROXY;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};
use trust::attach::{Channel, Nonce, answer};
use trust::sign::SigningKey;
use wire::Hex;

pub(crate) struct Stream {
    io: StreamOwned<ClientConnection, TcpStream>,
    /// What both its ends derive, as this one has it.
    channel: Channel,
}

impl Stream {
    /// Connects to the proxy, in the network that this thread is in.
    pub(crate) fn open(folder: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join("open.crt")).unwrap()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let mut tls = ClientConnection::new(Arc::new(config), "agents.fronted.example".try_into().unwrap()).unwrap();
        let mut socket = TcpStream::connect((PROXY, 443)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(25))).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).unwrap();
        }
        let channel = Channel(tls.export_keying_material([0; 32], wire::EXPORTER, Some(b"")).unwrap());
        Self { io: StreamOwned::new(tls, socket), channel }
    }

    fn send(&mut self, method: &str, path: &str, lease: &str, body: &str) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: t\r\nauthorization: Mycel {lease}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.io.write_all(head.as_bytes()).unwrap();
        self.io.flush().unwrap();
    }

    /// What comes until it has these words.
    pub(crate) fn hears(&mut self, words: &str) -> String {
        let (mut heard, mut piece) = (String::new(), [0; 4_096]);
        while !heard.contains(words) {
            let read = self.io.read(&mut piece).unwrap();
            assert!(read > 0, "it ended after {heard}");
            heard.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        heard
    }

    fn asks(&mut self, method: &str, path: &str, lease: &str, body: &str) -> Value {
        self.send(method, path, lease, body);
        let heard = self.hears("}");
        assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
        serde_json::from_str(heard.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }

    /// Proves whose the lease is, by the channel that this end has derived, and asks
    /// for the events of its inbox.
    pub(crate) fn listens(&mut self, key: &SigningKey, lease: &str) {
        let challenge = self.asks("GET", "/v1/challenge", lease, "");
        // With TLS nobody says what the channel is called: both ends derive it.
        assert!(challenge["channel"].is_null(), "{challenge}");
        let nonce = challenge["nonce"].as_str().unwrap().parse::<Hex<32>>().unwrap().0;
        let signature = answer(key, lease, &Nonce(nonce), &self.channel).unwrap();
        self.asks("POST", "/v1/session", lease, &json!({ "signature": Hex(signature.0) }).to_string());
        self.send("GET", "/v1/inbox/stream", lease, "");
        assert!(self.hears("\r\n\r\n").contains("text/event-stream"));
    }
}
