//! What the planet file asks of its blocks, in their words.

use block::kinds::ClassTag;
use block::rate::{Limit, Limits};
use block::shard::Rules;
use planet::law::Laws;
use planet::{Class, Planet};
use std::collections::BTreeMap;
use vocab::Millis;

/// What holds for the blocks of a region, by its place in the file.
pub(super) fn rules(planet: &Planet, region: usize) -> Rules {
    // The clock counts milliseconds: what a faster rate lets through in one of
    // them may come at once.
    let with_burst = |rate: vocab::Rate| {
        let at_once = u32::try_from(rate.events / rate.per.0.max(1)).unwrap_or(u32::MAX).max(1);
        (rate, at_once)
    };
    let rate = planet.block.op_rate.value;
    let reads = planet.block.read_rate.as_ref().map_or(rate, |reads| reads.value);
    let [other, read] = Limit::sharing([with_burst(rate), with_burst(reads)]);
    let waiting = usize::try_from(planet.block.queue.value).unwrap_or(usize::MAX);
    let laws = Laws::new(planet);
    let classes = || planet.data.iter().flat_map(|data| &data.class);
    let tag = |class: &Class| ClassTag::of(class.name.value.as_str());
    let here = classes().filter(|class| laws.keeps(class).get(region) == Some(&true));
    let asks = classes().filter(|class| class.consent.value);
    Rules {
        limits: Limits::new(other, read),
        waiting,
        classes: here.map(tag).collect(),
        consent: asks.map(|class| (tag(class), class.name.to_string())).collect(),
        retention: retention(planet),
        planted: block::Planted::Nothing,
    }
}

/// The classes, by what records name them by.
pub(super) fn classes(planet: &Planet) -> Vec<(String, ClassTag)> {
    let classes = planet.data.iter().flat_map(|data| &data.class);
    classes.map(|class| (class.name.to_string(), ClassTag::of(class.name.value.as_str()))).collect()
}

/// How long records of each class may be kept.
pub(super) fn retention(planet: &Planet) -> BTreeMap<ClassTag, Millis> {
    let classes = planet.data.iter().flat_map(|data| &data.class);
    let kept = |class: &Class| Some((ClassTag::of(class.name.value.as_str()), class.retention.as_ref()?.value));
    classes.filter_map(kept).collect()
}
