//! What a machine does when it first starts. Nothing in it is a secret: keys
//! come from Secrets Manager, once, and from then on the disk has them.

use super::site::{Door, Site};
use crate::hcl::{Template, text};
use crate::program;

/// What is said before anything of the planet is.
const BEGIN: &str = "#!/bin/bash\n\
    set -euo pipefail\n\
    umask 077\n\
    # The way out may be made after the machine.\n\
    until dnf install --quiet --assumeyes docker; do sleep 5; done\n\
    metadata=http://169.254.169.254/latest\n\
    token=$(curl --silent --fail --request PUT \\\n\
    \x20 --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' $metadata/api/token)\n\
    machine=$(curl --silent --fail --header \"X-aws-ec2-metadata-token: $token\" $metadata/meta-data/instance-id)";

/// Files of the folder that `mycel trust init` made: whole, or none.
const KEYS: &str = "disk=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$(echo $volume | tr -d -)\n\
    until [ -e \"$disk\" ]; do sleep 1; done\n\
    # Whatever is on it stays: mkfs touches no disk that has something.\n\
    blkid \"$disk\" > /dev/null || mkfs.xfs -q \"$disk\"\n\
    mkdir -p /var/lib/mycel /etc/mycel /etc/systemd/system/docker.service.d\n\
    echo \"$disk /var/lib/mycel xfs defaults,nofail 0 2\" >> /etc/fstab\n\
    printf '[Unit]\\nRequiresMountsFor=/var/lib/mycel\\n' > /etc/systemd/system/docker.service.d/disk.conf\n\
    systemctl daemon-reload\n\
    mountpoint --quiet /var/lib/mycel || mount /var/lib/mycel\n\
    secret() {\n\
    \x20 aws secretsmanager get-secret-value --region $region --secret-id \"$1\" --query SecretBinary --output text |\n\
    \x20   base64 --decode | tar --extract --directory \"$2\" --no-same-owner\n\
    }\n\
    home=/var/lib/mycel/home\n\
    if [ ! -d $home ]; then\n\
    \x20 rm -rf $home.part\n\
    \x20 mkdir $home.part\n\
    \x20 secret \"$keys\" $home.part\n\
    \x20 chown --recursive $user:$user $home.part\n\
    \x20 chmod --recursive go= $home.part\n\
    \x20 sync\n\
    \x20 mv $home.part $home\n\
    fi\n\
    mkdir -p /etc/mycel/tls\n\
    secret \"$tls\" /etc/mycel/tls\n\
    chown --recursive $user:$user /etc/mycel/tls";

/// Puts the program's words behind each other.
pub(super) fn start(site: &Site<'_>, door: &Door<'_>) -> Vec<Template> {
    let mut lines: Vec<Template> = BEGIN.split('\n').map(text).collect();
    lines.extend([
        text(&format!("region={}", site.aws)),
        text(&format!("user={}", program::USER)),
        text("volume=").expression("aws_ebs_volume.data.id"),
        text("keys=").expression("var.keys_secret_arn"),
        text("tls=").expression("var.tls_secret_arn"),
        text("# One machine at a time has the disk, so one serves the region."),
        text("until aws ec2 attach-volume --region $region --volume-id $volume --instance-id $machine --device /dev/sdm; do"),
        text("  sleep 5"),
        text("done"),
    ]);
    lines.extend(KEYS.split('\n').map(text));
    lines.extend([
        text("aws s3 cp --region $region s3://")
            .expression("aws_s3_object.planet.bucket")
            .text("/planet.toml /etc/mycel/planet.toml"),
        text("# What it is to be is said here too, so that another planet file is another machine."),
        text("echo '")
            .text(&crate::scene::digest(site.scene.text.as_bytes()))
            .text("  /etc/mycel/planet.toml' | sha256sum --check --status"),
        text("chmod 755 /etc/mycel"),
        text("chmod 644 /etc/mycel/planet.toml"),
        text("systemctl enable --now docker"),
    ]);
    lines.extend(run(site, door));
    lines
}

/// The program in a container, as every target runs it.
fn run(site: &Site<'_>, door: &Door<'_>) -> Vec<Template> {
    let words = program::host(site.place.id(), true, None);
    let bind = |path: &str, more: &str| format!("  --mount type=bind,source={path},target={path}{more} \\");
    vec![
        text("docker run --detach --name mycel --restart unless-stopped \\"),
        text("  --user $user:$user --read-only --cap-drop ALL --security-opt no-new-privileges \\"),
        text(&format!("  --ulimit nofile=65536:65536 --stop-timeout {} \\", program::STOPS_SECONDS)),
        text(&format!("  --publish {}:{} \\", door.port, program::PORT)),
        // A bind of what is not there fails: without its disk the program does not start.
        text(&bind(program::HOME, "")),
        text(&bind(program::PLANET, ",readonly")),
        text(&bind("/etc/mycel/tls", ",readonly")),
        text("  --entrypoint mycel ").expression("var.image").text(" \\"),
        text(&format!("  {}", words.join(" "))),
    ]
}
