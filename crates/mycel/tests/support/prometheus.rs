//! What stands in for Prometheus where a test wants to say what it has counted.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

/// What stands in for Prometheus: it says of each expression what a test wants.
pub(crate) struct Said {
    pub(crate) url: String,
}

impl Said {
    pub(crate) fn new(of: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let of = Arc::new(of);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(&stream);
                let (mut head, mut line) = (String::new(), String::new());
                while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
                    head.push_str(&std::mem::take(&mut line));
                }
                let query = head.split_once("query=").unwrap().1.split(' ').next().unwrap().to_owned();
                let value = of(&decoded(&query));
                let result = value.map_or_else(|| "[]".to_owned(), |value| format!("[{{\"value\":[0,\"{value}\"]}}]"));
                let body = format!("{{\"status\":\"success\",\"data\":{{\"result\":{result}}}}}");
                let _ = write!(
                    &stream,
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Self { url }
    }
}

fn decoded(query: &str) -> String {
    let mut parts = query.split('%');
    let mut bytes = parts.next().unwrap().replace('+', " ").into_bytes();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].replace('+', " ").bytes());
    }
    String::from_utf8(bytes).unwrap()
}
