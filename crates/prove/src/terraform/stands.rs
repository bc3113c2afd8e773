//! Who stands in the subnets: machines, databases, clusters and balancers, with
//! the groups of each; and for each group of a tier somebody who is in it, though
//! no file has them: groups are a promise about whoever comes.

use crate::read::form::shown;
use crate::report::{Kind, Layer};
use crate::terraform::asked::Region;
use crate::terraform::group::Groups;
use crate::terraform::item::{Item, Part, Tell};
use crate::terraform::network::Network;
use crate::terraform::root::Root;
use crate::terraform::script;

/// Machines, balancers and groups, each in each of its subnets. The largest region
/// that is rendered has 29.
const MOST_STANDS: usize = 500;

/// What somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A machine or database of a tier.
    Member,
    /// A balancer, which asks only its own targets.
    Balancer,
    /// What keeps a cluster.
    Control,
}

/// Somebody in a subnet.
#[derive(Debug, Clone)]
pub(crate) struct Stand {
    pub(crate) words: String,
    /// The resource, when it is one.
    pub(crate) item: Option<(String, String)>,
    pub(crate) subnet: usize,
    pub(crate) groups: Vec<usize>,
    pub(crate) role: Role,
    /// Whether it is of a cluster, whose members talk to each other.
    pub(crate) is_cluster: bool,
    /// Whether it has an address of the Internet, when somebody says so.
    pub(crate) address: Option<bool>,
    /// The ports that its script opens, when it says so.
    pub(crate) listens: Option<Vec<u16>>,
}

const TEMPLATE: &[&str] = &[
    "name",
    "name_prefix",
    "description",
    "image_id",
    "instance_type",
    "update_default_version",
    "vpc_security_group_ids",
    "network_interfaces",
    "user_data",
    "iam_instance_profile",
    "metadata_options",
    "monitoring",
    "block_device_mappings",
    "tag_specifications",
    "ebs_optimized",
];

const SCALED: &[&str] = &[
    "name",
    "name_prefix",
    "min_size",
    "max_size",
    "desired_capacity",
    "vpc_zone_identifier",
    "target_group_arns",
    "health_check_type",
    "health_check_grace_period",
    "launch_template",
    "instance_refresh",
    "tag",
];

const DATABASE: &[&str] = &[
    "identifier",
    "engine",
    "engine_version",
    "instance_class",
    "allocated_storage",
    "storage_type",
    "storage_encrypted",
    "kms_key_id",
    "db_name",
    "username",
    "password",
    "manage_master_user_password",
    "multi_az",
    "port",
    "db_subnet_group_name",
    "vpc_security_group_ids",
    "publicly_accessible",
    "backup_retention_period",
    "backup_window",
    "maintenance_window",
    "deletion_protection",
    "skip_final_snapshot",
    "final_snapshot_identifier",
    "replicate_source_db",
];

const MACHINE: &[&str] = &[
    "ami",
    "instance_type",
    "subnet_id",
    "vpc_security_group_ids",
    "associate_public_ip_address",
    "user_data",
    "iam_instance_profile",
    "metadata_options",
    "root_block_device",
    "ebs_optimized",
    "monitoring",
    "launch_template",
    "availability_zone",
    "private_ip",
];

struct Gather<'g, 'p> {
    root: &'g Root,
    asked: &'g Region<'p>,
    network: &'g Network<'p>,
    groups: &'g Groups,
    stands: Vec<Stand>,
}

pub(crate) fn read(
    root: &Root,
    asked: &Region<'_>,
    (network, groups): (&Network<'_>, &Groups),
    tell: &mut Tell<'_>,
) -> Vec<Stand> {
    let mut gather = Gather { root, asked, network, groups, stands: Vec::new() };
    let tell = &mut tell.at(Layer::Machine);
    for item in root.of("aws_launch_template") {
        item.known(TEMPLATE, tell);
    }
    for item in root.of("aws_autoscaling_group") {
        let part = item.known(SCALED, tell);
        let template = gather.template(part, tell);
        let subnets = gather.subnets(part, "vpc_zone_identifier", tell);
        gather.machines(item, template, &subnets, tell);
    }
    for item in root.of("aws_instance") {
        let part = item.known(MACHINE, tell);
        let subnets = gather.subnet(part, tell);
        let template = part.get("launch_template").and_then(|_| gather.template(part, tell)).or(Some(item));
        gather.machines(item, template, &subnets, tell);
    }
    gather.clusters(tell);
    gather.databases(tell);
    gather.balancers(tell);
    gather.whoever_comes(tell);
    if gather.stands.len() > MOST_STANDS {
        tell.lost(root.whole.clone(), format!("more than {MOST_STANDS} machines, balancers and groups in subnets"));
        gather.stands.truncate(MOST_STANDS);
    }
    gather.stands
}

impl<'g> Gather<'g, '_> {
    fn template(&self, part: Part<'g>, tell: &mut Tell<'_>) -> Option<&'g Item> {
        let inner = part.part("launch_template", tell);
        if inner.is_none() {
            tell.lost(part.here(), "machines without a launch template");
        }
        let inner = inner?;
        inner.known("launch_template", &[&["id", "version"]], tell);
        self.root.led(inner, "id", "aws_launch_template", tell)
    }

    fn subnets(&self, part: Part<'_>, name: &str, tell: &mut Tell<'_>) -> Vec<usize> {
        if part.get(name).is_none() {
            tell.lost(part.here(), format!("nothing says `{name}`: in which subnets it stands"));
        }
        let found = self.root.all_led(part, name, "aws_subnet", tell);
        found.into_iter().filter_map(|subnet| self.network.subnet(&subnet.name)).collect()
    }

    fn subnet(&self, part: Part<'_>, tell: &mut Tell<'_>) -> Vec<usize> {
        let found = self.root.led(part, "subnet_id", "aws_subnet", tell);
        found.and_then(|subnet| self.network.subnet(&subnet.name)).into_iter().collect()
    }

    /// The groups that an argument names. Whoever names none is in the network's own.
    fn groups(&self, part: Part<'_>, name: &str, tell: &mut Tell<'_>) -> Vec<usize> {
        let nodes = part.list(name, tell);
        let named: Vec<usize> = nodes.iter().filter_map(|node| self.groups.named(part, node, tell)).collect();
        if !nodes.is_empty() {
            return named;
        }
        let own: Vec<usize> =
            self.groups.all.iter().enumerate().filter(|(_, one)| one.is_default).map(|(at, _)| at).collect();
        if own.is_empty() {
            let what = "it names no group, and the network's own lets its members reach each other and everything";
            tell.at(Layer::Group).fail(Kind::Open, part.here(), what);
        }
        own
    }

    fn tier(&self, subnet: usize) -> &str {
        self.network.subnets.get(subnet).map_or("", |subnet| subnet.is.tier)
    }

    /// Whether it is given an address of the Internet, which is told where the planet
    /// wants none.
    fn address(&self, part: Part<'_>, name: &str, subnets: &[usize], tell: &mut Tell<'_>) -> Option<bool> {
        let said = part.truth(name, tell);
        if said != Some(true) {
            return said;
        }
        if let Some(tier) = subnets.iter().map(|subnet| self.tier(*subnet)).find(|tier| !self.asked.is_public(tier)) {
            let what = format!("it has an address of the Internet, and tier {tier} is not public");
            tell.at(Layer::Address).fail(Kind::Open, part.line_of(name), what);
        }
        said
    }

    fn machines(&mut self, item: &Item, template: Option<&'g Item>, subnets: &[usize], tell: &mut Tell<'_>) {
        let Some(template) = template else { return };
        let part = template.part();
        let mut address = self.address(item.part(), "associate_public_ip_address", subnets, tell);
        let groups = match part.part("network_interfaces", tell) {
            Some(inner) => {
                inner.known("network_interfaces", &[&["security_groups", "associate_public_ip_address"]], tell);
                address = self.address(inner, "associate_public_ip_address", subnets, tell).or(address);
                self.groups(inner, "security_groups", tell)
            }
            None => self.groups(part, "vpc_security_group_ids", tell),
        };
        let listens = script::read(self.asked, part, tell);
        let known = self.stands.len();
        self.stand(item, (subnets, &groups), (Role::Member, false), listens.as_ref());
        for stand in self.stands.iter_mut().skip(known) {
            let given = self.network.subnets.get(stand.subnet).is_some_and(|subnet| subnet.gives);
            stand.address = Some(address.unwrap_or(given));
        }
    }

    fn stand(
        &mut self,
        item: &Item,
        (subnets, groups): (&[usize], &[usize]),
        (role, is_cluster): (Role, bool),
        listens: Option<&Vec<u16>>,
    ) {
        for subnet in subnets.iter().take(MOST_STANDS) {
            self.stands.push(Stand {
                words: item.words(),
                item: Some((item.kind.clone(), item.name.clone())),
                subnet: *subnet,
                groups: groups.to_vec(),
                role,
                is_cluster,
                address: None,
                listens: listens.cloned(),
            });
        }
    }

    fn clusters(&mut self, tell: &mut Tell<'_>) {
        const KNOWN: &[&str] =
            &["name", "role_arn", "version", "enabled_cluster_log_types", "vpc_config", "encryption_config"];
        const WHERE: &[&str] =
            &["subnet_ids", "security_group_ids", "endpoint_private_access", "endpoint_public_access"];
        for item in self.root.of("aws_eks_cluster") {
            let part = item.known(KNOWN, tell);
            if !self.asked.has_cluster {
                tell.fail(Kind::Open, item.at.clone(), "a cluster, where the planet asks for none");
            }
            let Some(inner) = part.part("vpc_config", tell) else { continue };
            inner.known("vpc_config", &[WHERE], tell);
            // AWS opens it to everybody when nothing is said.
            if inner.truth("endpoint_public_access", tell).unwrap_or(true) {
                let at = inner.line_of("endpoint_public_access");
                tell.fail(Kind::Open, at, "what keeps the cluster answers the whole Internet");
            }
            let subnets = self.subnets(inner, "subnet_ids", tell);
            let groups = self.groups(inner, "security_group_ids", tell);
            self.stand(item, (&subnets, &groups), (Role::Control, true), None);
        }
        const NODES: &[&str] = &[
            "cluster_name",
            "node_group_name",
            "node_role_arn",
            "subnet_ids",
            "ami_type",
            "capacity_type",
            "instance_types",
            "scaling_config",
            "update_config",
            "launch_template",
            "labels",
        ];
        for item in self.root.of("aws_eks_node_group") {
            let part = item.known(NODES, tell);
            self.root.led(part, "cluster_name", "aws_eks_cluster", tell);
            let subnets = self.subnets(part, "subnet_ids", tell);
            let Some(template) = self.template(part, tell).map(Item::part) else { continue };
            let groups = self.groups(template, "vpc_security_group_ids", tell);
            self.stand(item, (&subnets, &groups), (Role::Member, true), None);
        }
    }

    fn databases(&mut self, tell: &mut Tell<'_>) {
        for item in self.root.of("aws_db_subnet_group") {
            item.known(&["name", "name_prefix", "description", "subnet_ids"], tell);
        }
        for item in self.root.of("aws_db_instance") {
            let part = item.known(DATABASE, tell);
            let Some(group) = self.root.led(part, "db_subnet_group_name", "aws_db_subnet_group", tell) else {
                continue;
            };
            let subnets = self.subnets(group.part(), "subnet_ids", tell);
            self.address(part, "publicly_accessible", &subnets, tell);
            let groups = self.groups(part, "vpc_security_group_ids", tell);
            self.stand(item, (&subnets, &groups), (Role::Member, false), None);
        }
    }

    fn balancers(&mut self, tell: &mut Tell<'_>) {
        let tell = &mut tell.at(Layer::Balancer);
        for item in self.root.of("aws_lb") {
            let part = item.part();
            let subnets = self.subnets(part, "subnets", tell);
            // A balancer of connections may be of no group: then none holds it.
            let is_network = part.word("load_balancer_type") == Some("network");
            let is_free = is_network && part.get("security_groups").is_none();
            let groups = if is_free { Vec::new() } else { self.groups(part, "security_groups", tell) };
            self.stand(item, (&subnets, &groups), (Role::Balancer, false), None);
        }
    }

    /// Somebody for each group of a tier, in each of its subnets.
    fn whoever_comes(&mut self, tell: &mut Tell<'_>) {
        let tell = &mut tell.at(Layer::Group);
        let groups = self.groups;
        for (number, group) in groups.all.iter().enumerate().filter(|(_, group)| !group.is_default) {
            let Some(tier) = &group.tier else {
                if !self.stands.iter().any(|stand| stand.groups.contains(&number)) {
                    let what = format!(
                        "nobody is in group {}, and it has no tag `tier`: whom does it guard?",
                        shown(&group.name)
                    );
                    tell.lost(group.at.clone(), what);
                }
                continue;
            };
            let subnets: Vec<usize> = (0..self.network.subnets.len()).filter(|at| self.tier(*at) == tier).collect();
            if subnets.is_empty() {
                let what =
                    format!("group {} guards tier {}, of which nothing is here", shown(&group.name), shown(tier));
                tell.fail(Kind::Dangling, group.at.clone(), what);
            }
            for subnet in subnets {
                self.stands.push(Stand {
                    words: format!("a machine in group {}", shown(&group.name)),
                    item: None,
                    subnet,
                    groups: vec![number],
                    role: Role::Member,
                    is_cluster: false,
                    address: None,
                    listens: None,
                });
            }
        }
    }
}
