//! The kinds of resources that are understood: those whose every argument is
//! judged, and those that cannot change who reaches whom.

/// Each is read by a file of this folder, argument by argument.
const JUDGED: &[&str] = &[
    "aws_autoscaling_group",
    "aws_cloudfront_cache_policy",
    "aws_cloudfront_distribution",
    "aws_customer_gateway",
    "aws_db_instance",
    "aws_db_subnet_group",
    "aws_default_security_group",
    "aws_eip",
    "aws_eks_cluster",
    "aws_eks_node_group",
    "aws_globalaccelerator_accelerator",
    "aws_globalaccelerator_endpoint_group",
    "aws_globalaccelerator_listener",
    "aws_instance",
    "aws_internet_gateway",
    "aws_kms_replica_key",
    "aws_launch_template",
    "aws_lb",
    "aws_lb_listener",
    "aws_lb_listener_rule",
    "aws_lb_target_group",
    "aws_lb_target_group_attachment",
    "aws_nat_gateway",
    "aws_network_acl",
    "aws_network_acl_rule",
    "aws_route",
    "aws_route53_health_check",
    "aws_route53_record",
    "aws_route_table",
    "aws_route_table_association",
    "aws_s3_bucket_replication_configuration",
    "aws_s3_bucket_public_access_block",
    "aws_security_group",
    "aws_security_group_rule",
    "aws_subnet",
    "aws_vpc",
    "aws_vpc_peering_connection",
    "aws_vpc_security_group_egress_rule",
    "aws_vpc_security_group_ingress_rule",
    "aws_vpn_connection",
    "aws_vpn_connection_route",
    "aws_vpn_gateway",
    "cloudflare_ruleset",
];

/// None of these opens, names, translates or leads anything of a network.
const INERT: &[&str] = &[
    // Money.
    "aws_budgets_budget",
    // What is seen and told: it goes to the services of the same region.
    "aws_cloudwatch_log_group",
    "aws_cloudwatch_metric_alarm",
    "aws_flow_log",
    "aws_sns_topic",
    // A disk of one zone, at rest.
    "aws_ebs_volume",
    // Who may ask AWS what; no packet is let through by it.
    "aws_iam_instance_profile",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    // A key of this region; one of many regions is `multi_region`, which `data` reads.
    "aws_kms_key",
    // A zone of names. What the names lead to is in its records.
    "aws_route53_zone",
    // A bucket, and what becomes of what is in it, in its own region. Copies to
    // others are a kind of their own.
    "aws_s3_bucket",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_s3_object",
    // It only turns requests away.
    "aws_wafv2_web_acl",
    "aws_wafv2_web_acl_association",
    "aws_wafv2_web_acl_logging_configuration",
];

pub(crate) fn is_known(kind: &str) -> bool {
    JUDGED.contains(&kind) || INERT.contains(&kind)
}
