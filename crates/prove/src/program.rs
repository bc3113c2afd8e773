//! How the program is begun, by the words of its command line: where it listens,
//! and whose blocks it serves.

use crate::Intent;
use crate::read::form::{Form, shown};
use crate::report::Kind;

/// What it is called.
pub(crate) const NAME: &str = "mycel";

/// What a command line of `mycel up` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The port that it listens at, and the line that says so.
    pub(crate) listens: Option<(u16, u32)>,
    /// The address.
    pub(crate) address: String,
    /// Whether it serves every region, on one machine.
    pub(crate) is_whole: bool,
    /// The region that it serves.
    pub(crate) only: Option<String>,
    /// The planet file.
    pub(crate) planet: Option<String>,
}

impl Begun {
    /// Whether nobody but who is on the same machine reaches it.
    pub(crate) fn is_at_loopback(&self) -> bool {
        is_loopback(&self.address)
    }
}

/// Whether an address is this machine's alone.
pub(crate) fn is_loopback(address: &str) -> bool {
    address.starts_with("127.") || ["[::1]", "localhost"].contains(&address)
}

/// Reads a command line. `region` is where it stands, when it stands in one.
pub(crate) fn begun(
    form: &mut Form<'_>,
    intent: &Intent<'_>,
    region: Option<&str>,
    line: &[(u32, String)],
) -> Option<Begun> {
    let mut words = line.iter();
    if words.next()?.1 != "up" {
        return None;
    }
    let mut begun = Begun::default();
    while let Some((at, word)) = words.next() {
        let mut value = || words.next().map(|(line, word)| (*line, word.as_str())).unwrap_or((*at, ""));
        match word.as_str() {
            "--only" => {
                let (line, only) = value();
                begun.only = Some(only.to_owned());
                if let Some(region) = region.filter(|region| *region != only) {
                    let what = format!("the blocks of region {} are kept in region {region}", shown(only));
                    form.fail(Kind::Elsewhere, line, what);
                } else if !intent.has_region(only) {
                    form.fail(Kind::Dangling, line, format!("the planet has no region `{}`", shown(only)));
                }
            }
            "--listen" => {
                let (line, listen) = value();
                match listen.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?))) {
                    Some((host, port)) => {
                        begun.address = host.to_owned();
                        begun.listens = Some((port, line));
                    }
                    None => form.lost(line, format!("the program listens at `{}`", shown(listen))),
                }
            }
            "--data" | "--tls-cert" | "--tls-key" => {
                value();
            }
            "--regions" => begun.is_whole = true,
            "--no-kernel-bans" | "--log-json" => {}
            path if !path.starts_with('-') && begun.planet.is_none() => begun.planet = Some(path.to_owned()),
            other => {
                // What stands behind it may be a secret.
                let name = other.split_once('=').map_or(other, |(name, _)| name);
                form.lost(*at, format!("the program is begun with `{}`", shown(name)));
            }
        }
    }
    Some(begun)
}
