//! Blocks packed into pods beside a pod for each block: what the plan does
//! beside what one would do without it.

use super::compute::Pricing;
use super::sum;
use crate::model::Planet;
use crate::plan::{Plan, Unplannable, count};
use crate::tables::Tables;
use serde::Serialize;
use vocab::MicroUsd;

/// Both are modelled, at the hourly price, and count the machines that work,
/// without any spare one, and their control planes.
#[derive(Debug, Clone, Serialize)]
pub struct Packed {
    /// Hosts that work.
    pub nodes: u64,
    /// What they cost.
    #[serde(rename = "monthly_usd", serialize_with = "super::bill::usd")]
    pub monthly: MicroUsd,
    /// The machine that would run pods of one block each: the gateways' own.
    pub pod_machine: String,
    /// How many of them.
    pub pod_nodes: u64,
    /// How many clusters.
    pub pod_clusters: u64,
    /// What they would cost.
    #[serde(rename = "pod_monthly_usd", serialize_with = "super::bill::usd")]
    pub pod_monthly: MicroUsd,
}

impl Packed {
    pub(super) fn new(
        planet: &Planet,
        plan: &Plan,
        tables: &Tables,
        pricing: &mut Pricing<'_>,
    ) -> Result<Self, Unplannable> {
        let calibration = tables.calibration.for_planet(planet);
        let (host, pod) = (planet.compute.host.as_str(), planet.compute.gateway.as_str());
        let kubernetes = u64::from(planet.compute.kubernetes.value);
        let (mut packed, mut pods) = (Vec::new(), Vec::new());
        let (mut pod_nodes, mut pod_clusters) = (0u128, 0u128);
        for (region, plan) in planet.region.iter().zip(&plan.regions) {
            let nodes = plan.blocks.div_ceil(calibration.kubelet_pods);
            let clusters = plan.blocks.div_ceil(calibration.cluster_pods);
            (pod_nodes, pod_clusters) = (pod_nodes + u128::from(nodes), pod_clusters + u128::from(clusters));
            packed.push(pricing.hourly(host, region, plan.machines.working)?);
            packed.push(pricing.hourly("control-plane", region, kubernetes.min(plan.machines.working))?);
            pods.push(pricing.hourly(pod, region, nodes)?);
            pods.push(pricing.hourly("control-plane", region, clusters * kubernetes)?);
        }
        Ok(Self {
            nodes: plan.planet.working,
            monthly: sum(packed)?,
            pod_machine: pod.to_owned(),
            pod_nodes: count(pod_nodes)?,
            pod_clusters: count(pod_clusters)?,
            pod_monthly: sum(pods)?,
        })
    }
}
