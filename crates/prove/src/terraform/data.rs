//! Where records go: a root is of its own region alone, and copies go where their
//! classes may be.

use crate::Intent;
use crate::read::form::shown;
use crate::report::{At, Kind, Layer};
use crate::terraform::asked::Region;
use crate::terraform::item::{Part, Tell};
use crate::terraform::root::{Root, one_of};
use crate::wanted::barred;

/// Kinds that `global` reads, and nothing in the root of a region does.
const OF_NO_REGION: [&str; 4] = ["aws_globalaccelerator_", "aws_route53_", "aws_cloudfront_", "cloudflare_"];

/// The root of a region is of the provider's place that the planet names.
pub(crate) fn region(root: &Root, asked: &Region<'_>, intent: &Intent<'_>, tell: &mut Tell<'_>) {
    let tell = &mut tell.at(Layer::Store);
    match &root.region {
        Some((named, at)) if !asked.provider.contains(&named.as_str()) => {
            let what = format!(
                "what is of region {} is put into {}; the planet has it in {}",
                asked.id,
                shown(named),
                asked.provider.join(", ")
            );
            tell.fail(Kind::Elsewhere, at.clone(), what);
        }
        Some(_) => {}
        None if root.all().is_empty() => {}
        None => tell.lost(root.whole.clone(), "no provider says in which region this is"),
    }
    for item in root.all().iter().filter(|item| OF_NO_REGION.iter().any(|kind| item.kind.starts_with(kind))) {
        tell.lost(item.at.clone(), format!("{} is of no region, and this root of one", item.words()));
    }
    copies(root, asked, intent, tell);
    buckets(root, tell);
}

fn copies(root: &Root, asked: &Region<'_>, intent: &Intent<'_>, tell: &mut Tell<'_>) {
    for item in root.of("aws_kms_key") {
        if item.part().truth("multi_region", tell) == Some(true) {
            tell.lost(item.part().line_of("multi_region"), "a key of many regions: where it goes, no file here says");
        }
    }
    for item in root.of("aws_kms_replica_key") {
        tell.lost(item.at.clone(), "a key of another region: of which, no file here says");
    }
    for item in root.of("aws_db_instance") {
        let part = item.part();
        if let Some(source) = part.get("replicate_source_db")
            && one_of(source, &["aws_db_instance"]).is_none()
        {
            source_of(part, &part.at(source.line), (asked, intent), tell);
        }
    }
    for item in root.of("aws_s3_bucket_replication_configuration") {
        let part = item.known(&["bucket", "role", "rule"], tell);
        for rule in part.parts("rule", tell) {
            for to in rule.parts("destination", tell) {
                let Some(node) = to.get("bucket") else { continue };
                if one_of(node, &["aws_s3_bucket"]).is_none() {
                    let classes = elsewhere(asked, intent);
                    let what = format!("records are copied to a bucket of which nobody here says where it is{classes}");
                    tell.fail(Kind::Elsewhere, to.at(node.line), what);
                }
            }
        }
    }
}

/// A database that copies one of another region: its name says which.
fn source_of(part: Part<'_>, at: &At, (asked, intent): (&Region<'_>, &Intent<'_>), tell: &mut Tell<'_>) {
    let said = part.word("replicate_source_db").unwrap_or_default();
    let place = said.split(':').nth(3).unwrap_or_default();
    let Some(from) = intent.region_of(place) else {
        tell.fail(Kind::Elsewhere, at.clone(), "this copies a database of a place that is none of the planet's");
        return;
    };
    let barred = barred(intent.planet, from);
    if let Some(classes) = barred.get(asked.id) {
        let what = format!(
            "records of {} may be in region {from} and not in {}, where this copies them",
            classes.join(", "),
            asked.id
        );
        tell.fail(Kind::Elsewhere, at.clone(), what);
    }
}

/// The classes that may be here and not everywhere.
fn elsewhere(asked: &Region<'_>, intent: &Intent<'_>) -> String {
    let mut classes: Vec<&str> = barred(intent.planet, asked.id).into_values().flatten().collect();
    classes.sort_unstable();
    classes.dedup();
    if classes.is_empty() { String::new() } else { format!("; {} may not be in every region", classes.join(", ")) }
}

/// A bucket is nobody's but its owner's.
fn buckets(root: &Root, tell: &mut Tell<'_>) {
    let mut closed = Vec::new();
    for item in root.of("aws_s3_bucket_public_access_block") {
        const ALL: [&str; 4] =
            ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
        let part = item.known(&[&ALL[..], &["bucket"]].concat(), tell);
        for name in ALL {
            if part.truth(name, tell) != Some(true) {
                tell.fail(
                    Kind::Open,
                    part.line_of(name),
                    format!("`{name}` is not said, so everybody may read this bucket"),
                );
            }
        }
        closed.extend(root.led(part, "bucket", "aws_s3_bucket", tell).map(|bucket| bucket.name.clone()));
    }
    for bucket in root.of("aws_s3_bucket") {
        bucket.known(&["bucket", "bucket_prefix", "force_destroy", "object_lock_enabled"], tell);
    }
    for bucket in root.of("aws_s3_bucket").filter(|bucket| !closed.contains(&bucket.name)) {
        let what = format!("nothing says that bucket {} is not for everybody", shown(&bucket.name));
        tell.fail(Kind::Open, bucket.at.clone(), what);
    }
}
