//! The files of one region in a cluster: objects, who is there, and who reaches
//! whom through policies and services.

#[cfg(test)]
mod agree;
mod hosts;
mod judge;
mod objects;
mod places;
mod pod;
mod policy;
mod selector;
mod service;

pub(crate) use judge::{prove, why};

use crate::report::At;
use std::collections::BTreeMap;

pub(crate) type Labels = BTreeMap<String, String>;

/// Who an object is.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    pub(crate) at: At,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) labels: Labels,
}
