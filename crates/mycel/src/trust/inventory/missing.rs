//! What is not in a planet's directory any more, as what is beside it shows.
//!
//! It must never ask for what was never there, or what has been taken away on
//! purpose: the root key, keys that were destroyed with their copies, and those
//! of machines apart of which the public half stays.

use super::{Item, Look, State, folders, known};
use crate::failure::Failure;
use custody::authority::REVOKED;
use custody::ca::{CERTIFICATE, ENDORSED};
use custody::office::BOOK;
use custody::sealed;
use std::path::Path;
use vocab::Millis;

const COPY: &str = "its sealed copy is there; `mycel trust recover` makes it anew";
const BELIEVED: &str = "bring it from a region or a backup: without it nobody knows whom to believe";
const ISSUED: &str = "bring it from a backup: without it an old request could be answered again";
const LISTED: &str = "regions have it; the next start, or `mycel trust revoke`, brings it back from there";

impl Look<'_> {
    /// What is missing in a folder of keys.
    pub(super) fn missing(&self, keys: &Path, items: &mut Vec<Item>) -> Result<(), Failure> {
        if !keys.is_dir() {
            return Ok(());
        }
        for name in sealed::names(keys, ".sealed")? {
            let file = keys.join(format!("{name}.key"));
            // Where its public half was written beside it, the key went to its machine.
            if !file.exists() && !keys.join(format!("{name}.pub")).exists() {
                let (what, purpose, _) = known(&name, self.ages);
                items.push(self.gone(&file, what, purpose, COPY));
            }
        }
        let is_own = keys == self.data.join("keys");
        // What a node shows is signed by a CA that somebody has to know.
        let has_certificate = ["node.pem", "gateway.pem"].iter().any(|pem| keys.join(pem).exists());
        let (believes, pem) = (has_certificate || keys.join(ENDORSED).exists(), keys.join(CERTIFICATE));
        if believes && !pem.exists() {
            items.push(self.gone(
                &pem,
                "CA's certificate",
                "whom nodes believe, as the root key has endorsed it",
                BELIEVED,
            ));
        }
        if !is_own || !keys.join("ca.key").exists() {
            return Ok(());
        }
        let beside = folders(&self.data.join("regions"))?;
        let any = |name: &str| beside.iter().any(|region| region.join("keys").join(name).exists());
        if (has_certificate || any("node.pem")) && !keys.join(BOOK).exists() {
            items.push(self.gone(&keys.join(BOOK), "certificates issued", "the newest of each key", ISSUED));
        }
        if any(REVOKED) && !keys.join(REVOKED).exists() {
            let purpose = "whom nodes refuse, and why: everybody may read it";
            items.push(self.gone(&keys.join(REVOKED), "list of the revoked", purpose, LISTED));
        }
        Ok(())
    }

    fn gone(&self, file: &Path, what: &'static str, purpose: &'static str, then: &'static str) -> Item {
        let file = file.strip_prefix(self.data).unwrap_or(file).display().to_string();
        let state = State::Missing(then);
        Item { what, purpose, file, names: None, mode: 0, age: Millis(0), until: None, state, token: None }
    }
}
