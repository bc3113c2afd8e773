//! What of a planet file this node cannot do in another way, and therefore
//! refuses: a planet never runs on what it did not ask for.

use planet::{Planet, StoreEngine};

/// Refuses a planet that asks for what is not served.
pub(crate) fn check(planet: &Planet) -> Result<(), String> {
    let engine = planet.store.engine.value;
    match engine {
        StoreEngine::Embedded => Ok(()),
        StoreEngine::Postgres => Err(format!(
            "[store] of the planet file asks for the engine \"{engine}\", and this node serves \"{}\" alone: write that, \
             or leave the key out",
            StoreEngine::Embedded
        )),
    }
}
