//! Where measurements are kept for long: a bucket of the region's own provider,
//! so that what is measured in a place stays there.
//!
//! Whoever runs it has rights to the bucket by the machine that it runs on; no
//! file has a key.

use super::View;
use crate::{Refused, Tree};
use serde_json::{Value, json};

pub(super) fn files(view: &View<'_>, tree: &mut Tree) -> Result<(), Refused> {
    tree.add("objstore.yaml", view.file("where Thanos keeps measurements.", store(view))?);
    Ok(())
}

/// Where there is no bucket, in a container.
pub(super) const FOLDER: &str = "/var/thanos/objects";

/// Whether there is no bucket.
pub(super) fn is_folder(view: &View<'_>) -> bool {
    store(view)["type"] == "FILESYSTEM"
}

/// The provider's own name for the place.
pub(super) fn place<'v>(view: &'v View<'_>) -> Option<&'v str> {
    view.place.region.provider_regions.first().map(|name| name.as_str())
}

fn store(view: &View<'_>) -> Value {
    let bucket = view.own("metrics");
    match (view.place.region.provider.as_str(), place(view)) {
        ("aws", Some(region)) => json!({
            "type": "S3",
            "config": {
                "bucket": bucket,
                "endpoint": format!("s3.{region}.amazonaws.com"),
                "region": region,
                "aws_sdk_auth": true,
            },
        }),
        ("gcp", _) => json!({ "type": "GCS", "config": { "bucket": bucket } }),
        // A folder that is of this machine alone: what is on it is as safe as its disk.
        _ => json!({ "type": "FILESYSTEM", "config": { "directory": FOLDER } }),
    }
}
