//! Redis, and as much of its protocol as an append takes.

use crate::{BYTES, CLIENTS, Client};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Server {
    child: Child,
    port: u16,
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Until somebody listens there.
pub(crate) async fn listening(port: u16) {
    for _ in 0..200 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody listens at port {port}");
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        let (port, data) = (free_port(), folder.join("redis"));
        std::fs::create_dir_all(&data).unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0"])
            .arg("--dir")
            .arg(&data)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        listening(port).await;
        Some(Self { child, port })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let name = format!("stream-{number}");
            let mut command =
                format!("*5\r\n$4\r\nXADD\r\n${}\r\n{name}\r\n$1\r\n*\r\n$1\r\np\r\n$128\r\n", name.len());
            command.push_str(std::str::from_utf8(&BYTES).unwrap());
            command.push_str("\r\n");
            clients.push(Client::Redis(Connection { stream, command: command.into_bytes(), read: Vec::new() }));
        }
        clients
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    command: Vec<u8>,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn batch(&mut self, many: usize) {
        self.stream.write_all(&self.command.repeat(many)).await.unwrap();
        // An answer is the entry's name, a bulk string: two lines.
        self.read.clear();
        while self.read.iter().filter(|byte| **byte == b'\n').count() < 2 * many {
            assert!(self.stream.read_buf(&mut self.read).await.unwrap() > 0, "it was closed");
            assert_eq!(self.read[0], b'$', "{}", String::from_utf8_lossy(&self.read));
        }
    }
}
