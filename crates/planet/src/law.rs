//! Where records of a residency class may be: jurisdictions as sets, with what
//! lies in what and who recognises whom.
//!
//! One rule, for lints and routing alike; a second one would differ some day, and
//! be a hole. It must never allow what it does not know: a jurisdiction without
//! an entry is only itself.

mod known;

use crate::model::{CdnRule, Class, Planet};
use std::collections::{BTreeMap, BTreeSet};

/// Why a region is lawful for a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground<'a> {
    /// The class names this jurisdiction, and the region is in it.
    Same(&'a str),
    /// The region is in the first, which lies in the second.
    Within(&'a str, &'a str),
    /// The region is in the first, which the second recognises as adequate.
    Adequate(&'a str, &'a str),
    /// The class names no jurisdiction, only regions.
    Listed,
}

/// The jurisdictions of a planet: the known ones and its own.
#[derive(Debug)]
pub struct Laws<'p> {
    planet: &'p Planet,
    /// Regions by id, the first of each.
    by_id: BTreeMap<&'p str, usize>,
    /// For each law, the regions in it or in a part of it in their order, each
    /// with the law that the region itself names.
    in_law: BTreeMap<&'p str, Vec<(usize, &'p str)>>,
    own: BTreeMap<&'p str, &'p crate::model::Jurisdiction>,
}

impl<'p> Laws<'p> {
    /// The laws that hold on a planet.
    #[must_use]
    pub fn new(planet: &'p Planet) -> Self {
        let own = planet.jurisdiction.iter().map(|own| (own.name.as_str(), own)).collect();
        let mut laws = Self { planet, by_id: BTreeMap::new(), in_law: BTreeMap::new(), own };
        let mut above = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (at, region) in planet.region.iter().enumerate() {
            laws.by_id.entry(region.id.as_str()).or_insert(at);
            for law in region.jurisdictions.iter().map(|law| law.as_str()) {
                let around = above.entry(law).or_insert_with(|| laws.around(law));
                for &whole in around.iter() {
                    let regions = laws.in_law.entry(whole).or_default();
                    match regions.last_mut().filter(|(last, _)| *last == at) {
                        // A region that names the law itself is in it for that.
                        Some((_, named)) if law == whole => *named = law,
                        Some(_) => {}
                        None => regions.push((at, law)),
                    }
                }
            }
        }
        laws
    }

    /// A jurisdiction and all that it lies in.
    #[must_use]
    pub fn around<'a>(&self, law: &'a str) -> BTreeSet<&'a str>
    where
        'p: 'a,
    {
        let (mut found, mut todo) = (BTreeSet::new(), vec![law]);
        while let Some(law) = todo.pop() {
            if found.insert(law) {
                todo.extend(self.directly_around(law));
            }
        }
        found
    }

    fn directly_around<'a>(&self, law: &'a str) -> Vec<&'a str>
    where
        'p: 'a,
    {
        if let Some(own) = self.own.get(law) {
            return own.within.iter().map(|whole| whole.as_str()).collect();
        }
        let mut whole = Vec::new();
        if known::EU.contains(&law) {
            whole.push("EU");
        }
        if known::EEA.contains(&law) {
            whole.push("EEA");
        }
        // ISO 3166-2: US-CA is a part of US.
        if let Some((country, part)) = law.split_once('-') {
            let is_country = country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase());
            if is_country && !part.is_empty() {
                whole.push(country);
            }
        }
        whole
    }

    /// Jurisdictions that one recognises as adequate.
    #[must_use]
    pub fn adequate<'a>(&self, law: &str) -> Vec<&'a str>
    where
        'p: 'a,
    {
        match self.own.get(law) {
            Some(own) => own.adequate.iter().map(|whom| whom.as_str()).collect(),
            None => known::ADEQUATE.iter().filter(|entry| entry.by == law).map(|entry| entry.whom).collect(),
        }
    }

    /// The laws whose regions a class may use.
    fn laws<'a>(&self, class: &'a Class) -> BTreeSet<&'a str>
    where
        'p: 'a,
    {
        let named = class.jurisdictions.iter().map(|law| law.as_str());
        let adequate = class.jurisdictions.iter().filter(|_| class.adequacy.value);
        named.chain(adequate.flat_map(|law| self.adequate(law.as_str()))).collect()
    }

    /// For each region of the file, whether the law lets records of the class be
    /// there. A class that names no jurisdiction leaves that to its regions.
    #[must_use]
    pub fn lawful(&self, class: &'p Class) -> Vec<bool> {
        let mut lawful = vec![false; self.planet.region.len()];
        if class.jurisdictions.is_empty() {
            return self.listed(class);
        }
        for (at, _) in self.laws(class).iter().filter_map(|law| self.in_law.get(law)).flatten() {
            lawful[*at] = true;
        }
        lawful
    }

    /// For each region of the file, whether the class names it.
    fn listed(&self, class: &Class) -> Vec<bool> {
        let mut listed = vec![false; self.planet.region.len()];
        for &at in class.regions.iter().filter_map(|id| self.by_id.get(id.as_str())) {
            listed[at] = true;
        }
        listed
    }

    /// For each region of the file, whether records of the class may be kept
    /// there: the law allows it, and the class lists it or lists none. A class
    /// that says neither may be nowhere.
    #[must_use]
    pub fn keeps(&self, class: &'p Class) -> Vec<bool> {
        let lawful = self.lawful(class);
        if class.regions.is_empty() {
            return lawful;
        }
        self.listed(class).into_iter().zip(lawful).map(|(listed, lawful)| listed && lawful).collect()
    }

    /// Why the law lets records of the class be in a region; `None` when it does
    /// not.
    #[must_use]
    pub fn ground(&self, class: &'p Class, region: usize) -> Option<Ground<'p>> {
        if class.jurisdictions.is_empty() {
            return self.listed(class).get(region).filter(|listed| **listed).map(|_| Ground::Listed);
        }
        let here = |law: &str| {
            let regions = self.in_law.get(law)?;
            let found = regions.binary_search_by_key(&region, |(at, _)| *at).ok()?;
            regions.get(found).map(|(_, named)| *named)
        };
        for law in class.jurisdictions.iter().map(|law| law.as_str()) {
            if let Some(named) = here(law) {
                return Some(if named == law { Ground::Same(law) } else { Ground::Within(named, law) });
            }
        }
        let adequate = class.jurisdictions.iter().filter(|_| class.adequacy.value);
        adequate.map(|law| law.as_str()).find_map(|law| {
            self.adequate(law).into_iter().find_map(|whom| here(whom).map(|named| Ground::Adequate(named, law)))
        })
    }
}

/// What records without a class are called.
pub const NO_CLASS: &str = "none";

/// Whether a delivery network may keep records of a class by a rule of its own:
/// by one that names it, and by one that names no class, or none that is there.
/// Only `class = "none"` says that what is kept is of no class, and where a
/// class is called so it is that one.
#[must_use]
pub fn carries(planet: &Planet, rule: &CdnRule, class: &Class) -> bool {
    if rule.ttl.0 == 0 {
        return false;
    }
    let Some(named) = rule.class.as_ref().map(|named| named.as_str()) else { return true };
    let is_there = |name: &str| planet.data.iter().flat_map(|data| &data.class).any(|own| own.name.as_str() == name);
    named == class.name.as_str() || !(named == NO_CLASS || is_there(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps(file: &str) -> Vec<bool> {
        let (planet, report) = crate::parse(file.as_bytes());
        let planet = planet.unwrap_or_else(|| panic!("{:?}", report.findings()));
        let laws = Laws::new(&planet);
        let class = &planet.data.as_ref().unwrap().class[0];
        let kept = laws.keeps(class);
        for (at, kept) in laws.lawful(class).into_iter().enumerate() {
            assert_eq!(laws.ground(class, at).is_some(), kept, "the ground of region {at}");
        }
        kept
    }

    fn world(laws: &[&str], class: &str, more: &str) -> Vec<bool> {
        let region = |(at, law): (usize, &&str)| {
            format!("[[region]]\nid = \"r{at}\"\nsite = [{at}, 0]\njurisdictions = [\"{law}\"]\n")
        };
        let regions: String = laws.iter().enumerate().map(region).collect();
        keeps(&format!(
            "[planet]\nname = \"w\"\n{regions}[data]\nprimary = \"r0\"\n[[data.class]]\nname = \"c\"\n{class}\n{more}"
        ))
    }

    #[test]
    fn europe_is_not_the_eu() {
        let laws = ["EU", "DE", "GB", "CH", "NO", "EUROPE", "US", "JP", "DE-BY"];
        let eu = world(&laws, "jurisdictions = [\"EU\"]", "");
        assert_eq!(eu, [true, true, false, false, false, false, false, false, true]);
        let eea = world(&laws, "jurisdictions = [\"EEA\"]", "");
        assert_eq!(eea, [true, true, false, false, true, false, false, false, true]);
    }

    #[test]
    fn adequacy_counts_only_where_the_class_says_so() {
        let laws = ["EU", "GB", "CH", "JP", "US", "CA", "NO"];
        let adequate = world(&laws, "jurisdictions = [\"EU\"]\nadequacy = true", "");
        // Norway is in the EEA and is not a third country, but the class says EU.
        assert_eq!(adequate, [true, true, true, true, false, false, false]);
        let own = "[[jurisdiction]]\nname = \"EU\"\nadequate = [\"CH\"]\n";
        assert_eq!(
            world(&laws, "jurisdictions = [\"EU\"]\nadequacy = true", own),
            [true, false, true, false, false, false, false],
            "the planet's own entry replaces what is built in"
        );
    }

    #[test]
    fn a_part_is_in_its_whole_and_the_whole_not_in_its_part() {
        let laws = ["US", "US-CA", "USA-CA", "-CA", "US-"];
        assert_eq!(world(&laws, "jurisdictions = [\"US\"]", ""), [true, true, false, false, false]);
        assert_eq!(world(&laws, "jurisdictions = [\"US-CA\"]", ""), [false, true, false, false, false]);
        let no_country = "jurisdictions = [\"USA\", \"us\"]";
        assert_eq!(world(&["USA-CA", "us-ca", "US-CA"], no_country, ""), [false; 3]);
        let own = "[[jurisdiction]]\nname = \"USA-CA\"\nwithin = [\"US-CA\"]\n";
        assert_eq!(world(&laws, "jurisdictions = [\"US\"]", own), [true, true, true, false, false]);
    }

    #[test]
    fn a_class_lists_what_the_law_allows() {
        let laws = ["EU", "IE", "US"];
        assert_eq!(world(&laws, "jurisdictions = [\"EU\"]\nregions = [\"r1\", \"r2\"]", ""), [false, true, false]);
        assert_eq!(world(&laws, "regions = [\"r2\"]", ""), [false, false, true]);
        assert_eq!(world(&laws, "consent = true", ""), [false; 3], "what says nothing may be nowhere");
    }

    #[test]
    fn a_rule_that_does_not_say_what_it_keeps_may_keep_everything() {
        let carried = |names: [&str; 2], rule: &str| {
            let class = |name: &str| format!("[[data.class]]\nname = \"{name}\"\nregions = [\"r\"]\n");
            let text = format!(
                "[planet]\nname = \"w\"\n[[region]]\nid = \"r\"\nsite = [0, 0]\n[data]\nprimary = \"r\"\n{}{}\
                 [cdn]\nproviders = [\"cloudflare\"]\n[[cdn.rule]]\nname = \"x\"\npath = \"/*\"\n{rule}\n",
                class(names[0]),
                class(names[1])
            );
            let (planet, report) = crate::parse(text.as_bytes());
            let planet = planet.unwrap_or_else(|| panic!("{:?}", report.findings()));
            let rule = &planet.cdn.as_ref().unwrap().rule[0];
            let all = &planet.data.as_ref().unwrap().class;
            (carries(&planet, rule, &all[0]), carries(&planet, rule, &all[1]))
        };
        let two = ["a", "b"];
        assert_eq!(carried(two, "ttl = \"5m\""), (true, true));
        assert_eq!(carried(two, "ttl = \"0s\""), (false, false));
        assert_eq!(carried(two, "ttl = \"5m\"\nclass = \"b\""), (false, true));
        assert_eq!(carried(two, "ttl = \"0s\"\nclass = \"b\""), (false, false));
        assert_eq!(carried(two, "ttl = \"5m\"\nclass = \"none\""), (false, false));
        assert_eq!(carried(["a", "none"], "ttl = \"5m\"\nclass = \"none\""), (false, true));
        assert_eq!(carried(two, "ttl = \"5m\"\nclass = \"typo\""), (true, true));
    }

    #[test]
    fn every_recognition_says_where_it_is_written() {
        for entry in known::ADEQUATE {
            let year: u32 = entry.source[..4].parse().unwrap();
            assert!((2000..=2026).contains(&year) && entry.source.len() > 7, "{} of {}", entry.by, entry.whom);
        }
    }
}
