//! Agents of this machine: their keys and leases in files, and how they attach.

use crate::Verdict;
use crate::cli::{AttachArgs, Who};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::word;
use client::{Client, Code, Error, Options, Place, tell};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use trust::Secret;
use trust::enrol::Invitation;
use trust::lease::Claim;
use trust::sign::SigningKey;

/// The agent that may administer a planet whose data directory is here.
const OPERATOR: &str = "operator";

/// What is kept of a lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    version: u32,
    lease: String,
    pub(crate) block: tell::Block,
    slot: u8,
    until: u64,
    /// The residency class that it was got with. Leases that were kept before
    /// there were any have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
}

/// An agent, and what it holds.
pub(crate) struct Agent {
    pub(crate) client: Client,
    pub(crate) held: Held,
}

/// Runs what waits for the network, until it is done or Ctrl-C.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::told(format!("cannot start: {error}"), "try again"))?;
    runtime.block_on(async {
        tokio::select! {
            done = work => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::PipeClosed),
        }
    })
}

/// What to try when a key cannot be had or kept.
pub(crate) const fn of_keys(error: &custody::KeyError) -> &'static str {
    match error {
        custody::KeyError::Token { .. } => "docs/guides/keys.md says what a token needs; nothing is used in its place",
        custody::KeyError::Io { .. } => "check that path, who may write there, and the room on its disk",
        _ => "its keys are in the folder `keys` of the data directory",
    }
}

impl From<custody::KeyError> for Failure {
    fn from(error: custody::KeyError) -> Self {
        Self::told(error.to_string(), of_keys(&error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match (&error, error.code()) {
            (Error::NotAttached, _) => "`mycel attach` gets a slot first",
            (Error::Unreachable { .. }, _) => "`mycel up` runs a planet; --url says where it is",
            (Error::NoAuthority | Error::Authority { .. }, _) => "--authority names that file",
            (_, Some(Code::Unknown)) => "`mycel attach` gets a new lease",
            (_, Some(Code::Forbidden)) if error.to_string().contains("[enrol]") => {
                "`how = \"open\"` in its section [enrol] lets anybody in, so many of each address; docs/guides/trust.md has the other ways"
            }
            (_, Some(Code::Forbidden)) => "--as operator, where the planet's data directory is, may do more",
            (_, Some(Code::WrongBlock)) => "name your own block, or read it --as operator",
            (_, Some(Code::TooMany)) => "wait, or let --patience wait for you",
            (Error::Broken { .. }, _) => "send it again; if it breaks each time: is it https that is spoken there?",
            (_, Some(Code::Bad)) => "the same command with --help says what it takes",
            (_, Some(Code::NotFound)) => "`mycel blocks`, `mycel op list` and `mycel bans list` show what there is",
            (_, Some(Code::Conflict)) => "`mycel op list` shows how your ops stand",
            (Error::Refused { fault, .. }, Some(Code::Residency)) => of_the_law(&fault.what),
            (_, Some(Code::Unavailable)) => "wait a moment; `mycel block show` says whether a block is sealed, and why",
            _ => "read the message above; `mycel help` knows the commands",
        };
        Self::told(error.to_string(), hint)
    }
}

/// What to try where the law says no: what it asks for, and never a way round it.
fn of_the_law(what: &str) -> &'static str {
    if what.contains("consent") {
        return "its owner gives consent: `mycel op consent --class CLASS`, in the block where it is to be kept";
    }
    "`mycel residency FILE` shows where the class may be; `mycel attach --class CLASS` gets a slot there"
}

fn folder(who: &Who) -> PathBuf {
    who.home.join("agents")
}

fn check_name(name: &str) -> Result<(), Failure> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.len() <= 64 && name.chars().all(good) {
        return Ok(());
    }
    Err(Failure::told(format!("`{name}` is no name of an agent"), "use letters, digits, - and _"))
}

/// The key file of an agent.
fn key_file(who: &Who) -> PathBuf {
    if who.name == OPERATOR {
        return who.home.join("keys").join("operator.key");
    }
    folder(who).join(format!("{}.key", who.name))
}

/// What the system gives that nobody can guess.
pub(crate) fn entropy<const N: usize>() -> Result<[u8; N], Failure> {
    let drawn = custody::entropy::bytes();
    drawn.map_err(|error| Failure::told(format!("the system gives no entropy: {error}"), "try again"))
}

/// A key that is kept nowhere.
pub(crate) fn fresh_key() -> Result<SigningKey, Failure> {
    Ok(SigningKey::new(&Secret::take(&mut entropy()?)))
}

/// An agent's key; made when there is none and it may be.
fn key(who: &Who, make: bool) -> Result<SigningKey, Failure> {
    check_name(&who.name)?;
    let file = key_file(who);
    let (keys, name) = (file.parent().unwrap_or_else(|| Path::new(".")), who.name.as_str());
    if make && name != OPERATOR {
        custody::folder::private(keys)?;
        return Ok(SigningKey::new(&custody::folder::secret(keys, name)?));
    }
    match custody::folder::existing(keys, name)? {
        Some(secret) => Ok(SigningKey::new(&secret)),
        None if name == OPERATOR => {
            let hint = "the operator's key is in the planet's data directory: --home says where that is";
            Err(Failure::told(format!("{} is not there", file.display()), hint))
        }
        None => Err(Failure::told(format!("there is no agent `{name}` here"), "`mycel attach` makes one")),
    }
}

/// Whether an agent's key is here, or why not.
pub(crate) fn is_here(who: &Who) -> Result<(), Failure> {
    key(who, false).map(drop)
}

/// The name of one of this machine's agents.
pub(crate) fn id_of(who: &Who, name: &str) -> Option<trust::AgentId> {
    let who = Who { name: name.to_owned(), url: String::new(), home: who.home.clone(), authority: None };
    key(&who, false).ok().map(|key| key.id())
}

fn write_private(file: &Path, text: &str) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    Ok(custody::folder::private(folder).and_then(|()| custody::folder::replace(file, text.as_bytes()))?)
}

/// A client that asks for nothing yet.
pub(crate) async fn connect(who: &Who, make: bool) -> Result<Client, Failure> {
    connect_as(who, make, (None, None)).await
}

/// The same of a class, with the region of its records.
async fn connect_as(who: &Who, make: bool, (class, home): (Option<String>, Option<String>)) -> Result<Client, Failure> {
    let options = Options { authority: who.authority.clone(), class, home, ..Options::default() };
    Ok(Client::connect(&who.url, key(who, make)?, options).await?)
}

/// What is kept of an agent's lease, whether or not it has ended.
fn kept(who: &Who) -> Option<Held> {
    serde_json::from_str(&fs::read_to_string(lease_file(who)).ok()?).ok()
}

/// A client of a class, with the region of its records; what is not named is
/// what the agent attached with. A lease of another planet says nothing of that.
async fn connect_of(who: &Who, make: bool, class: Option<String>, home: Option<String>) -> Result<Client, Failure> {
    let held = kept(who);
    let (of, at) = held.clone().map_or((None, None), |held| (held.class, Some(held.block.region)));
    let client = connect_as(who, make, (class.clone().or(of), home.clone().or(at))).await?;
    let is_of_this = |held: &Held| Claim::read(&held.lease).is_ok_and(|claim| claim.lease.planet == client.planet());
    if held.as_ref().is_none_or(is_of_this) { Ok(client) } else { connect_as(who, make, (class, home)).await }
}

fn lease_file(who: &Who) -> PathBuf {
    folder(who).join(format!("{}.lease", who.name))
}

fn keep(who: &Who, attached: &tell::Attached, class: Option<String>) -> Result<Held, Failure> {
    let held = Held {
        version: 1,
        lease: attached.lease.clone(),
        block: attached.block.clone(),
        slot: attached.slot,
        until: attached.until,
        class,
    };
    let text = serde_json::to_string_pretty(&held).unwrap_or_default();
    write_private(&lease_file(who), &text)?;
    Ok(held)
}

/// An agent that has attached before, and its lease; a lease that has ended is
/// got again.
pub(crate) async fn attached(who: &Who) -> Result<Agent, Failure> {
    let client = connect_of(who, false, None, None).await?;
    if let Some(held) = kept(who).filter(|held| held.until > client.now().0)
        && client.resume(&held.lease).is_ok()
    {
        return Ok(Agent { client, held });
    }
    let attached = client.attach(Place::Anywhere, None).await?;
    let class = client.class().map(str::to_owned);
    Ok(Agent { held: keep(who, &attached, class)?, client })
}

fn place(args: &AttachArgs) -> Result<Place, Failure> {
    if let Some(near) = &args.near {
        return Ok(Place::Near(word::read_site(near)?));
    }
    Ok(match (&args.region, args.cell) {
        (Some(region), Some(cell)) => Place::Cell(region.clone(), cell),
        (Some(region), None) => Place::Region(region.clone()),
        _ => Place::Anywhere,
    })
}

pub(crate) fn attach(args: &AttachArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let (place, who) = (place(args)?, &args.who);
    let invitation = args.invitation.as_deref().map(Invitation::read).transpose();
    let invitation = invitation
        .map_err(|error| Failure::told(format!("this is no invitation: {error}"), "ask for it again, whole"))?;
    block_on(async {
        let client = connect_of(who, true, args.class.clone(), args.records_in.clone()).await?;
        let attached = client.attach(place, invitation).await?;
        keep(who, &attached, client.class().map(str::to_owned))?;
        if screen.is_json() {
            return screen.json(&json!({ "version": 1, "agent": client.agent().to_string(), "attached": attached }));
        }
        screen.data(format_args!(
            "{} holds slot {} of block {}, address {}, for {}",
            who.name,
            attached.slot,
            word::block(&attached.block),
            attached.address,
            word::from_now(attached.until),
        ))?;
        if args.region.as_ref().is_some_and(|asked| *asked != attached.block.region) {
            screen.say("  it held this slot already: `mycel detach` gives it back, and then another region counts");
        }
        screen.say(format_args!("  agent  {}", client.agent()));
        screen.say(format_args!("  key    {}", key_file(who).display()));
        if let Some(class) = client.class() {
            screen.say(format_args!("  class  {class}"));
        }
        if attached.administers {
            screen.say("  may    administer this planet");
        }
        Ok(())
    })?;
    Ok(Verdict::Good)
}

pub(crate) fn detach(who: &Who, screen: &Screen) -> Result<Verdict, Failure> {
    block_on(async {
        let agent = attached(who).await?;
        agent.client.detach().await?;
        let file = lease_file(who);
        fs::remove_file(&file).map_err(|error| Failure::file("remove", &file, &error))?;
        if screen.is_json() {
            return screen.json(&json!({ "version": 1, "detached": agent.held.block, "slot": agent.held.slot }));
        }
        let (slot, block) = (agent.held.slot, word::block(&agent.held.block));
        screen.data(format_args!("{} has given back slot {slot} of block {block}", who.name))
    })?;
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hint_leads_round_the_law() {
        let consent = of_the_law("records of class gdpr need their owner's consent, and yours does not stand here");
        assert!(consent.contains("mycel op consent"), "{consent}");
        let place = of_the_law("records of class gdpr may not be in us-east-1");
        assert!(place.contains("where the class may be"), "{place}");
        assert!(![consent, place].iter().any(|hint| hint.contains("another")), "neither of another class nor region");
    }

    #[test]
    fn a_lease_that_was_kept_before_there_were_classes_is_read() {
        let old = r#"{"version":1,"lease":"x","block":{"region":"eu","index":3},"slot":7,"until":9}"#;
        let held: Held = serde_json::from_str(old).unwrap();
        assert_eq!((held.class, held.block.region.as_str()), (None, "eu"));
    }
}
