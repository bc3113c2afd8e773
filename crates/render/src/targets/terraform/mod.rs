//! Terraform for AWS: a root of its own for each region, one for what is of no
//! region (`global`), and one for a content delivery network that is another
//! provider's (`cloudflare`).
//!
//! Roots share no state and look nothing up, so that each can be planned without
//! the others, and without a network. Whoever may reach whom is written out: no
//! module, no loop and no lookup stands between a reader and an address. A secret
//! is never in a file and never in the state: variables name where it is. What
//! the planet asks for and is not in these files is told in a note.

mod access;
mod aws;
mod balance;
mod bucket;
mod cdn;
mod cloudflare;
mod cluster;
mod global;
mod keys;
mod machines;
mod network;
mod observe;
mod packets;
mod root;
mod script;
mod site;
mod vpn;
mod waf;

use super::{Scope, Target};
use crate::{Place, Refused, Scene, Tree};
use site::Site;

pub(super) static TARGET: Target = Target {
    name: "terraform",
    help: "AWS with Terraform: a root for each region, and for what is of none",
    scope: Scope::Both(region, global::render),
};

/// Folders beside those of the regions.
const GLOBAL: &str = "global";
const CLOUDFLARE: &str = "cloudflare";

fn region(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let id = place.id();
    if [GLOBAL, CLOUDFLARE].contains(&id) {
        return Err(Refused {
            what: format!("a region `{id}` and what is of no region would be the same folder"),
            hint: "call the region something else".to_owned(),
            at: Some(place.region.id.span),
        });
    }
    let Some(site) = Site::new(scene, place, tree)? else { return Ok(()) };
    let mut root = root::Root::new(format!("Region {id} of planet {}", scene.name()));
    root.region(&site);
    network::add(&site, &mut root);
    access::add(&site, &mut root);
    packets::add(&site, &mut root, tree);
    vpn::add(&site, &mut root, tree);
    balance::add(&site, &mut root, tree);
    waf::add_regional(&site, &mut root);
    machines::add(&site, &mut root, tree)?;
    cluster::add(&site, &mut root, tree)?;
    bucket::backup(&site, &mut root, tree);
    observe::add(&site, &mut root);
    keys::add(&site, &mut root, tree);
    root.write(tree);
    Ok(())
}
