//! How an agent gets its slot, keeps it and gives it back.
//!
//! With a class it says where its records are whenever it asks for another
//! slot: whether they may be elsewhere while their region is lost the planet
//! decides, and it can only where it is told.

use crate::client::{Client, Place, written};
use crate::error::Error;
use crate::http::Sent;
use hyper::Method;
use std::sync::PoisonError;
use trust::enrol::{Application, Invitation};
use wire::{ask, tell};

const ATTACH: &str = "/v1/attach";

impl Client {
    /// Gets a slot and the lease to it, and from then on renews the lease at
    /// half its time for as long as the client is there.
    pub async fn attach(&self, place: Place, invitation: Option<Invitation>) -> Result<tell::Attached, Error> {
        let body = written(&self.application(place, invitation)?)?;
        let home = self.home();
        let home = home.as_deref();
        let sent = Sent { method: Method::POST, body: Some(&body), home, ..Sent::get(ATTACH, None) };
        let attached: tell::Attached = self.sent(&sent, false).await?;
        self.holds(&attached)?;
        Ok(attached)
    }

    /// Gets a slot for another agent. Its limits are not those of this source,
    /// so that a machine may bring as many as it likes.
    pub async fn attach_for(&self, agent: &Self, place: Place) -> Result<tell::Attached, Error> {
        let attached: tell::Attached = self.post(ATTACH, &agent.application(place, None)?, true).await?;
        agent.holds(&attached)?;
        Ok(attached)
    }

    fn holds(&self, attached: &tell::Attached) -> Result<(), Error> {
        self.resume(&attached.lease)?;
        self.records_are_in(Some(attached.block.region.clone()));
        Ok(())
    }

    /// Of which class it is.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        self.0.dial.labels.class()
    }

    /// Where its records are, as far as it knows.
    fn home(&self) -> Option<String> {
        self.0.home.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn records_are_in(&self, region: Option<String>) {
        *self.0.home.lock().unwrap_or_else(PoisonError::into_inner) = region;
    }

    /// What an agent asks for a slot with.
    fn application(&self, place: Place, invitation: Option<Invitation>) -> Result<ask::Attach, Error> {
        let application = Application::make(&self.0.key, self.0.planet, invitation, self.now());
        let mut body =
            ask::Attach { application: application.text().as_str().to_owned(), region: None, cell: None, near: None };
        match place {
            Place::Anywhere => {}
            Place::Region(region) => body.region = Some(region),
            Place::Cell(region, cell) => (body.region, body.cell) = (Some(region), Some(cell)),
            Place::Near(site) => {
                let number = |degrees: vocab::MicroDegrees| {
                    degrees.to_string().parse().map_err(|_| Error::Asked(format!("{degrees} is no angle")))
                };
                body.near = Some([number(site.latitude)?, number(site.longitude)?]);
            }
        }
        Ok(body)
    }

    /// Gets a lease to the same slot that lasts longer.
    pub async fn renew(&self) -> Result<tell::Attached, Error> {
        let attached: tell::Attached = self.post("/v1/renew", &ask::Nothing {}, true).await?;
        self.0.lease.send_replace(Some(attached.lease.as_str().into()));
        Ok(attached)
    }

    /// Gives the slot back. Whoever does so begins anew: no region is its home
    /// any more.
    pub async fn detach(&self) -> Result<(), Error> {
        let tell::Done {} = self.post("/v1/detach", &ask::Nothing {}, true).await?;
        self.0.lease.send_replace(None);
        self.records_are_in(None);
        Ok(())
    }
}
