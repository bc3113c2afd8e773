//! Terraform, broken one way at a time.

use super::{Add, Break, Cut, Gone, Kind, Layer, Swap, Whole};
use Kind::{Dangling, Elsewhere, LetThrough, NotUnderstood, Open, Secret, Stopped};

const MAIN: &str = "terraform/dc-2/main.tf";
const NETWORK: &str = "terraform/dc-2/network.tf";
const ACCESS: &str = "terraform/dc-2/access.tf";
const PACKETS: &str = "terraform/dc-2/packets.tf";
const BALANCE: &str = "terraform/dc-2/balance.tf";
const MACHINES: &str = "terraform/dc-2/machines.tf";
const CLUSTER: &str = "terraform/dc-2/cluster.tf";
const KEYS: &str = "terraform/dc-2/keys.tf";
const VPN: &str = "terraform/dc-2/vpn.tf";
const OUTPUTS: &str = "terraform/dc-2/outputs.tf";
const VARIABLES: &str = "terraform/dc-2/variables.tf";
const ONE: &str = "terraform/global/accelerator.tf";
const NAMES: &str = "terraform/global/dns.tf";

/// Subnets and the ways out of them.
pub(crate) fn ways() -> Vec<Break> {
    Vec::from(breaks! {
        "the route table of another zone": NETWORK, Swap("association\" \"private_2", "aws_route_table.private_2", "aws_route_table.private_1")
            => Stopped, Route, None, "when that zone is lost";
        "one NAT gateway for three zones": NETWORK, Swap("aws_route\" \"private_3", "aws_nat_gateway.public_3", "aws_nat_gateway.public_1")
            => Stopped, Route, None, "us-west-2c goes out through NAT in us-west-2a";
        "a NAT gateway that nobody uses": NETWORK, Swap("aws_route\" \"private_3", "aws_nat_gateway.public_3", "aws_nat_gateway.public_1")
            => Open, Route, None, "nobody goes out through NAT public_3";
        "a second NAT gateway": NETWORK, Add("resource \"aws_nat_gateway\" \"more\" {\n  allocation_id = aws_eip.public_1.id\n  subnet_id = aws_subnet.public_1.id\n}\n")
            => Open, Route, None, "nobody goes out through NAT more";
        "NAT in a private subnet": NETWORK, Swap("aws_nat_gateway\" \"public_1", "aws_subnet.public_1.id", "aws_subnet.private_1.id")
            => Stopped, Route, Some(("private", "internet")), "no route leads to the Internet";
        "NAT without an address": NETWORK, Swap("aws_nat_gateway\" \"public_1", "allocation_id = aws_eip.public_1.id", "")
            => Stopped, Route, None, "without an address";
        "a second gateway": NETWORK, Add("resource \"aws_internet_gateway\" \"more\" {\n  vpc_id = aws_vpc.main.id\n}\n")
            => Open, Route, None, "a second gateway";
        "a database with a route to the Internet": NETWORK, Swap("association\" \"database_1", "aws_route_table.database_1", "aws_route_table.open")
            => Open, Route, None, "leads to the Internet's gateway";
        "a database that goes out through NAT": NETWORK, Swap("association\" \"database_2", "aws_route_table.database_2", "aws_route_table.private_2")
            => Open, Route, None, "has a way to the Internet";
        "a private subnet without a way out": NETWORK, Cut("", "resource \"aws_route\" \"private_1\"")
            => Stopped, Route, Some(("private", "internet")), "no route leads to";
        "a public subnet without its table": NETWORK, Cut("", "resource \"aws_route_table_association\" \"public_1\"")
            => Stopped, Route, Some(("internet", "public")), "no route leads back";
        "no way out for the public tier": NETWORK, Cut("", "resource \"aws_route\" \"open\"")
            => Stopped, Route, Some(("internet", "public")), "no route leads back";
        "half of the Internet": NETWORK, Swap("aws_route\" \"private_1", "0.0.0.0/0", "0.0.0.0/1")
            => Stopped, Route, Some(("private", "internet")), "no route leads to";
        "a route to an address inside": NETWORK, Swap("aws_route\" \"private_1", "0.0.0.0/0", "10.1.11.0/24")
            => NotUnderstood, Route, None, "within the network";
        "two route tables": NETWORK, Add("resource \"aws_route_table_association\" \"more\" {\n  subnet_id = aws_subnet.private_1.id\n  route_table_id = aws_route_table.private_2.id\n}\n")
            => Dangling, Route, None, "second route table";
        "names are not answered": NETWORK, Swap("", "enable_dns_support   = true", "enable_dns_support   = false")
            => Stopped, Subnet, Some(("private", "dns")), "answers no names";
        "subnets that overlap": NETWORK, Swap("aws_subnet\" \"private_2", "10.1.2.0/24", "10.1.1.0/25")
            => Stopped, Subnet, None, "overlaps";
        "a subnet of another tier's addresses": NETWORK, Swap("aws_subnet\" \"database_1", "10.1.11.0/24", "10.1.21.0/24")
            => NotUnderstood, Subnet, None, "no subnet of the planet";
        "and one that is missing": NETWORK, Swap("aws_subnet\" \"database_1", "10.1.11.0/24", "10.1.21.0/24")
            => Stopped, Subnet, None, "10.1.11.0/24 of tier database is not here";
        "a subnet in another zone": NETWORK, Swap("aws_subnet\" \"private_2", "us-west-2b", "us-west-2a")
            => Stopped, Subnet, None, "the planet has it in us-west-2b";
        "a subnet in another region": NETWORK, Swap("aws_subnet\" \"private_2", "us-west-2b", "us-east-1b")
            => Elsewhere, Subnet, None, "us-east-1b";
        "another network": NETWORK, Swap("", "10.1.0.0/16", "10.9.0.0/16")
            => Stopped, Subnet, None, "the planet's is 10.1.0.0/16";
        "addresses of the Internet for databases": NETWORK, Swap("aws_subnet\" \"database_1", "map_public_ip_on_launch = false", "map_public_ip_on_launch = true")
            => Open, Address, None, "tier database gets";
        "an address for a machine": NETWORK, Swap("aws_eip\" \"public_1", "domain = \"vpc\"", "domain = \"vpc\"\n  instance = \"i-1\"")
            => Open, Address, None, "for a machine";
        "a way to another region": VPN, Swap("aws_route\" \"private_1_corporate", "10.60.0.0/16", "10.0.0.0/16")
            => LetThrough, Group, Some(("private", "region:*")), "10.0.1.0/24";
        "a peer in another region": NETWORK, Add("resource \"aws_vpc_peering_connection\" \"more\" {\n  vpc_id = aws_vpc.main.id\n  peer_vpc_id = \"vpc-1\"\n}\nresource \"aws_route\" \"more\" {\n  route_table_id = aws_route_table.private_1.id\n  destination_cidr_block = \"10.0.0.0/16\"\n  vpc_peering_connection_id = aws_vpc_peering_connection.more.id\n}\n")
            => LetThrough, Group, Some(("private", "region:*")), "10.0.1.0/24";
        "a lookup": NETWORK, Swap("aws_subnet\" \"private_1", "\"10.1.1.0/24\"", "cidrsubnet(aws_vpc.main.cidr_block, 8, 1)")
            => NotUnderstood, Subnet, None, "`cidrsubnet` works out";
        "many of one": NETWORK, Swap("aws_subnet\" \"private_1", "vpc_id ", "count = 3\n  vpc_id ")
            => NotUnderstood, File, None, "`count`";
        "somebody else's changes": ACCESS, Swap("aws_security_group\" \"database", "  tags", "  lifecycle {\n    ignore_changes = [ingress]\n  }\n  tags")
            => NotUnderstood, File, None, "ignore_changes";
        "a module": NETWORK, Add("module \"more\" {\n  source = \"./more\"\n}\n")
            => NotUnderstood, File, None, "`module`";
        "a kind that is not known": NETWORK, Add("resource \"aws_ec2_transit_gateway\" \"more\" {}\n")
            => NotUnderstood, File, None, "aws_ec2_transit_gateway";
        "another region's provider": MAIN, Swap("provider \"aws\"", "us-west-2", "eu-west-1")
            => Elsewhere, Store, None, "put into eu-west-1";
        "a second provider": MAIN, Add("provider \"aws\" {\n  alias = \"more\"\n  region = \"eu-west-1\"\n}\n")
            => NotUnderstood, File, None, "second provider";
        "no HCL": NETWORK, Whole(b"resource {")
            => NotUnderstood, File, None, "";
        "no text, here": NETWORK, Whole(b"\xff\xfe")
            => NotUnderstood, File, None, "UTF-8";
        "no network at all": NETWORK, Gone
            => Dangling, File, None, "aws_vpc.main";
        "a password of somebody": "terraform/dc-2/terraform.tfvars", Whole(b"account = 1\ndb_password = \"hunter2\"\n")
            => Secret, Settings, None, "db_password";
        "a file of another kind": "terraform/dc-2/more.tf.json", Whole(b"{}")
            => NotUnderstood, File, None, "nothing here understands";
        "names of the whole planet in a region": NETWORK, Add("resource \"aws_route53_record\" \"more\" {\n  name = \"a\"\n}\n")
            => NotUnderstood, Store, None, "is of no region";
        "a second network": NETWORK, Add("resource \"aws_vpc\" \"more\" {\n  cidr_block = \"10.7.0.0/16\"\n}\n")
            => NotUnderstood, Subnet, None, "a second network";
        "an ACL for a subnet that has one": PACKETS, Add("resource \"aws_network_acl\" \"more\" {\n  vpc_id = aws_vpc.main.id\n  subnet_ids = [aws_subnet.database_1.id]\n}\n")
            => Dangling, Acl, None, "second ACL";
    })
}

/// ACLs and groups.
pub(crate) fn walls() -> Vec<Break> {
    Vec::from(breaks! {
        "no replies from the database": PACKETS, Cut("acl\" \"database\"", "  egress {")
            => Stopped, Acl, Some(("private", "database")), "where replies go";
        "replies to half of the ports": PACKETS, Swap("acl\" \"database\"", "to_port    = 65535", "to_port    = 32767")
            => Stopped, Acl, Some(("private", "database")), "1024-65535";
        "no replies to the Internet": PACKETS, Swap("# Replies. Flow 1", "to_port    = 65535", "to_port    = 1024")
            => Stopped, Acl, Some(("internet", "public")), "replies out of public";
        "no replies through NAT": PACKETS, Swap("# Replies. Through NAT. Flow 4", "action     = \"allow\"", "action     = \"deny\"")
            => Stopped, Acl, Some(("private", "internet")), "replies into public";
        "NAT is cut from its subnet": PACKETS, Swap("# Through NAT. Flow 4", "10.1.1.0/24", "10.1.9.0/24")
            => Stopped, Acl, Some(("private", "internet")), "into public";
        "the database is cut by its ACL": PACKETS, Swap("acl\" \"database\"", "from_port  = 5432", "from_port  = 5433")
            => NotUnderstood, Acl, None, "ports from 5433 to 5432";
        "one subnet is cut": PACKETS, Swap("acl\" \"database\"", "10.1.2.0/24", "10.1.4.0/24")
            => Stopped, Acl, Some(("private", "database")), "10.1.2.0/24";
        "a rule before the others": PACKETS, Swap("acl\" \"database\"", "  ingress {", "  ingress {\n    rule_no    = 10\n    action     = \"deny\"\n    protocol   = \"-1\"\n    from_port  = 0\n    to_port    = 0\n    cidr_block = \"10.1.1.0/24\"\n  }\n\n  ingress {")
            => Stopped, Acl, Some(("private", "database")), "rule 10 denies it";
        "the Internet is denied": PACKETS, Swap("# Flow 1: internet", "action     = \"allow\"", "action     = \"deny\"")
            => Stopped, Acl, Some(("internet", "public")), "denies it";
        "agents' own addresses are cut": PACKETS, Swap("# Agents, whose own", "rule_no    = 240\n    action     = \"allow\"", "rule_no    = 225\n    action     = \"deny\"")
            => Stopped, Acl, Some(("network", "private")), "rule 225 denies it";
        "and replies to them": PACKETS, Cut("# Replies. Agents, whose own", "  egress {")
            => Stopped, Acl, Some(("network", "private")), "replies out of private";
        "two rules of one number": PACKETS, Swap("acl\" \"database\"", "rule_no    = 110", "rule_no    = 100")
            => NotUnderstood, Acl, None, "two rules have the number 100";
        "nodes are cut from each other": PACKETS, Swap("# Nodes of the cluster", "action     = \"allow\"", "action     = \"deny\"")
            => Stopped, Acl, Some(("cluster", "private")), "denies it";
        "a database for everybody": ACCESS, Swap("ingress_rule\" \"database_flow-3-1", "referenced_security_group_id = aws_security_group.application.id", "cidr_ipv4 = \"0.0.0.0/0\"")
            => Open, Group, Some(("internet", "database")), "open to 0.0.0.0/0";
        "everybody, by IPv6": ACCESS, Add("resource \"aws_vpc_security_group_ingress_rule\" \"more\" {\n  security_group_id = aws_security_group.public.id\n  cidr_ipv6 = \"::/0\"\n  ip_protocol = \"tcp\"\n  from_port = 22\n  to_port = 22\n}\n")
            => Open, Group, Some(("internet", "public")), "::/0";
        "SSH for everybody": ACCESS, Swap("ingress_rule\" \"public_flow-1-1", "from_port         = 443", "from_port         = 22")
            => Open, Group, Some(("internet", "public")), "no such port";
        "and at the public tier itself": ACCESS, Swap("ingress_rule\" \"public_flow-1-1", "from_port         = 443\n  to_port           = 443", "from_port         = 22\n  to_port           = 443")
            => Open, Group, Some(("internet", "public")), "22-442";
        "another port than the flow's": ACCESS, Swap("ingress_rule\" \"database_flow-3-1", "from_port                    = 5432\n  to_port                      = 5432", "from_port                    = 5433\n  to_port                      = 5433")
            => Stopped, Group, Some(("private", "database")), "into database";
        "the database's rule is gone": ACCESS, Cut("", "resource \"aws_vpc_security_group_ingress_rule\" \"database_flow-3-1\"")
            => Stopped, Group, Some(("private", "database")), "into database";
        "a rule out is gone": ACCESS, Cut("", "resource \"aws_vpc_security_group_egress_rule\" \"application_flow-3-1\"")
            => Stopped, Group, Some(("private", "database")), "out of application";
        "a rule for another group": ACCESS, Swap("egress_rule\" \"application_flow-3-1", "aws_security_group.database.id", "aws_security_group.public.id")
            => Stopped, Group, Some(("private", "database")), "out of application";
        "members of a tier among themselves": ACCESS, Add("resource \"aws_security_group_rule\" \"in\" {\n  type = \"ingress\"\n  security_group_id = aws_security_group.application.id\n  protocol = \"tcp\"\n  from_port = 9000\n  to_port = 9000\n  self = true\n}\nresource \"aws_security_group_rule\" \"out\" {\n  type = \"egress\"\n  security_group_id = aws_security_group.application.id\n  protocol = \"tcp\"\n  from_port = 9000\n  to_port = 9000\n  self = true\n}\n")
            => LetThrough, Group, Some(("private", "private")), "9000";
        "ping": ACCESS, Swap("ingress_rule\" \"public_flow-1-1", "\"tcp\"", "\"icmp\"")
            => NotUnderstood, Group, None, "`icmp`";
        "addresses of which nobody knows": ACCESS, Swap("ingress_rule\" \"public_flow-1-1", "\"0.0.0.0/0\"", "var.everybody")
            => NotUnderstood, Group, None, "whoever runs this says";
        "a rule for a group that is not there": ACCESS, Swap("ingress_rule\" \"database_flow-3-1", "aws_security_group.application.id", "aws_security_group.applications.id")
            => Dangling, File, None, "applications";
        "a group of nobody": ACCESS, Add("resource \"aws_security_group\" \"more\" {\n  vpc_id = aws_vpc.main.id\n}\n")
            => NotUnderstood, Group, None, "nobody is in group more";
        "the network's own group lets something through": NETWORK, Swap("closed\"", "  vpc_id = aws_vpc.main.id", "  vpc_id = aws_vpc.main.id\n  ingress {\n    protocol = \"-1\"\n    from_port = 0\n    to_port = 0\n    cidr_blocks = [\"0.0.0.0/0\"]\n  }")
            => Open, Group, None, "closed is open";
    })
}

/// Balancers, machines, records and secrets.
pub(crate) fn things() -> Vec<Break> {
    Vec::from(breaks! {
        "a listener more": BALANCE, Add("resource \"aws_lb_listener\" \"more\" {\n  load_balancer_arn = aws_lb.network.arn\n  port = 22\n  protocol = \"TCP\"\n  default_action {\n    type = \"forward\"\n    target_group_arn = aws_lb_target_group.network.arn\n  }\n}\n")
            => Open, Balancer, Some(("internet", "network")), "listens to 0.0.0.0/0";
        "a listener at another port": BALANCE, Swap("listener\" \"network_443", "= 443", "= 8443")
            => Stopped, Balancer, Some(("internet", "program")), "no balancer of connections";
        "a balancer for nobody outside": BALANCE, Swap("aws_lb\" \"network", "= false", "= true")
            => Stopped, Balancer, Some(("internet", "program")), "no balancer of connections";
        "a balancer in the private tier": BALANCE, Swap("aws_lb\" \"network", "aws_subnet.public_1.id", "aws_subnet.private_1.id")
            => Open, Address, None, "not public";
        "a balancer of another group": BALANCE, Swap("aws_lb\" \"network", "aws_security_group.public.id", "aws_security_group.database.id")
            => Stopped, Group, Some(("network", "private")), "out of database";
        "a balancer of no group": BALANCE, Swap("aws_lb\" \"network", "security_groups            = [aws_security_group.public.id]", "")
            => Stopped, Group, Some(("network", "private")), "into application";
        "targets at another port": BALANCE, Swap("target_group\" \"network", "port     = 8080", "port     = 8081")
            => Stopped, Group, Some(("network", "private")), "8081";
        "and the machine does not open it": BALANCE, Swap("target_group\" \"network", "port     = 8080", "port     = 8081")
            => Stopped, Balancer, None, "does not open";
        "nobody is led to": MACHINES, Swap("aws_autoscaling_group\" \"host", "aws_lb_target_group.network.arn, ", "")
            => Dangling, Balancer, None, "leads to nobody";
        "each zone for itself": BALANCE, Swap("aws_lb\" \"network", "load_balancing = true", "load_balancing = false")
            => Stopped, Balancer, None, "us-west-2b, and not to other zones";
        "a target that does not exist": BALANCE, Swap("listener\" \"network_443", "aws_lb_target_group.network.arn", "aws_lb_target_group.networks.arn")
            => Dangling, File, None, "networks";
        "health at another port": BALANCE, Swap("target_group\" \"network", "\"traffic-port\"", "\"9090\"")
            => NotUnderstood, Balancer, None, "another port";
        "the host in another tier": MACHINES, Swap("aws_autoscaling_group\" \"host", "aws_subnet.private_1.id", "aws_subnet.database_1.id")
            => Stopped, Acl, Some(("network", "database")), "into database";
        "the host in another group": MACHINES, Swap("aws_launch_template\" \"host", "aws_security_group.application.id", "aws_security_group.database.id")
            => Stopped, Group, Some(("network", "private")), "into database";
        "a host of no group": MACHINES, Swap("aws_launch_template\" \"host", "vpc_security_group_ids = [aws_security_group.application.id]", "")
            => Stopped, Group, Some(("network", "private")), "into closed";
        "a host with an address": MACHINES, Swap("aws_launch_template\" \"host", "vpc_security_group_ids = [aws_security_group.application.id]", "network_interfaces {\n    associate_public_ip_address = true\n    security_groups = [aws_security_group.application.id]\n  }")
            => Open, Address, None, "tier private is not public";
        "another region's blocks, on the machine": MACHINES, Swap("up /etc", "--only dc-2", "--only dc-1")
            => Elsewhere, Machine, None, "the blocks of region dc-1";
        "every region's blocks, on the machine": MACHINES, Swap("up /etc", "--only dc-2", "")
            => Elsewhere, Machine, None, "every region";
        "the machine listens to itself": MACHINES, Swap("up /etc", "--listen 0.0.0.0", "--listen 127.0.0.1")
            => Stopped, Machine, None, "where nobody else is";
        "the machine's port leads nowhere": MACHINES, Swap("docker run", "8080:7117", "8080:7118")
            => Stopped, Machine, None, "does not listen";
        "a password in the script": MACHINES, Swap("#!/bin/bash", "umask 077", "export DB_PASSWORD=hunter2")
            => Secret, Output, None, "";
        "a bucket for everybody": MACHINES, Swap("public_access_block\" \"planet", "block_public_policy     = true", "block_public_policy     = false")
            => Open, Store, None, "everybody may read";
        "a bucket that nobody closes": MACHINES, Cut("", "resource \"aws_s3_bucket_public_access_block\" \"planet\"")
            => Open, Store, None, "not for everybody";
        "another planet on the machine": "terraform/dc-2/planet.toml", Swap("", "jurisdictions = [\"US\"]", "jurisdictions = [\"DE\"]")
            => Elsewhere, Settings, None, "another one";
        "a cluster for everybody": CLUSTER, Swap("vpc_config", "endpoint_public_access  = false", "endpoint_public_access  = true")
            => Open, Machine, None, "the whole Internet";
        "nodes in the database's group": CLUSTER, Swap("aws_launch_template\" \"nodes", "aws_security_group._cluster.id, aws_security_group.application.id", "aws_security_group.database.id")
            => Stopped, Group, Some(("cluster", "private")), "";
        "what keeps the cluster is cut": CLUSTER, Cut("", "resource \"aws_vpc_security_group_ingress_rule\" \"_cluster\"")
            => Stopped, Group, Some(("cluster", "private")), "into _cluster";
        "copies in a bucket elsewhere": MACHINES, Add("resource \"aws_s3_bucket_replication_configuration\" \"more\" {\n  bucket = aws_s3_bucket.planet.id\n  role = aws_iam_role.host.arn\n  rule {\n    status = \"Enabled\"\n    destination {\n      bucket = \"arn:aws:s3:::elsewhere\"\n    }\n  }\n}\n")
            => Elsewhere, Store, None, "copied to a bucket";
        "a database that copies another's": MACHINES, Add("resource \"aws_db_subnet_group\" \"more\" {\n  subnet_ids = [aws_subnet.database_1.id, aws_subnet.database_2.id]\n}\nresource \"aws_db_instance\" \"more\" {\n  replicate_source_db = \"arn:aws:rds:ap-south-1:123456789012:db:main\"\n  instance_class = \"db.m7g.large\"\n  db_subnet_group_name = aws_db_subnet_group.more.name\n  vpc_security_group_ids = [aws_security_group.database.id]\n}\n")
            => Elsewhere, Store, None, "none of the planet's";
        "a database with a password": MACHINES, Add("resource \"aws_db_subnet_group\" \"more\" {\n  subnet_ids = [aws_subnet.database_1.id]\n}\nresource \"aws_db_instance\" \"more\" {\n  password = var.account\n  instance_class = \"db.m7g.large\"\n  db_subnet_group_name = aws_db_subnet_group.more.name\n  vpc_security_group_ids = [aws_security_group.database.id]\n}\n")
            => Secret, Output, None, "`password` is a secret";
        "a database for the Internet": MACHINES, Add("resource \"aws_db_subnet_group\" \"more\" {\n  subnet_ids = [aws_subnet.database_1.id]\n}\nresource \"aws_db_instance\" \"more\" {\n  publicly_accessible = true\n  instance_class = \"db.m7g.large\"\n  db_subnet_group_name = aws_db_subnet_group.more.name\n  vpc_security_group_ids = [aws_security_group.database.id]\n}\n")
            => Open, Address, None, "tier database is not public";
        "a key of many regions": KEYS, Swap("aws_kms_key", "enable_key_rotation ", "multi_region = true\n  enable_key_rotation ")
            => NotUnderstood, Store, None, "many regions";
        "a shared key of a VPN": VPN, Swap("aws_vpn_connection\" \"corporate", "type ", "tunnel1_preshared_key = var.account\n  type ")
            => Secret, Output, None, "tunnel1_preshared_key";
        "an output that is a secret": OUTPUTS, Swap("output \"alarms\"", "description", "sensitive = true\n  description")
            => Secret, Output, None, "output `alarms`";
        "an output of a key": OUTPUTS, Add("output \"more\" {\n  value = tls_private_key.main.private_key_pem\n}\n")
            => Secret, Output, None, "private_key_pem";
        "a password for whoever says none": VARIABLES, Add("variable \"db_password\" {\n  default = \"hunter2\"\n}\n")
            => Secret, Output, None, "";
        "one address at another port": ONE, Swap("listener", "to_port   = 443", "to_port   = 8443")
            => Open, Balancer, None, "444-8443";
        "one address that leads elsewhere": ONE, Swap("global_dc-2", "var.entry_dc-2", "var.entry_dc-1")
            => Elsewhere, Balancer, None, "led to region dc-1";
        "one address to somebody else": ONE, Swap("global_dc-2", "var.entry_dc-2.arn", "\"arn:aws:elasticloadbalancing:eu-west-1:1:a\"")
            => NotUnderstood, Balancer, None, "not to the entry of a region";
        "addresses of agents are lost": ONE, Swap("global_dc-2", "client_ip_preservation_enabled = true", "client_ip_preservation_enabled = false")
            => Stopped, Balancer, None, "limits and bans";
        "a name that leads elsewhere": NAMES, Swap("record\" \"dc-2", "[var.entry_dc-2.dns_name]", "[var.entry_dc-1.dns_name]")
            => Elsewhere, Names, None, "led to region dc-1";
        "a name that leads to an address": NAMES, Swap("record\" \"dc-2", "[var.entry_dc-2.dns_name]", "[\"203.0.113.9\"]")
            => NotUnderstood, Names, None, "203.0.113.9";
        "another region's health": NAMES, Swap("record\" \"dc-2", "health_check.dc-2", "health_check.dc-1")
            => Elsewhere, Names, None, "another region's";
        "health where nothing is open": NAMES, Swap("health_check\" \"dc-2", "= 443", "= 80")
            => Stopped, Names, None, "counts as lost";
    })
}
