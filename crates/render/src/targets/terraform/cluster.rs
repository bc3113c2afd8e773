//! A Kubernetes cluster, where the planet wants a control plane: for what else
//! stands in the tier of its hosts.
//!
//! The region itself is served by its machine, and a region is served once. So
//! the cluster begins without nodes, and whoever brings something to run in it
//! says how many.

use super::observe::{group, log_days, role};
use super::root::Root;
use super::site::{Door, Site};
use crate::hcl::{Block, block, expressions, list, resource};
use crate::{Refused, Tree};

const FILE: &str = "cluster.tf";
const ABOUT: &str = "A Kubernetes cluster, for what else stands beside its host.";

/// AWS takes no longer name.
const NAME: usize = 100;

/// What nodes are given, as AWS calls it.
const NODE_RIGHTS: [&str; 3] =
    ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"];

/// The tier of the cluster's nodes, when there is to be one.
pub(super) fn tier<'a>(site: &Site<'a>) -> Option<&'a str> {
    let door = site.door.as_ref().filter(|_| site.scene.planet.compute.kubernetes.value)?;
    let mut zones: Vec<&str> = site.of_tier(door.back).filter_map(|subnet| subnet.zone).collect();
    zones.sort_unstable();
    zones.dedup();
    // AWS wants a control plane to stand in two zones.
    (zones.len() >= 2 && site.machine.is_some()).then_some(door.back)
}

pub(super) fn add(site: &Site<'_>, root: &mut Root, tree: &mut Tree) -> Result<(), Refused> {
    let id = site.place.id();
    if !site.scene.planet.compute.kubernetes.value {
        return Ok(());
    }
    let (Some(tier), Some(door)) = (tier(site), &site.door) else {
        tree.note(format!(
            "{id}: no cluster of Kubernetes is rendered: it stands behind where the Internet arrives, in two zones"
        ));
        return Ok(());
    };
    let name = format!("{}-{id}", site.scene.name());
    if name.len() > NAME {
        return Err(Refused {
            what: format!("the cluster of this region would be called `{name}`, and AWS takes {NAME} letters"),
            hint: "give the planet or the region a shorter name".to_owned(),
            at: Some(site.place.region.id.span),
        });
    }
    let key = root.key();
    group(root, "cluster", format!("/aws/eks/{name}/cluster"), log_days(site.scene.planet));
    root.add(FILE, ABOUT, guard(site));
    let subnets: Vec<String> = site.of_tier(tier).map(|subnet| format!("aws_subnet.{}.id", subnet.label)).collect();
    root.add(FILE, ABOUT, control(&name, &subnets, key));
    root.add(FILE, ABOUT, nodes(site, door, &subnets));
    tree.note(format!(
        "{id}: its cluster of Kubernetes begins without nodes: the region is served by its machine, and what target kubernetes renders would serve it a second time"
    ));
    Ok(())
}

/// Nodes and the control plane among themselves. What pods may is said by their
/// own policies.
fn guard(site: &Site<'_>) -> [Block; 3] {
    let rule = |kind: &str| {
        resource(kind, "_cluster")
            .refer("security_group_id", "aws_security_group._cluster.id")
            .set("description", "Nodes and the control plane among themselves")
            .refer("referenced_security_group_id", "aws_security_group._cluster.id")
            .set("ip_protocol", "-1")
    };
    let guard = resource("aws_security_group", "_cluster")
        .set("name", format!("mycel-{}-{}-_cluster", site.scene.name(), site.place.id()))
        .set("description", "Guards the nodes and the control plane of the cluster")
        .refer("vpc_id", "aws_vpc.main.id");
    [guard, rule("aws_vpc_security_group_ingress_rule"), rule("aws_vpc_security_group_egress_rule")]
}

fn control(name: &str, subnets: &[String], key: crate::hcl::Value) -> Vec<Block> {
    let network = block("vpc_config")
        .set("subnet_ids", expressions(subnets))
        .set("security_group_ids", expressions(["aws_security_group._cluster.id"]))
        .set("endpoint_private_access", true)
        .set("endpoint_public_access", false);
    let sealed =
        block("encryption_config").set("resources", list(["secrets"])).nest(block("provider").set("key_arn", key));
    let logs = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
    let cluster = resource("aws_eks_cluster", "main")
        .set("name", name)
        .refer("role_arn", "aws_iam_role.cluster.arn")
        .set("enabled_cluster_log_types", list(logs))
        .set("depends_on", expressions(["aws_cloudwatch_log_group.cluster", "aws_iam_role_policy_attachment.cluster"]))
        .nest(network)
        .nest(sealed);
    let right = resource("aws_iam_role_policy_attachment", "cluster")
        .refer("role", "aws_iam_role.cluster.name")
        .set("policy_arn", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy");
    vec![role("cluster", "eks.amazonaws.com"), right, cluster]
}

fn nodes(site: &Site<'_>, door: &Door<'_>, subnets: &[String]) -> Vec<Block> {
    let mut blocks = vec![role("nodes", "ec2.amazonaws.com")];
    for right in NODE_RIGHTS {
        blocks.push(
            resource("aws_iam_role_policy_attachment", right)
                .refer("role", "aws_iam_role.nodes.name")
                .set("policy_arn", format!("arn:aws:iam::aws:policy/{right}")),
        );
    }
    let (kind, processor) = site.machine.clone().unwrap_or_default();
    let ebs = block("ebs").set("volume_size", 50_u64).set("volume_type", "gp3").set("encrypted", true);
    let mut guards = vec!["aws_security_group._cluster.id".to_owned()];
    guards.extend(site.guards(door.back).into_iter().take(1));
    let metadata = block("metadata_options")
        .set("http_endpoint", "enabled")
        .set("http_tokens", "required")
        .set("http_put_response_hop_limit", 1_u64);
    let template = resource("aws_launch_template", "nodes")
        .set("instance_type", kind)
        .set("update_default_version", true)
        .set("vpc_security_group_ids", expressions(guards))
        .nest(metadata)
        .nest(block("block_device_mappings").set("device_name", "/dev/xvda").nest(ebs));
    let system = if processor == "arm64" { "AL2023_ARM_64_STANDARD" } else { "AL2023_x86_64_STANDARD" };
    let most = site.place.plan.machines.total.max(1);
    let sizes = block("scaling_config")
        .set("min_size", 0_u64)
        .set("max_size", most)
        .set("desired_size", 0_u64)
        .why("None until something is to run in it.");
    let rights = NODE_RIGHTS.map(|right| format!("aws_iam_role_policy_attachment.{right}"));
    let nodes = resource("aws_eks_node_group", "main")
        .refer("cluster_name", "aws_eks_cluster.main.name")
        .refer("node_role_arn", "aws_iam_role.nodes.arn")
        .set("subnet_ids", expressions(subnets))
        .set("ami_type", system)
        .set("depends_on", expressions(rights))
        .nest(sizes)
        .nest(
            block("launch_template")
                .refer("id", "aws_launch_template.nodes.id")
                .refer("version", "aws_launch_template.nodes.latest_version"),
        )
        .nest(block("lifecycle").set("ignore_changes", expressions(["scaling_config[0].desired_size"])))
        .why("How many there are is said by whoever runs something in it.");
    blocks.extend([template, nodes]);
    blocks
}
