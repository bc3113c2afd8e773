//! What an agent whose lease administers may ask.

use crate::client::Client;
use crate::error::Error;
use crate::http::{Line, Sent};
use crate::path::{block_path, encoded};
use crate::retry::Tries;
use hyper::Method;
use std::time::Duration;
use trust::AgentId;
use wire::{Code, Hex, ask, tell};

/// The largest file of an audit log: 256 entries with their lengths.
const MOST_AUDIT: usize = 256 * (2 + 65_535);

impl Client {
    /// Blocks in which somebody holds a slot, after one.
    pub async fn blocks(&self, after: Option<&tell::Block>, most: usize) -> Result<Vec<tell::Standing>, Error> {
        let mut path = format!("/v1/blocks?most={most}");
        if let Some(after) = after {
            path.push_str(&format!("&after={}%2F{}", encoded(&after.region), after.index));
        }
        let told: tell::Blocks = self.get(&path).await?;
        Ok(told.blocks)
    }

    /// Who holds slots, after one.
    pub async fn agents(&self, after: Option<AgentId>, most: usize) -> Result<Vec<tell::Seat>, Error> {
        let mut path = format!("/v1/agents?most={most}");
        if let Some(after) = after {
            path.push_str(&format!("&after={}", Hex(after.0)));
        }
        let told: tell::Agents = self.get(&path).await?;
        Ok(told.agents)
    }

    /// Seals a block, with a reason for whoever meets it.
    pub async fn seal(&self, block: &tell::Block, reason: &str) -> Result<(), Error> {
        let seal = ask::Seal { reason: reason.to_owned() };
        let tell::Done {} = self.post(&format!("{}/seal", block_path(block)), &seal, true).await?;
        Ok(())
    }

    /// Opens a block that was sealed.
    pub async fn open(&self, block: &tell::Block) -> Result<(), Error> {
        let tell::Done {} = self.post(&format!("{}/open", block_path(block)), &ask::Nothing {}, true).await?;
        Ok(())
    }

    /// Who is turned away.
    pub async fn bans(&self) -> Result<Vec<tell::Ban>, Error> {
        let told: tell::Bans = self.get("/v1/bans").await?;
        Ok(told.bans)
    }

    /// A backup of everything that was acknowledged before, piece by piece, for
    /// as long as `take` wants more. It is whole if and only if it opens to its
    /// end with the key, which travels in the request: over TLS, or within one
    /// machine.
    pub async fn backup(&self, key: [u8; 32], owners: bool, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), Error> {
        let body = ask::Backup { key: Hex(key), owners };
        let body = serde_json::to_vec(&body).map_err(|error| Error::Asked(error.to_string()))?;
        let lease = self.lease().ok_or(Error::NotAttached)?;
        let mut line = Line::open(&self.0.dial).await?;
        line.prove(&self.0.key, &lease).await?;
        let get = Sent::get("/v1/backup", Some(&lease));
        line.pieces(&Sent { method: Method::POST, body: Some(&body), ..get }, take).await
    }

    /// A file of the planet's audit log by its name, such as `checkpoint`,
    /// `log.vkey` or `tile/0/000`; nothing when it is not there. Entries are for
    /// who administers; everything else is for everybody.
    pub async fn audit(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let is_private = name.starts_with("tile/entries/");
        let mut tries = Tries::default();
        loop {
            match self.audit_once(name, is_private).await {
                Err(error) if error.code() == Some(Code::NotFound) => return Ok(None),
                Err(error) if error.may_pass_later() && tries.again().await => {}
                answer => return answer.map(Some),
            }
        }
    }

    async fn audit_once(&self, name: &str, is_private: bool) -> Result<Vec<u8>, Error> {
        let lease = if is_private { Some(self.lease().ok_or(Error::NotAttached)?) } else { None };
        let path = format!("/v1/audit/{name}");
        let (mut line, _) = self.line(lease.as_ref()).await?;
        let mut bytes = Vec::new();
        let mut take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            bytes.len() <= MOST_AUDIT
        };
        line.pieces(&Sent::get(&path, lease.as_deref()), &mut take).await?;
        self.0.keep(line);
        Ok(bytes)
    }

    /// Turns a network away for a time.
    pub async fn ban(&self, net: &str, time: Duration) -> Result<(), Error> {
        let for_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let tell::Done {} = self.post("/v1/bans", &ask::Ban { net: net.to_owned(), for_ms }, true).await?;
        Ok(())
    }

    /// Lets a network in again.
    pub async fn lift(&self, net: &str) -> Result<(), Error> {
        let path = format!("/v1/bans?net={}", encoded(net));
        let tell::Done {} = self.call(Method::DELETE, &path, None, true, Duration::ZERO).await?;
        Ok(())
    }
}
