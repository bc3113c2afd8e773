//! The PIN of the token that keeps a planet's keys: out of a file, out of the
//! environment, or from whoever sits at the terminal, who does not see it.
//!
//! It must never be an argument, which every user of a machine can read, nor be
//! asked of somebody who is not there.

use custody::folder::read_private;
use custody::vault;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal as _, Stdin, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The file with a PIN.
const FILE: &str = "MYCEL_TOKEN_PIN_FILE";
/// The PIN itself.
const PIN: &str = "MYCEL_TOKEN_PIN";
/// Longer than any PIN.
const MOST: usize = 256;

/// Where it was named, and what was typed: for the processes of regions.
static NAMED: OnceLock<PathBuf> = OnceLock::new();
static TYPED: OnceLock<Zeroizing<String>> = OnceLock::new();

/// Has whatever needs a PIN get it from here.
pub(crate) fn set_up(file: Option<PathBuf>) {
    if let Some(file) = file {
        // Once, at the start.
        let _ = NAMED.set(file);
    }
    vault::ask_with(|label| NAMED.get().map_or_else(|| known(label), |file| read(file)));
}

/// Hands a process of a region what opens the same token.
pub(crate) fn hand_on(command: &mut Command) {
    if let Some(file) = NAMED.get() {
        command.env(FILE, file);
    }
    if let Some(typed) = TYPED.get() {
        command.env(PIN, &**typed);
    }
}

fn read(file: &Path) -> Result<Zeroizing<String>, String> {
    let text = read_private(file).map_err(|error| error.to_string())?;
    let text = text.ok_or_else(|| format!("there is no file {}", file.display()))?;
    said(text.trim_end_matches(['\n', '\r']), &format!("{} is empty", file.display()))
}

fn said(text: &str, empty: &str) -> Result<Zeroizing<String>, String> {
    if text.is_empty() { Err(empty.to_owned()) } else { Ok(Zeroizing::new(text.to_owned())) }
}

fn known(label: &str) -> Result<Zeroizing<String>, String> {
    if let Ok(pin) = std::env::var(PIN) {
        return said(&Zeroizing::new(pin), &format!("{PIN} is empty"));
    }
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(format!("give its PIN by --pin-file FILE, {FILE} or {PIN}"));
    }
    let typed = typed(label, &stdin).map_err(|error| format!("the terminal cannot be asked for its PIN: {error}"))?;
    let pin = said(typed.trim_end_matches(['\n', '\r']), "no PIN was typed")?;
    let _ = TYPED.set(pin.clone());
    Ok(pin)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Quiet<'s> {
    stdin: &'s Stdin,
    before: Termios,
}

impl<'s> Quiet<'s> {
    fn new(stdin: &'s Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin, OptionalActions::Flush, &quiet)?;
        Ok(Self { stdin, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A shell puts its terminal right by itself.
        let _ = tcsetattr(self.stdin, OptionalActions::Flush, &self.before);
    }
}

fn typed(label: &str, stdin: &Stdin) -> io::Result<Zeroizing<String>> {
    let mut screen = io::stderr().lock();
    write!(screen, "PIN of the token \"{label}\": ")?;
    screen.flush()?;
    let quiet = Quiet::new(stdin)?;
    // Not by the buffer that standard input has: nobody wipes that.
    let mut bytes = Zeroizing::new([0; MOST]);
    let length = rustix::io::read(stdin, &mut bytes[..])?;
    drop(quiet);
    writeln!(screen)?;
    let text = std::str::from_utf8(&bytes[..length]).map_err(io::Error::other)?;
    Ok(Zeroizing::new(text.to_owned()))
}
