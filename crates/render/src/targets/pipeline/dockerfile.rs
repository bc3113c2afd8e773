//! The image of the program: built from its source, and then nothing but the
//! program and the libraries that it is linked with. There is no shell in it, and
//! its user is nobody's on any machine.

use crate::flows::Flows;
use crate::program::{self, DISK, HOME, PORT, USER};
use crate::{Scene, comment};
use std::collections::BTreeSet;

/// The oldest toolchain that builds the program, which is the one that it says.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");
const LICENSE: &str = env!("CARGO_PKG_LICENSE");

pub(super) fn file(scene: &Scene<'_>) -> String {
    let name = scene.name();
    let ports: Vec<String> = ports(scene).iter().map(u16::to_string).collect();
    let about = scene.planet.planet.about.as_ref().map_or("", |about| about.as_str());
    let whose = comment::line(&format!("The image that planet {name} runs: `mycel render` wrote this."));
    format!(
        "{whose}\n\
         # The context is the program's source: docker build --file Dockerfile --tag {image} SOURCE\n\n\
         FROM docker.io/library/rust:{RUST}-bookworm AS build\n\
         WORKDIR /src\n\
         COPY . .\n\
         RUN cargo build --locked --release --package mycel \\\n\
         \x20   && install -d -m 755 /data && install -d -m 700 /data/home\n\n\
         # The same Debian as above, with its libc and libgcc, which the program is linked with. No shell.\n\
         FROM gcr.io/distroless/cc-debian12:nonroot\n\
         LABEL org.opencontainers.image.title=\"mycel\" \\\n\
         \x20     org.opencontainers.image.version={version} \\\n\
         \x20     org.opencontainers.image.licenses={license} \\\n\
         \x20     org.opencontainers.image.description={about} \\\n\
         \x20     mycel.dev/planet={planet}\n\
         COPY --from=build /src/target/release/mycel /usr/local/bin/mycel\n\
         # Who runs it without a disk of their own has this one; {HOME} is closed to others.\n\
         COPY --from=build --chown={USER}:{USER} /data {DISK}\n\
         VOLUME {DISK}\n\
         USER {USER}:{USER}\n\
         EXPOSE {ports}\n\
         # No HEALTHCHECK: the program has no command that asks itself, and nothing else is in here that could.\n\
         # Kubernetes asks /health and /ready itself, and so does health.sh.\n\
         ENTRYPOINT [\"/usr/local/bin/mycel\"]\n\
         CMD [\"--help\"]\n",
        image = scene.image,
        version = quoted(scene.version),
        license = quoted(LICENSE),
        about = quoted(about),
        planet = quoted(name),
        ports = ports.join(" "),
    )
}

/// Where the program listens: for agents, and with an office for gateways.
fn ports(scene: &Scene<'_>) -> BTreeSet<u16> {
    let nodes = scene.places().filter(|_| scene.office.is_some()).map(|place| {
        let behind = Flows::new(scene.planet, &place).behind;
        behind.and_then(|(_, port)| port).unwrap_or(program::NODES)
    });
    std::iter::once(PORT).chain(nodes).collect()
}

/// A value as Docker reads it back: it fills in variables at `$`.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for letter in text.chars() {
        if "\"\\$".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted + "\""
}
