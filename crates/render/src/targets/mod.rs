//! The kinds of deployment that can be rendered, each in a file of its own. To
//! add one, write its file and a line here.

mod compose;
mod kubernetes;
mod machine;
mod observe;

use crate::{Place, Refused, Scene, Tree};

/// What a target renders at a time.
#[derive(Clone, Copy)]
pub enum Scope {
    /// The files of one region.
    Region(fn(&Scene<'_>, &Place<'_>, &mut Tree) -> Result<(), Refused>),
    /// Files of the whole planet.
    Planet(fn(&Scene<'_>, &mut Tree) -> Result<(), Refused>),
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
pub static ALL: &[&Target] = &[&compose::TARGET, &kubernetes::TARGET, &machine::TARGET, &observe::TARGET];

/// Says what the plan wants of a region and the program cannot do yet.
fn one_process(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) {
    let (id, pods, hosts) = (place.id(), place.plan.pods, place.plan.machines.total);
    if pods > 1 || place.plan.machines.working > 1 {
        tree.note(format!(
            "{id}: the plan wants {pods} pods on {hosts} hosts; a region is one process today, and one is rendered"
        ));
    }
    if scene.office.is_none() {
        tree.note("gateways: none is rendered, because nobody says where the CA's office is (--office HOST:PORT)");
    }
}
