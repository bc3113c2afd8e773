//! An upstream that answers at once with a kibibyte, and believes everybody.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;

static PAGE: [u8; 1_024] = [b'x'; 1_024];

fn told(request: &Request<Incoming>) -> Bytes {
    let zeros = "0".repeat(64);
    match request.uri().path() {
        "/v1/gateway" | "/v1/challenge" => format!(r#"{{"nonce":"{zeros}","channel":"{zeros}"}}"#).into(),
        "/v1/planet" => format!(r#"{{"planet":"{}","node":"{zeros}","now":0,"version":"0"}}"#, "0".repeat(32)).into(),
        _ => Bytes::from_static(&PAGE),
    }
}

pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|request: Request<Incoming>| async move {
                Ok::<_, Infallible>(Response::new(Full::new(told(&request))))
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}
