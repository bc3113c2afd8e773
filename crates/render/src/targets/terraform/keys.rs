//! The key that AWS seals things at rest with: one of each root, replaced by AWS
//! as it ages. It is not one of the planet's own keys, which AWS never has.

use super::aws::days;
use super::root::Root;
use super::site::Site;
use crate::Tree;
use crate::hcl::{Value, json, list, object, resource, text};
use vocab::Millis;

const FILE: &str = "keys.tf";
const ABOUT: &str = "The key that things at rest are sealed with.";

/// AWS replaces a key no sooner and no later, in days.
const ROTATION: (u64, u64) = (90, 2_560);

/// As long as the planet's data keys are used, when it does not say.
const USUAL: Millis = Millis::days(30);

pub(super) fn add(site: &Site<'_>, root: &mut Root, tree: &mut Tree) {
    if !root.has_key() {
        return;
    }
    let said = site.scene.planet.keys.as_ref().map_or(USUAL, |keys| keys.data_rotation.value);
    let wanted = days(said);
    if wanted < ROTATION.0 && site.scene.planet.keys.is_some() {
        tree.note(format!(
            "keys: AWS replaces its own key every {} days at the soonest, and the planet says {wanted}; the planet's own keys are replaced by the program",
            ROTATION.0
        ));
    }
    key(root, site.aws, wanted);
}

/// A key, which logs and alarms of a region may use.
pub(super) fn key(root: &mut Root, region: &str, days: u64) {
    root.account();
    let owner = object([("AWS", text("arn:aws:iam::").expression("var.account").text(":root").into())]);
    let use_it = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"];
    let of_account = object([("StringEquals", object([("aws:SourceAccount", crate::hcl::expression("var.account"))]))]);
    let logs = object([(
        "ArnLike",
        object([(
            "kms:EncryptionContext:aws:logs:arn",
            text(&format!("arn:aws:logs:{region}:")).expression("var.account").text(":*").into(),
        )]),
    )]);
    let service = |name: String, condition: Value, sid: &str| {
        object([
            ("Sid", sid.into()),
            ("Effect", "Allow".into()),
            ("Principal", object([("Service", name.into())])),
            ("Action", list(use_it)),
            ("Resource", "*".into()),
            ("Condition", condition),
        ])
    };
    let statements = vec![
        object([
            ("Sid", "Owner".into()),
            ("Effect", "Allow".into()),
            ("Principal", owner),
            ("Action", "kms:*".into()),
            ("Resource", "*".into()),
        ]),
        service(format!("logs.{region}.amazonaws.com"), logs, "Logs"),
        service("cloudwatch.amazonaws.com".to_owned(), of_account, "Alarms"),
    ];
    let policy = object([("Version", "2012-10-17".into()), ("Statement", Value::List(statements))]);
    let key = resource("aws_kms_key", "main")
        .set("description", "Seals what is at rest.")
        .set("enable_key_rotation", true)
        .set("rotation_period_in_days", days.clamp(ROTATION.0, ROTATION.1))
        .set("deletion_window_in_days", 30_u64)
        .set("policy", json(policy));
    root.add(FILE, ABOUT, [key]);
}
