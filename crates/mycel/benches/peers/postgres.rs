//! PostgreSQL, as an unprivileged user, and a prepared statement.

use crate::redis::{free_port, listening};
use crate::{BYTES, CLIENTS, Client};
use futures_util::future::join_all;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio_postgres::{NoTls, Statement};

pub(crate) struct Server {
    child: Child,
    port: u16,
}

/// Where its programs are.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = debian.map(|version| version.path().join("bin"));
    let mut folders = folders.chain(["/usr/local/bin".into(), "/usr/bin".into()]);
    folders.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// A program, as somebody who is not root: it refuses root.
fn unprivileged(program: &Path) -> Command {
    let id = |of: &[&str]| {
        let said = Command::new("id").args(of).stderr(Stdio::null()).output().ok()?;
        Some(String::from_utf8(said.stdout).ok()?.trim().to_owned()).filter(|id| !id.is_empty())
    };
    if id(&["-u"]).as_deref() != Some("0") {
        return Command::new(program);
    }
    let user = ["postgres", "nobody"].into_iter().find(|user| id(&["-u", user]).is_some()).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", &id(&["-g", user]).unwrap(), "--clear-groups", "--"]).arg(program);
    command
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        let (programs, port, data) = (programs()?, free_port(), folder.join("postgres"));
        std::fs::create_dir_all(&data).unwrap();
        // Whoever it runs as has to own it.
        for user in ["postgres", "nobody"] {
            let owned = Command::new("chown").arg(user).arg(&data).stderr(Stdio::null()).status();
            if owned.is_ok_and(|status| status.success()) {
                break;
            }
        }
        let made = unprivileged(&programs.join("initdb"))
            .args(["--auth=trust", "--username=bench", "--pgdata"])
            .arg(&data)
            .current_dir("/var/tmp")
            .stdout(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        let child = unprivileged(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "synchronous_commit=on", "-c", "fsync=on", "-c", "max_connections=100"])
            .args(["-c", &format!("unix_socket_directories={}", data.display())])
            .current_dir("/var/tmp")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        listening(port).await;
        let server = Self { child, port };
        let client = server.connect().await;
        client.batch_execute("CREATE TABLE entry (id bigserial PRIMARY KEY, payload bytea NOT NULL)").await.unwrap();
        Some(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    async fn connect(&self) -> tokio_postgres::Client {
        let config = format!("host=127.0.0.1 port={} user=bench dbname=postgres", self.port);
        // It may listen before it serves.
        for _ in 0..100 {
            if let Ok((client, connection)) = tokio_postgres::connect(&config, NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("postgresql does not serve");
    }

    pub(crate) async fn clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let client = self.connect().await;
            let insert = client.prepare("INSERT INTO entry (payload) VALUES ($1)").await.unwrap();
            clients.push(Client::Postgres(Connection { client, insert }));
        }
        clients
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fast, and with its children.
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

pub(crate) struct Connection {
    client: tokio_postgres::Client,
    insert: Statement,
}

impl Connection {
    pub(crate) async fn batch(&self, many: usize) {
        let bytes = &BYTES[..];
        let inserts = (0..many).map(|_| {
            let (client, insert) = (&self.client, &self.insert);
            async move { client.execute(insert, &[&bytes]).await }
        });
        for inserted in join_all(inserts).await {
            assert_eq!(inserted.unwrap(), 1);
        }
    }
}
