//! A region's secret, and the keys that are derived from it.
//!
//! A host is given the keys of its own cells and nothing above them: from a
//! cell's key there is no way to the region's, so a host that is taken over
//! can forge for the cells it hosts and for no other.

use crate::hash::{self, Keyed};
use crate::ids::{BlockRef, KeyId, PlanetId, RegionTag};
use crate::pi;
use crate::secret::Secret;
use std::fmt;
use vocab::CellId;

/// The secret of one region. It stays with whoever issues leases.
pub struct RegionalKey {
    planet: PlanetId,
    region: RegionTag,
    id: KeyId,
    salt: [u8; pi::SALT],
    secret: Secret,
}

impl RegionalKey {
    /// A region's key from 256 bits of entropy.
    #[must_use]
    pub fn new(planet: PlanetId, region: RegionTag, secret: Secret) -> Self {
        // One-way, and under a label of its own: the id may be shown.
        let code = hash::code(&hash::keyed(secret.expose()), &[b"mycel key id v1"]);
        let id = KeyId(std::array::from_fn(|at| code[at]));
        Self { planet, region, id, salt: pi::salt(id), secret }
    }

    /// What the key is called in what was made with it.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The planet that it is for.
    #[must_use]
    pub const fn planet(&self) -> PlanetId {
        self.planet
    }

    /// The region that it is for.
    #[must_use]
    pub const fn region(&self) -> RegionTag {
        self.region
    }

    /// The key of one cell, to be given to the host of that cell.
    #[must_use]
    pub fn cell(&self, cell: CellId) -> CellKey {
        let secret = self.derive(b"mycel lease v1", &cell.0.to_be_bytes());
        CellKey::new(self.planet, self.region, cell, self.id, secret)
    }

    /// A key for one purpose. The label's length goes first, so that no label
    /// continues into what follows it.
    pub(crate) fn derive(&self, label: &[u8], what: &[u8]) -> Secret {
        let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        hash::derive(&self.secret, &self.salt, &[&[length], label, &self.planet.0, &self.region.0, what])
    }
}

impl fmt::Debug for RegionalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionalKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key of one cell: it makes and checks the leases of that cell's blocks.
pub struct CellKey {
    pub(crate) planet: PlanetId,
    pub(crate) region: RegionTag,
    pub(crate) cell: CellId,
    pub(crate) id: KeyId,
    // Boxed, so that moving a cell's key leaves no copy of it behind.
    pub(crate) keyed: Box<Keyed>,
    secret: Secret,
}

impl CellKey {
    /// A cell's key as a host was given it.
    #[must_use]
    pub fn new(planet: PlanetId, region: RegionTag, cell: CellId, id: KeyId, secret: Secret) -> Self {
        Self { planet, region, cell, id, keyed: Box::new(hash::keyed(secret.expose())), secret }
    }

    /// Which regional key it was derived from.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The secret, to be sent to the host.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whether a block stands in this cell.
    #[must_use]
    pub fn holds(&self, block: BlockRef) -> bool {
        self.region == block.region && self.cell == block.cell()
    }
}

impl fmt::Debug for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CellKey").field("id", &self.id).field("cell", &self.cell.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regional() -> RegionalKey {
        RegionalKey::new(PlanetId([1; 16]), RegionTag([2; 8]), Secret::take(&mut [0xa5; 32]))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn keys_are_wiped_where_they_were() {
        use crate::remains::{place, remains};
        let key = regional();
        let places = [place(key.secret.expose())];
        assert_eq!(remains(key, &places), 0);
        let key = regional().cell(CellId(3));
        let places = [place(key.secret.expose()), place(&*key.keyed)];
        assert_eq!(remains(key, &places), 0);
    }

    /// No field without a look: a new one has to be named here, and is either
    /// public or wipes itself.
    #[test]
    fn every_field_of_a_key_is_public_or_wipes_itself() {
        fn wipes<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let RegionalKey { planet: PlanetId(_), region: RegionTag(_), id: KeyId(_), salt: _, secret } = &regional();
        wipes(secret);
        let cell = regional().cell(CellId(3));
        let CellKey { planet: PlanetId(_), region: RegionTag(_), cell: CellId(_), id: KeyId(_), keyed, secret } = &cell;
        wipes(secret);
        // An HMAC says nothing about itself; the test above has looked.
        let _: &Keyed = keyed;
    }

    #[test]
    fn every_cell_region_and_planet_has_a_key_of_its_own() {
        let key = |planet, region, secret: u8, cell| {
            let key = RegionalKey::new(PlanetId([planet; 16]), RegionTag([region; 8]), Secret::take(&mut [secret; 32]));
            *key.cell(CellId(cell)).secret().expose()
        };
        let one = key(1, 1, 1, 1);
        assert_eq!(one, key(1, 1, 1, 1));
        for other in [key(2, 1, 1, 1), key(1, 2, 1, 1), key(1, 1, 2, 1), key(1, 1, 1, 2)] {
            assert_ne!(one, other);
        }
    }
}
