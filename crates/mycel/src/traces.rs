//! Traces of what requests do, sent by OTLP over HTTP to a collector. Only with
//! the feature `otel`, and only when the environment names a collector.
//!
//! Spans wait in a queue that has a bound and a thread of its own; when it is
//! full they are dropped, and no request waits for it.

use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::pin::Pin;
use std::time::Duration;

/// For each step of sending a batch. A collector is on the same machine, or near.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of an answer's head; its body says nothing that we could act on.
const ANSWER_BYTES: u64 = 64 << 10;

/// Where spans go, until it is stopped.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to collect spans; `None` when the environment names no collector.
    ///
    /// # Errors
    /// When it names one that cannot be spoken to.
    pub(crate) fn start(endpoint: &str) -> Result<Self, String> {
        if !endpoint.starts_with("http://") {
            return Err(format!("traces are sent over http:// alone, and `{endpoint}` is not that"));
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Posts).with_protocol(Protocol::HttpBinary);
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        let resource = Resource::builder().with_service_name("mycel").build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Self(provider))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("mycel")
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// When it could not be sent.
    pub(crate) fn stop(self) -> Result<(), String> {
        self.0.shutdown().map_err(|error| error.to_string())
    }
}

/// One request at a time, from the thread that sends batches: it has nothing
/// else to do while it waits.
#[derive(Debug)]
struct Posts;

type Sent<'s> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 's>>;

impl HttpClient for Posts {
    fn send_bytes<'s, 'f>(&'s self, request: Request<Bytes>) -> Sent<'f>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move { Ok(post(&request)?) })
    }
}

fn post(request: &Request<Bytes>) -> io::Result<Response<Bytes>> {
    let uri = request.uri();
    let nowhere = || io::Error::new(io::ErrorKind::InvalidInput, format!("{uri} names no host"));
    let host = uri.host().ok_or_else(nowhere)?;
    let address = (host.trim_start_matches('[').trim_end_matches(']'), uri.port_u16().unwrap_or(80));
    let address = address.to_socket_addrs()?.next().ok_or_else(nowhere)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n").into_bytes();
    for (name, value) in request.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(format!("content-length: {}\r\n\r\n", request.body().len()).into_bytes());
    stream.write_all(&head)?;
    stream.write_all(request.body())?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES)).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {line:?}")))?;
    Response::builder().status(status).body(Bytes::new()).map_err(io::Error::other)
}
