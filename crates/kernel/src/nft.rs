//! Runs nft, and reads why it refuses.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long one batch may take. 65,536 bans took a quarter of a second; the
/// rest is for slow machines and for others who change the same tables.
const MAX_RUN: Duration = Duration::from_secs(20);

/// As much of nft's complaints as is read; it repeats each line it refuses.
const MAX_SAID: u64 = 4_096;

/// Where nft stands when the PATH does not lead there: users other than root
/// often lack these.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Why the kernel cannot be told, so that bans are enforced in the process only.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The tag would not be a name.
    #[error("`{0}` cannot name a table; use 1 to 32 letters, digits, `_` and `-`")]
    Tag(String),
    /// The program is missing.
    #[error("the program nft is missing; install nftables")]
    NoProgram,
    /// The process has no `CAP_NET_ADMIN` here.
    #[error(
        "this process may not change the kernel's packet filter; run it as root, or give its service AmbientCapabilities=CAP_NET_ADMIN"
    )]
    NotPermitted,
    /// The kernel lacks nftables, or a part of it.
    #[error("the kernel has no nftables, or lacks what the bans need ({0}); load the module nf_tables")]
    NoKernelSupport(String),
    /// Anything else.
    #[error("nft failed: {0}; try `nft list tables` as the same user")]
    Failed(String),
}

/// Why a batch was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("nft did not run: {0}")]
    Run(#[from] io::Error),
    #[error("nft took longer than {} s and was stopped", .0.as_secs())]
    TooLong(Duration),
    #[error("{0}")]
    Said(String),
}

impl From<Refusal> for Unavailable {
    fn from(refusal: Refusal) -> Self {
        let Refusal::Said(said) = refusal else { return Self::Failed(refusal.to_string()) };
        // The words of strerror for EPERM, and for what a kernel without
        // nf_tables, or without one of its expressions, answers.
        let lacks = ["not supported", "No such file or directory", "Invalid argument"];
        if said.contains("Operation not permitted") || said.contains("Permission denied") {
            Self::NotPermitted
        } else if lacks.iter().any(|words| said.contains(words)) {
            Self::NoKernelSupport(said)
        } else {
            Self::Failed(said)
        }
    }
}

/// The program nft.
#[derive(Debug)]
pub(crate) struct Nft {
    program: PathBuf,
    limit: Duration,
}

impl Nft {
    /// Looks for the program; whether it may do anything shows when it runs.
    pub(crate) fn find() -> Result<Self, Unavailable> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from));
        let mut files = folders.map(|folder| folder.join("nft"));
        let program = files.find(|file| file.is_absolute() && file.is_file()).ok_or(Unavailable::NoProgram)?;
        Ok(Self { program, limit: MAX_RUN })
    }

    /// Runs a script, which is one transaction: all of it holds, or none.
    pub(crate) fn run(&self, script: &str) -> Result<(), Refusal> {
        if script.is_empty() {
            return Ok(());
        }
        let mut child = Command::new(&self.program)
            .args(["-f", "-"])
            // What is said is read by `Unavailable`, so it is said in English.
            .env_clear()
            .env("LC_ALL", "C")
            // A terminal's ^C is for us; what we began is finished.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let heard = self.converse(&mut child, script);
        if heard.is_err() {
            // Fails when it has ended already, which is as good.
            let _ = child.kill();
        }
        let status = child.wait()?;
        let said = heard?;
        if status.success() { Ok(()) } else { Err(Refusal::Said(gist(&said, status))) }
    }

    /// Writes the script and reads the complaints side by side, since either
    /// pipe may be full; until nft has closed its end.
    fn converse(&self, child: &mut Child, script: &str) -> Result<String, Refusal> {
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let write = move || {
                // A program that does not read to the end says why, or its status does.
                let _ = stdin.map(|mut stdin| stdin.write_all(script.as_bytes()));
            };
            let read = move || {
                let mut said = Vec::new();
                if let Some(mut stderr) = stderr {
                    let _ = stderr.by_ref().take(MAX_SAID).read_to_end(&mut said);
                    let _ = io::copy(&mut stderr, &mut io::sink());
                }
                let _ = tell.send(String::from_utf8_lossy(&said).into_owned());
            };
            thread::Builder::new().name("nft-stdin".to_owned()).spawn_scoped(scope, write)?;
            thread::Builder::new().name("nft-stderr".to_owned()).spawn_scoped(scope, read)?;
            told.recv_timeout(self.limit).map_err(|_| {
                // Both threads end with the pipes.
                let _ = child.kill();
                Refusal::TooLong(self.limit)
            })
        })
    }
}

/// The line that says what is wrong, without the place in our script.
fn gist(said: &str, status: std::process::ExitStatus) -> String {
    let line = said.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.map(|line| line.split_once("Error: ").map_or(line, |(_, what)| what));
    line.map_or_else(|| format!("nft ended with {status}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell takes `-f -` as nft does, so that scripts say what to answer.
    fn shell(limit: Duration) -> Nft {
        Nft { program: "/bin/sh".into(), limit }
    }

    /// More than a pipe holds.
    fn long(script: &str) -> String {
        format!("{script}\n#{}", "x".repeat(200_000))
    }

    fn said(script: &str) -> Refusal {
        shell(MAX_RUN).run(&long(script)).unwrap_err()
    }

    #[test]
    fn every_way_to_refuse_has_its_answer() {
        let not = said("echo 'Operation not permitted (you must be root)' >&2; exit 1");
        assert!(matches!(not.into(), Unavailable::NotPermitted));
        let lacks = said("echo 'x:1:1-2: Error: Could not process rule: Operation not supported' >&2; exit 1");
        assert!(matches!(lacks.into(), Unavailable::NoKernelSupport(said) if said.starts_with("Could not")));
        let silent = said("exit 3");
        assert_eq!(Unavailable::from(silent).to_string().lines().count(), 1);
        let endless = said("/usr/bin/yes 'Error: too much' | /usr/bin/head -c 900000 >&2; exit 1");
        assert_eq!(endless.to_string(), "too much");
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let nft = shell(Duration::from_millis(200));
        assert!(matches!(nft.run(&long("exec /bin/sleep 600")), Err(Refusal::TooLong(_))));
    }
}
