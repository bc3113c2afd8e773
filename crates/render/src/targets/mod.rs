//! The kinds of deployment that can be rendered, each in a file of its own. To
//! add one, write its file and a line here.

mod compose;
mod haproxy;
mod kubernetes;
mod machine;
mod nginx;
mod observe;
mod pipeline;
mod terraform;
mod vlan;

use crate::{Place, Refused, Scene, Tree};

/// What a target renders at a time.
#[derive(Clone, Copy)]
pub enum Scope {
    /// The files of one region.
    Region(fn(&Scene<'_>, &Place<'_>, &mut Tree) -> Result<(), Refused>),
    /// Files of the whole planet.
    Planet(fn(&Scene<'_>, &mut Tree) -> Result<(), Refused>),
    /// Files of each region, and then those of the whole planet.
    Both(
        fn(&Scene<'_>, &Place<'_>, &mut Tree) -> Result<(), Refused>,
        fn(&Scene<'_>, &mut Tree) -> Result<(), Refused>,
    ),
}

/// A kind of deployment.
pub struct Target {
    /// What it is called, which is also the folder of its files.
    pub name: &'static str,
    /// What it is, in a line.
    pub help: &'static str,
    /// What it renders at a time.
    pub scope: Scope,
}

/// Every target, by name.
pub static ALL: &[&Target] = &[
    &compose::TARGET,
    &haproxy::TARGET,
    &kubernetes::TARGET,
    &machine::TARGET,
    &nginx::TARGET,
    &observe::TARGET,
    &pipeline::TARGET,
    &terraform::TARGET,
    &vlan::TARGET,
];

/// Says what the plan wants of a region and the program cannot do yet.
fn one_process(place: &Place<'_>, tree: &mut Tree) {
    let (id, pods, hosts) = (place.id(), place.plan.pods, place.plan.machines.total);
    if pods > 1 || place.plan.machines.working > 1 {
        tree.note(format!(
            "{id}: the plan wants {pods} pods on {hosts} hosts; a region is one process today, and one is rendered"
        ));
    }
}

/// Says that agents come to hosts themselves.
fn no_gateways(tree: &mut Tree) {
    tree.note(
        "gateways: rendered in `compose` and `kubernetes` with --office HOST:PORT, and in `machine`; elsewhere agents come to hosts",
    );
}

/// Says whom gateways that run apart reach.
fn own_host(place: &Place<'_>, tree: &mut Tree) {
    tree.note(format!(
        "{}: gateways reach the host of their region; no flow of the planet leads to those of others",
        place.id()
    ));
}
