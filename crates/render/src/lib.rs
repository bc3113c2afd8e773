//! Real deployments from a planet: files that other programs read.
//!
//! Rendering is pure: the same planet gives the same bytes, on every machine.
//! It must never write a secret, which it is never handed; never render a
//! command line that the program does not take; and never put what a planet
//! file says into a file of another format but through that format's writer.
//! What the program cannot do yet is not rendered, and told in a note.
//! `write` is the shell: it alone touches a disk.

mod comment;
mod flows;
mod front;
mod hcl;
mod markdown;
mod name;
pub mod program;
mod scene;
mod shell;
pub mod targets;
mod tree;
pub mod write;
mod yaml;

pub use scene::{Place, Scene};
pub use targets::{Scope, Target};
pub use tree::{File, Tree};

use planet::Span;

/// Why a planet cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refused {
    /// What is wrong, with the values that are wrong.
    pub what: String,
    /// What to try.
    pub hint: String,
    /// Where in the planet file, when it is said there.
    pub at: Option<Span>,
}

/// Renders some targets of a planet, in the regions that are wanted.
///
/// # Errors
/// When something in the planet cannot be said in the format of a target, or is
/// not served.
pub fn render(scene: &Scene<'_>, targets: &[&'static Target], wanted: &[&str]) -> Result<Tree, Refused> {
    scene::check(scene, wanted)?;
    let mut tree = Tree::default();
    for target in targets {
        let (of_region, of_planet) = match target.scope {
            Scope::Region(region) => (Some(region), None),
            Scope::Planet(planet) => (None, Some(planet)),
            Scope::Both(region, planet) => (Some(region), Some(planet)),
        };
        if let Some(render) = of_region {
            for place in scene.places().filter(|place| wanted.is_empty() || wanted.contains(&place.id())) {
                tree.of(target.name, Some(place.id()), |tree| render(scene, &place, tree))?;
            }
        }
        if let Some(render) = of_planet {
            tree.of(target.name, None, |tree| render(scene, tree))?;
        }
    }
    tree.sort();
    Ok(tree)
}
