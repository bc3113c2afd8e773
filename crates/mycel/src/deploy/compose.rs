//! Compose: one machine, one host, replaced where it stands.

use super::{Act, Ground};

pub(super) fn acts(ground: &Ground<'_>) -> Vec<Act> {
    let up = |folder: &str| format!("docker compose --project-directory {folder} up --detach --wait");
    let pull = format!("docker compose --project-directory {} pull", ground.out);
    vec![Act {
        what: "on its machine, with MYCEL_DATA and MYCEL_USER set: the host".to_owned(),
        run: vec![pull, up(&ground.out)],
        back: ground.before.iter().map(|before| up(before)).collect(),
        watched: true,
    }]
}
