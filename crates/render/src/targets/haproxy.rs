//! HAProxy in front of a region's host: agents as they come, and the open paths
//! as requests.
//!
//! Words of the planet in the file are names and domains, whose letters mean
//! nothing to HAProxy, and comments, which end with their line.

use super::{Scope, Target, no_gateways, one_process};
use crate::front::{
    AGENTS, AUTHORITIES, CERTIFICATE, CONNECT, ENTRIES, Front, HELLO, Names, OPEN, PATIENCE, READERS, Reading, SHARED,
    SOURCES, TILES,
};
use crate::{Place, Refused, Scene, Tree, comment, program};
use vocab::Rate;

pub(super) static TARGET: Target = Target {
    name: "haproxy",
    help: "HAProxy before each region: connections of agents, and open paths",
    scope: Scope::Region(render),
};

/// Where the one part of it hands connections to the other.
const DOOR: &str = "unix@/run/mycel/haproxy-open.sock";

fn render(scene: &Scene<'_>, place: &Place<'_>, tree: &mut Tree) -> Result<(), Refused> {
    let front = Front::new(scene, place)?;
    tree.add("haproxy.cfg", file(&front));
    front.notes(tree);
    one_process(place, tree);
    no_gateways(tree);
    Ok(())
}

fn file(front: &Front) -> String {
    let mut parts = vec![head(front), agents(front), host(front)];
    if let Reading::Named(_) = &front.reading {
        parts.push(format!("backend door\n    server door {DOOR} send-proxy-v2\n"));
    }
    if !matches!(front.reading, Reading::Nowhere) {
        parts.extend([open(front), answers(front)]);
    }
    parts.join("\n")
}

/// A time, as HAProxy reads it.
fn window(rate: Rate) -> String {
    format!("{}ms", rate.per.0)
}

/// Counts of addresses, which are of IPv4: nothing listens at any other.
fn counted(what: &str, rate: Rate) -> String {
    let window = window(rate);
    format!("    stick-table type ip size {SOURCES} expire {window} store {what}({window})\n")
}

fn head(front: &Front) -> String {
    let about = comment::line(&format!("{}: HAProxy in front of its host. `mycel render` wrote this,", front.about));
    let tls = if front.tls() {
        "    ssl-default-bind-options ssl-min-ver TLSv1.3\n    ssl-default-server-options ssl-min-ver TLSv1.3\n    \
         # The key stands beside its certificate: open.crt, open.key.\n    ssl-load-extra-del-ext\n"
    } else {
        ""
    };
    format!(
        "{about}\n# and docs/guides/deploy.md says how it is run.\n\nglobal\n    # Lines of JSON, as the program writes \
         them: whatever keeps its lines keeps these.\n    log stdout format raw daemon\n    maxconn {connections}\n    \
         # Whoever has not ended so long after a reload is ended.\n    hard-stop-after {stops}s\n{tls}\n\
         resolvers names\n    nameserver own {resolver}:53\n    hold valid {ttl}s\n    resolve_retries 3\n    \
         timeout resolve 1s\n    timeout retry 1s\n\n\
         defaults\n    mode tcp\n    log global\n    timeout connect {CONNECT}\n    \
         # A long poll may be silent for 60 s, and the program itself ends what is idle after 75 s.\n    \
         timeout client {PATIENCE}\n    timeout server {PATIENCE}\n    timeout tunnel {PATIENCE}\n    \
         timeout http-request {HELLO}\n    \
         # A host that has no name yet is no reason not to start.\n    \
         default-server init-addr none resolvers names resolve-prefer ipv4\n",
        connections = front.connections,
        stops = program::STOPS_SECONDS,
        resolver = front.resolver,
        ttl = front.ttl,
    )
}

/// A line of JSON for each connection or request.
fn line(more: &str) -> String {
    // A client's own words are escaped; the others are HAProxy's.
    format!(
        "    log-format '{{\"timestamp\":\"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]\",\"level\":\"INFO\",\
         \"target\":\"haproxy\",\"from\":\"%ci\",\"to\":\"%b\",\"ms\":%Tt,\"bytes\":%B,\"ended\":\"%ts\"{more}}}'\n"
    )
}

fn agents(front: &Front) -> String {
    let mut text = "# Agents, with what they have proved: not a byte is changed.\nfrontend agents\n".to_owned();
    if front.ports.is_empty() {
        text +=
            &format!("    # No flow leads here from the Internet, and there is no TLS.\n    bind 127.0.0.1:{AGENTS}\n");
    }
    for port in &front.ports {
        text += &format!("    bind :{port}\n");
    }
    if let Some(rate) = front.fresh {
        let most = rate.events;
        text += "    # [limits] connections\n";
        text += &counted("conn_rate", rate);
        text += &format!(
            "    tcp-request connection track-sc0 src\n    \
             tcp-request connection reject if {{ sc0_conn_rate gt {most} }}\n"
        );
    }
    if front.tls() {
        text += &format!(
            "    tcp-request inspect-delay {HELLO}\n    \
             tcp-request content set-var(sess.name) req.ssl_sni if {{ req.ssl_hello_type 1 }}\n    \
             tcp-request content accept if {{ req.ssl_hello_type 1 }}\n    \
             tcp-request content reject\n"
        );
        text += &line(",\"name\":\"%[var(sess.name),json(utf8s)]\"");
    } else {
        text += &line("");
    }
    if let Reading::Named(Names { open, .. }) = &front.reading {
        text += &format!("    use_backend door if {{ req.ssl_sni -i {open} }}\n");
    }
    text + "    default_backend host\n"
}

/// How the host's health is asked for.
fn check(front: &Front) -> String {
    let (every, fall) = front.check;
    let named = if let Reading::Named(Names { agents, .. }) = &front.reading { agents.as_str() } else { "host" };
    let secure = match &front.reading {
        _ if !front.tls() => String::new(),
        Reading::Named(Names { agents, .. }) => {
            format!(" check-ssl check-sni {agents} verify required ca-file {AUTHORITIES} verifyhost {agents}")
        }
        // Whoever lies to it keeps agents away, and could have done so anyhow.
        _ => " check-ssl verify none".to_owned(),
    };
    format!(
        "    # A host that answers and is not ready says why: agents are to hear that.\n    option httpchk\n    \
         http-check send meth GET uri /health ver HTTP/1.1 hdr host {named}\n    http-check expect status 200\n    \
         default-server check inter {every}ms fastinter 1s downinter 1s fall {fall} rise 2{secure}\n",
        every = every.0,
    )
}

fn host(front: &Front) -> String {
    format!(
        "backend host\n    \
         # Limits and bans go by the agent's own address. This takes CAP_NET_ADMIN, and a way back.\n    \
         source 0.0.0.0 usesrc clientip\n    \
         # Of an address all connections go to one server: there it is counted. A region is one\n    \
         # process today, so there is one.\n    \
         balance source\n    hash-type consistent\n{check}    server host {host}\n",
        check = check(front),
        host = front.host,
    )
}

/// Who reads the open paths, and how often.
fn open(front: &Front) -> String {
    let bind = if let Reading::Named(_) = &front.reading {
        format!("    bind {DOOR} accept-proxy ssl crt {CERTIFICATE} alpn h2,http/1.1\n")
    } else {
        format!("    bind 127.0.0.1:{READERS}\n")
    };
    let (most, again, said) = (front.often.events, front.again(), front.too_often());
    format!(
        "# What needs no proof: requests share connections here, and nothing else may.\nfrontend open\n    mode http\n\
         {bind}{counted}    http-request set-var(txn.path) path\n    http-request track-sc0 src\n    \
         # [gateway] address_rate\n    \
         http-request return status 429 content-type application/json hdr retry-after {again} string '{said}' \
         if {{ sc0_http_req_rate gt {most} }}\n    \
         http-request deny deny_status 405 unless METH_GET\n    \
         # No path is two: none is written in another way.\n    \
         http-request deny deny_status 404 if {{ path -m sub .. % // }}\n    \
         acl open path {paths}\n    acl open path_beg {TILES}\n    \
         http-request deny deny_status 404 unless open\n    \
         http-request deny deny_status 404 if {{ path_beg {ENTRIES} }}\n    \
         # Whoever shows a lease here has mistaken the door.\n    \
         http-request del-header authorization\n    http-request del-header mycel- -m beg\n\
         {line}    default_backend answers\n",
        counted = counted("http_req_rate", front.often),
        paths = OPEN.join(" "),
        line = line(",\"status\":%ST,\"method\":\"%HM\",\"path\":\"%[var(txn.path),json(utf8s)]\""),
    )
}

fn answers(front: &Front) -> String {
    let secure = if let Reading::Named(Names { agents, .. }) = &front.reading {
        format!(" ssl sni str({agents})")
    } else {
        String::new()
    };
    format!(
        "backend answers\n    mode http\n    http-reuse always\n{check}    server host {host}{secure} maxconn {SHARED}\n",
        check = check(front),
        host = front.host,
    )
}
