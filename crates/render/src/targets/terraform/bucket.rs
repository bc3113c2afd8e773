//! Buckets: closed to the public, sealed, reached by TLS alone, and with every
//! version of what was in them.

use super::aws::days;
use super::root::Root;
use super::site::Site;
use crate::Tree;
use crate::hcl::{Block, Value, block, expression, json, list, object, resource, text};
use planet::Backup;

const FILE: &str = "backup.tf";
const ABOUT: &str = "Where copies are kept.";

/// Days after which what was replaced is gone, and what was begun and never
/// ended.
const REPLACED_DAYS: u64 = 30;
const BEGUN_DAYS: u64 = 7;

/// Where copies of the region are kept.
pub(super) fn backup(site: &Site<'_>, root: &mut Root, tree: &mut Tree) {
    let Some(backup) = &site.scene.planet.backup else { return };
    let id = site.place.id();
    let mut blocks = bucket(root, "backup", "mycel-backup-");
    blocks.push(ages(backup));
    root.add(FILE, ABOUT, blocks);
    root.output("backup_bucket", "Where copies are kept.", expression("aws_s3_bucket.backup.id"));
    tree.note(format!(
        "{id}: a bucket for copies is there, and nothing puts any into it: the program makes no copies by itself (every {})",
        backup.every.value
    ));
    if backup.cross_region.value {
        tree.note("backup: copies in another region are not rendered: a bucket is replicated by whoever owns both");
    }
}

/// How copies age: at hand, in the archive, gone.
fn ages(backup: &Backup) -> Block {
    let all = || block("filter");
    let hot = days(backup.hot.value).max(1);
    let mut kept = block("rule").set("id", "copies").set("status", "Enabled").nest(all());
    kept = match &backup.cold {
        Some(cold) => {
            let archive = block("transition").set("days", hot).set("storage_class", "GLACIER");
            let gone = days(cold.value).max(hot.saturating_add(1));
            kept.nest(archive).nest(block("expiration").set("days", gone))
        }
        None => kept.nest(block("expiration").set("days", hot)),
    };
    aged("backup", [kept])
}

fn aged(name: &str, rules: impl IntoIterator<Item = Block>) -> Block {
    let all = block("filter");
    let old = block("rule")
        .set("id", "replaced")
        .set("status", "Enabled")
        .nest(all)
        .nest(block("noncurrent_version_expiration").set("noncurrent_days", REPLACED_DAYS))
        .nest(block("abort_incomplete_multipart_upload").set("days_after_initiation", BEGUN_DAYS));
    resource("aws_s3_bucket_lifecycle_configuration", name)
        .set("bucket", expression(format!("aws_s3_bucket.{name}.id")))
        .nest_all(rules)
        .nest(old)
}

/// The same for a bucket whose newest versions stay.
pub(super) fn kept(root: &mut Root, name: &str, prefix: &str) -> Vec<Block> {
    let mut blocks = bucket(root, name, prefix);
    blocks.push(aged(name, []));
    blocks
}

fn bucket(root: &mut Root, name: &str, prefix: &str) -> Vec<Block> {
    let id = || expression(format!("aws_s3_bucket.{name}.id"));
    let sealed = block("apply_server_side_encryption_by_default")
        .set("sse_algorithm", "aws:kms")
        .set("kms_master_key_id", root.key());
    vec![
        resource("aws_s3_bucket", name)
            .why("Names of buckets are one world's: AWS makes the rest of it.")
            .set("bucket_prefix", prefix),
        resource("aws_s3_bucket_public_access_block", name)
            .set("bucket", id())
            .set("block_public_acls", true)
            .set("block_public_policy", true)
            .set("ignore_public_acls", true)
            .set("restrict_public_buckets", true),
        resource("aws_s3_bucket_versioning", name)
            .set("bucket", id())
            .nest(block("versioning_configuration").set("status", "Enabled")),
        resource("aws_s3_bucket_server_side_encryption_configuration", name)
            .set("bucket", id())
            .nest(block("rule").set("bucket_key_enabled", true).nest(sealed)),
        resource("aws_s3_bucket_policy", name).set("bucket", id()).set("policy", json(by_tls(name))),
    ]
}

/// Nobody reaches it without TLS, whatever else they may.
fn by_tls(name: &str) -> Value {
    let arn = format!("aws_s3_bucket.{name}.arn");
    let statement = object([
        ("Sid", "TlsAlone".into()),
        ("Effect", "Deny".into()),
        ("Principal", "*".into()),
        ("Action", "s3:*".into()),
        ("Resource", Value::List(vec![expression(arn.as_str()), text("").expression(&arn).text("/*").into()])),
        ("Condition", object([("Bool", object([("aws:SecureTransport", "false".into())]))])),
    ]);
    object([("Version", "2012-10-17".into()), ("Statement", list([statement]))])
}
