//! nginx in front of a region's host: agents as they come, and the open paths as
//! requests, of which it keeps what never changes.
//!
//! Words of the planet in the file are names and domains, whose letters mean
//! nothing to nginx, and comments, which end with their line.

use super::{Scope, Target, no_gateways, one_process};
use crate::front::{
    AGENTS, AUTHORITIES, CERTIFICATE, CERTIFICATE_KEY, CONNECT, ENTRIES, Front, HELLO, Names, OPEN, PATIENCE, READERS,
    Reading, TILES,
};
use crate::{Place, Refused, Scene, Tree, comment};
use vocab::Rate;

pub(super) static TARGET: Target = Target {
    name: "nginx",
    help: "nginx before each region: connections of agents, and open paths",
    scope: Scope::Region(render),
};

/// Where the one part of it hands connections to the others.
const TO_AGENTS: &str = "unix:/run/mycel/nginx-agents.sock";
const TO_OPEN: &str = "unix:/run/mycel/nginx-open.sock";

/// What is kept of answers: full tiles are 8 KiB, so these are some 130,000, over
/// 33 million entries of an audit log.
const KEPT: &str = "1g";
/// What nobody has asked for in so long is forgotten.
const UNASKED: &str = "30d";

fn render(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let front = Front::new(scene, place)?;
    let mut parts = vec![head(&front), stream(&front)];
    if !matches!(front.reading, Reading::Nowhere) {
        parts.push(http(&front));
    }
    tree.add("nginx.conf", parts.join("\n"));
    front.notes(tree);
    if front.fresh.is_some() {
        tree.note(
            "nginx: it does not count new connections over time; `haproxy` holds an address to [limits] connections",
        );
    }
    one_process(place, tree);
    no_gateways(tree);
    Ok(())
}

fn head(front: &Front) -> String {
    let about = comment::line(&format!("{}: nginx in front of its host. `mycel render` wrote this,", front.about));
    format!(
        "{about}\n# and docs/guides/deploy.md says how it is run.\n\n\
         # Where Debian has its modules loaded: `stream` is one of them.\ninclude /etc/nginx/modules-enabled/*.conf;\n\
         worker_processes auto;\nworker_rlimit_nofile 65536;\npid /run/mycel/nginx.pid;\nerror_log stderr warn;\n\n\
         events {{\n    # Each connection is two here, and of agents by name four.\n    worker_connections {most};\n}}\n",
        most = front.connections.saturating_mul(4),
    )
}

/// A line of JSON for each connection or request.
fn lines(name: &str, more: &str) -> String {
    format!(
        "    log_format {name} escape=json '{{\"timestamp\":\"$time_iso8601\",\"level\":\"INFO\",\"target\":\"nginx\",\
         \"from\":\"$remote_addr\",\"bytes\":$bytes_sent,\"status\":$status{more}}}';\n    access_log /dev/stdout {name};\n"
    )
}

fn resolver(front: &Front) -> String {
    format!("    resolver {} valid={}s ipv6=off;\n", front.resolver, front.ttl)
}

/// Agents, with what they have proved.
fn stream(front: &Front) -> String {
    let to_host = format!(
        "        set $host {};\n        proxy_pass $host;\n        \
         # Limits and bans go by the agent's own address. This takes CAP_NET_RAW, and a way back.\n        \
         proxy_bind $remote_addr transparent;\n",
        front.host
    );
    let listen: String = front.ports.iter().map(|port| format!("        listen {port};\n")).collect();
    let servers = match &front.reading {
        Reading::Here => format!(
            "    # No flow leads here from the Internet, and there is no TLS.\n    \
             server {{\n        listen 127.0.0.1:{AGENTS};\n{to_host}    }}\n"
        ),
        Reading::Nowhere => format!("    server {{\n{listen}{to_host}    }}\n"),
        Reading::Named(Names { open, .. }) => format!(
            "    # By the name that they ask for. Everybody is an agent who does not read the open paths.\n    \
             map $ssl_preread_server_name $door {{\n        {open} {TO_OPEN};\n        default {TO_AGENTS};\n    }}\n    \
             server {{\n{listen}        ssl_preread on;\n        proxy_pass $door;\n        proxy_protocol on;\n        \
             # Told where it ends.\n        access_log off;\n    }}\n    \
             server {{\n        listen {TO_AGENTS} proxy_protocol;\n        set_real_ip_from unix:;\n{to_host}    }}\n"
        ),
    };
    format!(
        "# Agents, with what they have proved: not a byte is changed.\nstream {{\n{lines}{resolver}    \
         preread_timeout {HELLO};\n    proxy_connect_timeout {CONNECT};\n    \
         # A long poll may be silent for 60 s, and the program itself ends what is idle after 75 s.\n    \
         proxy_timeout {PATIENCE};\n{servers}}}\n",
        lines = lines("agents", ""),
        resolver = resolver(front),
    )
}

/// A rate as nginx says it, a whole number for a second or a minute: never more
/// than the planet's, but for one a minute, which is its least.
fn rate(rate: Rate) -> String {
    let (events, per) = (u128::from(rate.events), u128::from(rate.per.0.max(1)));
    if (events * 1_000).is_multiple_of(per) && events > 0 {
        return format!("{}r/s", events * 1_000 / per);
    }
    format!("{}r/m", (events * 60_000 / per).max(1))
}

fn http(front: &Front) -> String {
    let lines = lines(
        "readers",
        ",\"method\":\"$request_method\",\"path\":\"$uri\",\"cache\":\"$upstream_cache_status\",\"seconds\":$request_time",
    );
    // The gateway's burst: a page asks for several things at once.
    let burst = (front.often.events / 10).max(1);
    format!(
        "# What needs no proof: requests share connections here, and nothing else may.\nhttp {{\n{lines}{resolver}    \
         server_tokens off;\n    default_type application/octet-stream;\n    \
         client_body_temp_path /var/cache/mycel/body;\n    proxy_temp_path /var/cache/mycel/proxy;\n    \
         fastcgi_temp_path /var/cache/mycel/fastcgi;\n    uwsgi_temp_path /var/cache/mycel/uwsgi;\n    \
         scgi_temp_path /var/cache/mycel/scgi;\n    \
         proxy_cache_path /var/cache/mycel/open levels=1:2 keys_zone=open:10m max_size={KEPT} inactive={UNASKED} use_temp_path=off;\n\n    \
         # [gateway] address_rate\n    \
         limit_req_zone $binary_remote_addr zone=sources:10m rate={rate};\n    limit_req_status 429;\n\n    \
         gzip on;\n    gzip_vary on;\n    gzip_proxied any;\n    gzip_min_length 1024;\n    \
         # Hashes grow no smaller.\n    gzip_types application/json text/plain;\n\n{server}}}\n",
        resolver = resolver(front),
        rate = rate(front.often),
        server = server(front, burst),
    )
}

fn server(front: &Front, burst: u64) -> String {
    let (scheme, listen, secure) = match &front.reading {
        Reading::Named(Names { agents, open }) => (
            "https",
            format!(
                "        listen {TO_OPEN} ssl proxy_protocol;\n        set_real_ip_from unix:;\n        \
                 real_ip_header proxy_protocol;\n        server_name {open};\n        ssl_certificate {CERTIFICATE};\n        \
                 ssl_certificate_key {CERTIFICATE_KEY};\n        ssl_protocols TLSv1.3;\n"
            ),
            format!(
                "        proxy_set_header Host {agents};\n        proxy_ssl_server_name on;\n        \
                 proxy_ssl_name {agents};\n        proxy_ssl_protocols TLSv1.3;\n        proxy_ssl_verify on;\n        \
                 proxy_ssl_trusted_certificate {AUTHORITIES};\n"
            ),
        ),
        _ => (
            "http",
            format!("        listen 127.0.0.1:{READERS};\n"),
            "        proxy_set_header Host host;\n".to_owned(),
        ),
    };
    let pass = format!("proxy_pass {scheme}://$host_of_region;");
    let exact: String = OPEN
        .iter()
        .map(|path| {
            format!(
                "        location = {path} {{ {pass} }}
"
            )
        })
        .collect();
    format!(
        "    server {{\n{listen}        set $host_of_region {host};\n{secure}        proxy_http_version 1.1;\n        \
         proxy_connect_timeout {CONNECT};\n        proxy_read_timeout {PATIENCE};\n        \
         # Whoever shows a lease here has mistaken the door.\n        \
         proxy_pass_request_headers off;\n        proxy_pass_request_body off;\n        \
         add_header X-Cache $upstream_cache_status always;\n        \
         limit_req zone=sources burst={burst} nodelay;\n        error_page 429 = @too_often;\n        \
         if ($request_method !~ ^(GET|HEAD)$) {{ return 405; }}\n        \
         # No path is two: none is written in another way.\n        \
         if ($request_uri ~ \"\\.\\.|%|//\") {{ return 404; }}\n\n{exact}        \
         # What never changes is kept, because the program says so of each; what grows is not.\n        \
         location ^~ {TILES} {{\n            {pass}\n            proxy_cache open;\n            \
         proxy_cache_key $request_uri;\n            proxy_cache_lock on;\n            \
         proxy_cache_bypass $is_args;\n            proxy_no_cache $is_args;\n        }}\n        \
         # Entries are for who administers.\n        location ^~ {ENTRIES} {{ return 404; }}\n        \
         location / {{ return 404; }}\n        \
         location @too_often {{\n            default_type application/json;\n            \
         add_header Retry-After {again} always;\n            return 429 '{said}';\n        }}\n    }}\n",
        host = front.host,
        again = front.again(),
        said = front.too_often(),
    )
}
