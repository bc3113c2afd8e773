//! HTTP/2, TLS, and what is done with either by those who mean harm.

use crate::{Pair, raw};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use node::http::Tls;
use rcgen::{CertificateParams, KeyPair};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Makes a certificate for a name, signed by itself, in these files.
fn certificate(folder: &Path, name: &str) -> (Tls, CertificateDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let tls = Tls { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) };
    std::fs::write(&tls.certificate, made.pem()).unwrap();
    std::fs::write(&tls.key, key.serialize_pem()).unwrap();
    (tls, made.der().clone())
}

async fn connect(
    at: SocketAddr,
    name: &'static str,
    trusted: &CertificateDer<'static>,
) -> Option<SendRequest<Empty<Bytes>>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(at).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name.try_into().unwrap(), stream).await.ok()?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Some(sender)
}

async fn health(sender: &mut SendRequest<Empty<Bytes>>) -> String {
    let request = Request::get("https://mycel.example/health").body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, hyper::Version::HTTP_2));
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_go_by_name_and_change_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (one, trusted_one) = certificate(folder.path(), "one.example");
    let (two, trusted_two) = certificate(folder.path(), "two.example");
    let pair = Pair::told(|settings| settings.certificates = vec![one, two]).await;
    let at = pair.gateway.addresses()[0];
    let mut first = connect(at, "one.example", &trusted_one).await.unwrap();
    assert!(health(&mut first).await.contains("ok"));
    assert!(health(&mut connect(at, "two.example", &trusted_two).await.unwrap()).await.contains("ok"));
    // Who names the one is not shown the other's.
    assert!(connect(at, "one.example", &trusted_two).await.is_none());

    let (_, newer) = certificate(folder.path(), "two.example");
    assert!(connect(at, "two.example", &newer).await.is_none(), "it was not told to read it yet");
    pair.gateway.read_certificates_again().unwrap();
    assert!(health(&mut connect(at, "two.example", &newer).await.unwrap()).await.contains("ok"));
    assert!(connect(at, "two.example", &trusted_two).await.is_none());
    // What is damaged changes nothing; what is open goes on.
    std::fs::write(folder.path().join("two.example.pem"), "no certificate").unwrap();
    assert!(pair.gateway.read_certificates_again().is_err());
    assert!(health(&mut connect(at, "two.example", &newer).await.unwrap()).await.contains("ok"));
    assert!(health(&mut first).await.contains("ok"));
    pair.stop().await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// `GET /health` of `x`: three fields by number, the path and the host in letters.
const HEADERS: &[u8] = b"\x82\x86\x04\x07/health\x41\x01x";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends frames until the other end has had enough, and at most so many; how
/// many it took, and whether it had.
async fn flood(at: SocketAddr, most: u32, mut next: impl FnMut(u32) -> Vec<u8>) -> (u32, bool) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let reader = tokio::spawn(async move {
        let mut piece = vec![0; 65_536];
        while let Ok(length) = from.read(&mut piece).await {
            if length == 0 {
                break;
            }
        }
    });
    let mut sent = 0;
    while sent < most && !reader.is_finished() && to.write_all(&next(sent)).await.is_ok() {
        sent += 1;
    }
    let closed = tokio::time::timeout(Duration::from_secs(5), reader).await.is_ok();
    (sent, closed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_taken_back_at_once_end_their_connection() {
    let pair = Pair::start().await;
    let at = pair.gateway.addresses()[0];
    let (sent, closed) = flood(at, 200_000, |number| {
        let stream = 2 * number + 1;
        [frame(1, 5, stream, HEADERS), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
    })
    .await;
    assert!(closed, "{sent} streams were taken back, and it went on");
    assert_eq!(
        raw::Answer::of(&raw::bytes(at, b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await).status,
        200
    );
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_continued_for_ever_ends_its_connection() {
    let pair = Pair::start().await;
    let at = pair.gateway.addresses()[0];
    let field = [&b"\x00\x01a\x7f\x81\x7f"[..], &[b'v'; 256]].concat();
    let (sent, closed) =
        flood(at, 100_000, |number| if number == 0 { frame(1, 1, 1, HEADERS) } else { frame(9, 0, 1, &field) }).await;
    assert!(closed && sent < 100_000, "{sent} pieces of one head were taken");
    pair.stop().await;
}
