//! A planet in a process of its own, which a bench kills.
#![allow(unreachable_pub, dead_code)]

use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A folder of a bench's own.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_TMPDIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let folder = PathBuf::from(folder).join(format!("{name}-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// This program again, told what to do by its arguments; it says lines.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(data: &Path, what: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg(what).arg(data).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn said(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// GiB that are resident, now and at most.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().strip_suffix(" kB").unwrap().trim().parse::<f64>().unwrap() / f64::from(1 << 20)
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    /// SIGKILL: nothing of it runs any more when this returns.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

/// Also when a bench panics: nobody would look for what it has begun.
impl Drop for Process {
    fn drop(&mut self) {
        // It has perhaps ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
