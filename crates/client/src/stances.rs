//! What an agent has said of residency classes.

use crate::client::Client;
use crate::error::Error;
use wire::tell;

impl Client {
    /// What the agent has agreed to, opted out of and had erased, the newest
    /// first.
    pub async fn stances(&self, most: usize) -> Result<Vec<tell::Stance>, Error> {
        let told: tell::Stances = self.get(&format!("/v1/stances?most={most}")).await?;
        Ok(told.stances)
    }
}
