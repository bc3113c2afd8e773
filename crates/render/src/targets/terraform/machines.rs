//! The host of the region: a machine behind the balancers, and the disk that
//! outlives it.
//!
//! A region is one process, so the group of its machines holds one, always: it
//! is there so that a machine that is lost is replaced. The disk is in one zone,
//! and can be attached to one machine at a time, so two never serve one region.

use super::balance;
use super::bucket;
use super::network::{called, nat_of};
use super::observe::{policy, role};
use super::root::{Root, checked};
use super::script;
use super::site::{Door, Site};
use crate::flows::End;
use crate::hcl::{Block, Value, block, expression, expressions, json, list, object, resource, text};
use crate::scene::digest;
use crate::{Refused, Tree, program};

const FILE: &str = "machines.tf";
const ABOUT: &str = "The host of its blocks, and the disk that outlives it.";

/// Keys and images come by it.
const HTTPS: u16 = crate::flows::HTTPS;

const GIBIBYTE: u64 = 1 << 30;
/// The largest disk of this kind.
const MOST_DISK: u64 = 16_384 * GIBIBYTE;

/// What attaching a sealed disk, and reading a sealed file, ask of the key.
const SEALED: [&str; 5] =
    ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"];

/// The system and images; data is on another disk.
const ROOT_GIBIBYTES: u64 = 20;

pub(super) fn add(site: &Site<'_>, root: &mut Root, tree: &mut Tree) -> Result<(), Refused> {
    super::super::one_process(site.place, tree);
    super::super::no_gateways(tree);
    let Some(door) = &site.door else { return Ok(()) };
    let id = site.place.id();
    let Some((kind, processor)) = &site.machine else {
        let host = &site.scene.planet.compute.host.value;
        tree.note(format!("{id}: AWS has no machine `{host}`, so Terraform has no machines"));
        return Ok(());
    };
    if !fetches(site, door) {
        tree.note(format!(
            "{id}: the tier `{}` has no flow to the Internet at {HTTPS}, by which a machine fetches its keys and its image: none is rendered",
            door.back
        ));
        return Ok(());
    }
    let Some(zone) = site.of_tier(door.back).find_map(|subnet| subnet.zone) else {
        tree.note(format!(
            "{id}: no subnet of `{}` names its zone, and a disk is in one: no machine is rendered",
            door.back
        ));
        return Ok(());
    };
    let bytes = site.scene.disk_bytes(site.place);
    if bytes > MOST_DISK {
        tree.note(format!(
            "{id}: the disk is to be {bytes} bytes, and AWS has none above {MOST_DISK}: that is rendered"
        ));
    }
    variables(site, root, processor);
    let key = root.key();
    let files = bucket::kept(root, "planet", "mycel-planet-");
    root.add(FILE, ABOUT, files);
    tree.add("planet.toml", site.scene.text);
    root.add(FILE, ABOUT, [planet(site), disk(zone, bytes.min(MOST_DISK), key)]);
    root.add(FILE, ABOUT, rights(site));
    root.add(FILE, ABOUT, [template(site, door, kind), group(site, door, zone)]);
    told(site, zone, tree);
    Ok(())
}

/// What the planet asks of machines and these do not give.
fn told(site: &Site<'_>, zone: &str, tree: &mut Tree) {
    let planet = site.scene.planet;
    tree.note(format!("{}: its disk is in {zone} alone; another zone takes over from a copy", site.place.id()));
    if planet.scale.is_some() {
        tree.note("scale: nothing is added and removed, because a region is one process");
    }
    if planet.rollout.is_some() {
        tree.note("rollout: a machine ends before the next one begins, because its disk is at one machine; nothing stands beside it");
    }
    if planet.budget.mix.on_demand().0 != vocab::Ppm::ONE.0 {
        tree.note("budget: machines are bought by the hour; reservations are of an account, and no host of one region is on the spot market");
    }
}

/// Whether a machine can reach Secrets Manager and a registry.
fn fetches(site: &Site<'_>, door: &Door<'_>) -> bool {
    let out = site.flows.ways.iter().any(|way| {
        let from = matches!(&way.from, End::Tier(from, _) if *from == door.back);
        let at = way.ports.is_empty() || way.ports.contains(&HTTPS);
        from && way.to == End::Internet && way.protocols.contains(&"TCP") && at
    });
    out && site.of_tier(door.back).all(|subnet| nat_of(site, subnet).is_some())
}

fn variables(site: &Site<'_>, root: &mut Root, processor: &str) {
    root.account();
    root.variable("image", "The container image of the program.", |variable| {
        let good = "can(regex(\"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$\", var.image))";
        variable
            .refer("type", "string")
            .set("default", site.scene.image)
            .nest(checked(good, "This is no name of an image."))
    });
    let system = format!("resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{processor}");
    root.variable("machine_image", "The system of the machine: Amazon Linux 2023, or what is like it.", |variable| {
        variable.refer("type", "string").set("default", system)
    });
    root.secret("keys_secret_arn", "Where the keys of the region's host are: an entry that holds a tar of its folder.");
    root.secret("tls_secret_arn", "Where its certificate is: an entry that holds a tar of tls.crt and tls.key.");
}

/// The planet file, which the machine fetches.
fn planet(site: &Site<'_>) -> Block {
    resource("aws_s3_object", "planet")
        .refer("bucket", "aws_s3_bucket.planet.id")
        .set("key", "planet.toml")
        .set("source", text("").expression("path.module").text("/planet.toml"))
        .set("source_hash", digest(site.scene.text.as_bytes()))
        .refer("kms_key_id", "aws_kms_key.main.arn")
}

fn disk(zone: &str, bytes: u64, key: Value) -> Block {
    resource("aws_ebs_volume", "data")
        .set("availability_zone", zone)
        .set("size", bytes.div_ceil(GIBIBYTE))
        .set("type", "gp3")
        .set("encrypted", true)
        .set("kms_key_id", key)
        .set("tags", object([("Name", "mycel-data".into())]))
        .nest(block("lifecycle").set("prevent_destroy", true))
        .why("What a region keeps outlives a mistake with Terraform.")
}

/// What the machine may ask of AWS: its own disk, keys and planet file.
fn rights(site: &Site<'_>) -> Vec<Block> {
    let may = |actions: Vec<&str>, on: Vec<Value>| {
        object([("Effect", "Allow".into()), ("Action", list(actions)), ("Resource", Value::List(on))])
    };
    let instances = text(&format!("arn:aws:ec2:{}:", site.aws)).expression("var.account").text(":instance/*");
    let file = text("").expression("aws_s3_bucket.planet.arn").text("/planet.toml");
    let grant = object([
        ("Effect", "Allow".into()),
        ("Action", "kms:CreateGrant".into()),
        ("Resource", expression("aws_kms_key.main.arn")),
        ("Condition", object([("Bool", object([("kms:GrantIsForAWSResource", "true".into())]))])),
    ]);
    let own = object([
        ("Effect", "Allow".into()),
        ("Action", "ec2:AttachVolume".into()),
        ("Resource", instances.into()),
        ("Condition", object([("StringEquals", object([("aws:ResourceTag/mycel", mark(site).into())]))])),
    ]);
    let statements = vec![
        may(
            vec!["secretsmanager:GetSecretValue"],
            vec![expression("var.keys_secret_arn"), expression("var.tls_secret_arn")],
        ),
        may(vec!["ec2:AttachVolume"], vec![expression("aws_ebs_volume.data.arn")]),
        own,
        may(vec!["s3:GetObject"], vec![file.into()]),
        may(SEALED.to_vec(), vec![expression("aws_kms_key.main.arn")]),
        grant,
    ];
    let right = resource("aws_iam_role_policy", "host")
        .refer("role", "aws_iam_role.host.id")
        .set("policy", json(policy(statements)));
    let profile = resource("aws_iam_instance_profile", "host").refer("role", "aws_iam_role.host.name");
    vec![role("host", "ec2.amazonaws.com"), right, profile]
}

/// What the region's machine is known by.
fn mark(site: &Site<'_>) -> String {
    format!("{}-{}", site.scene.name(), site.place.id())
}

fn template(site: &Site<'_>, door: &Door<'_>, kind: &str) -> Block {
    let ebs = block("ebs").set("volume_size", ROOT_GIBIBYTES).set("volume_type", "gp3").set("encrypted", true);
    let guard = site.guards(door.back).into_iter().take(1);
    let metadata = block("metadata_options")
        .set("http_endpoint", "enabled")
        .set("http_tokens", "required")
        .set("http_put_response_hop_limit", 1_u64)
        .why("Containers are one hop further, and have no business there.");
    let marked = block("tag_specifications")
        .set("resource_type", "instance")
        .set("tags", object([("mycel", mark(site).into())]));
    resource("aws_launch_template", "host")
        .set_some("name", called(site, "host", 128))
        .refer("image_id", "var.machine_image")
        .set("instance_type", kind)
        .set("update_default_version", true)
        .set("vpc_security_group_ids", expressions(guard))
        .set("user_data", Value::Call("base64encode", Box::new(Value::Script(script::start(site, door)))))
        .nest(block("iam_instance_profile").refer("arn", "aws_iam_instance_profile.host.arn"))
        .nest(metadata)
        .nest(block("monitoring").set("enabled", true))
        .nest(block("block_device_mappings").set("device_name", "/dev/xvda").nest(ebs))
        .nest(marked)
}

/// One machine, and another when it is lost.
fn group(site: &Site<'_>, door: &Door<'_>, zone: &str) -> Block {
    let subnets: Vec<_> = site.of_tier(door.back).filter(|subnet| subnet.zone == Some(zone)).collect();
    // Subnets that the Internet can reach share one way out.
    let mut routes: Vec<&str> =
        subnets.iter().map(|subnet| if subnet.is_public { "open" } else { subnet.label.as_str() }).collect();
    routes.dedup();
    let mut before = vec!["aws_iam_role_policy.host".to_owned()];
    before.extend(routes.iter().map(|route| format!("aws_route.{route}")));
    let subnets = subnets.iter().map(|subnet| format!("aws_subnet.{}.id", subnet.label));
    let anew = block("preferences")
        .set("min_healthy_percentage", 0_u64)
        .why("The one that was ends first: its disk is the other's.");
    let tag =
        |key: &str, value: String| block("tag").set("key", key).set("value", value).set("propagate_at_launch", true);
    resource("aws_autoscaling_group", "host")
        .why("Never more: two would give out the same slots.")
        .set("min_size", 1_u64)
        .set("max_size", 1_u64)
        .set("desired_capacity", 1_u64)
        .set("vpc_zone_identifier", expressions(subnets))
        .set("target_group_arns", expressions(balance::targets(site)))
        .set("depends_on", expressions(before))
        .set("health_check_type", "ELB")
        .set("health_check_grace_period", program::STARTS_SECONDS)
        .why("Its index follows what a log has that it has not, and that is the disk's speed.")
        .nest(
            block("launch_template")
                .refer("id", "aws_launch_template.host.id")
                .refer("version", "aws_launch_template.host.latest_version"),
        )
        .nest(block("instance_refresh").set("strategy", "Rolling").nest(anew))
        .nest(tag("Name", format!("{}-host", mark(site))))
        .nest(tag("mycel", mark(site)))
}
