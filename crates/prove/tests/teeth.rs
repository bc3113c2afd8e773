//! Rendered files, broken one way at a time: each break is named, by the file and
//! the layer that it is in.

// The functions are tables.
#![allow(clippy::unwrap_used, clippy::panic, clippy::too_many_lines)]

mod support;

use prove::{Failure, Files, Kind, Layer};
use support::{rendered, told};

/// One change of one file.
enum Edit {
    /// After the first text, the second becomes the third.
    Swap(&'static str, &'static str, &'static str),
    /// The document that holds a text is left out.
    Without(&'static str),
    /// After the first text, the block that begins with the second is left out.
    Cut(&'static str, &'static str),
    /// A document more.
    Add(&'static str),
    /// The whole file.
    Whole(&'static [u8]),
    /// No such file.
    Gone,
}

use Edit::{Add, Cut, Gone, Swap, Whole, Without};
use Kind::{Dangling, Elsewhere, LetThrough, NotUnderstood, Open, Secret, Stopped};

struct Break {
    what: &'static str,
    file: &'static str,
    edit: Edit,
    /// How it is named: what, where on the way, and between whom.
    kind: Kind,
    layer: Layer,
    path: Option<(&'static str, &'static str)>,
    /// A part of what is said.
    says: &'static str,
}

const NET: &str = "kubernetes/dc-2/3-network.yaml";
const HOST: &str = "kubernetes/dc-2/4-host.yaml";
const CONFIG: &str = "kubernetes/dc-2/2-config.yaml";
const COMPOSE: &str = "compose/dc-2/compose.yaml";
const MACHINE: &str = "machine/compose.yaml";

const POLICY: &str =
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: more, namespace: erlmcp}\n";

/// A row: file, edit, then how it is named.
macro_rules! breaks {
    ($($what:literal: $file:expr, $edit:expr => $kind:expr, $layer:ident, $path:expr, $says:literal;)*) => {
        [$(Break { what: $what, file: $file, edit: $edit, kind: $kind, layer: Layer::$layer, path: $path, says: $says }),*]
    };
}

#[path = "teeth/terraform.rs"]
mod terraform;

/// Policies.
fn policies() -> Vec<Break> {
    Vec::from(breaks! {
        "DNS is cut": NET, Without("name: flow-6-out")
            => Stopped, NetworkPolicy, Some(("private", "dns")), "egress";
        "DNS by TCP alone": NET, Swap("name: flow-6-out", "protocol: UDP", "protocol: TCP")
            => Stopped, NetworkPolicy, Some(("private", "dns")), "53";
        "DNS in another namespace": NET, Swap("name: flow-6-out", "kube-system", "kube-dns")
            => Stopped, NetworkPolicy, Some(("private", "dns")), "not to there";
        "DNS by another label": NET, Swap("name: flow-6-out", "k8s-app: kube-dns", "k8s-app: coredns")
            => Stopped, NetworkPolicy, Some(("private", "dns")), "not to there";
        "the database is cut at its own end": NET, Without("name: flow-3-in")
            => Stopped, NetworkPolicy, Some(("private", "database")), "ingress: deny denies it";
        "the database is cut at the other end": NET, Without("name: flow-3-out")
            => Stopped, NetworkPolicy, Some(("private", "database")), "egress";
        "the database at another port": NET, Swap("name: flow-3-in", "port: 5432", "port: 5433")
            => Stopped, NetworkPolicy, Some(("private", "database")), "5433";
        "the database for the public tier": NET, Swap("name: flow-3-in\n", "tier.mycel.dev/private", "tier.mycel.dev/public")
            => Stopped, NetworkPolicy, Some(("private", "database")), "ingress";
        "a subnet of the database is missing": NET, Swap("name: flow-3-out", "10.1.12.0/24", "10.1.14.0/24")
            => Stopped, NetworkPolicy, Some(("private", "net:database")), "10.1.12.0/24";
        "and another is let through": NET, Swap("name: flow-3-out", "10.1.12.0/24", "10.1.14.0/24")
            => LetThrough, NetworkPolicy, Some(("private", "net:*")), "10.1.14.0/24";
        "a subnet of another region": NET, Swap("name: flow-3-out", "10.1.12.0/24", "10.0.12.0/24")
            => LetThrough, NetworkPolicy, Some(("private", "region:*")), "10.0.12.0/24";
        "the Internet is cut": NET, Without("name: flow-1-in")
            => Stopped, NetworkPolicy, Some(("internet", "pod:host")), "ingress";
        "a balancer's subnet is cut": NET, Swap("name: flow-1-in", "10.1.102.0/24", "10.1.101.0/24")
            => Stopped, NetworkPolicy, Some(("net:public", "public")), "10.1.102.0/24";
        "half of the Internet is cut": NET, Swap("name: flow-1-in", "cidr: 0.0.0.0/0", "cidr: 0.0.0.0/1")
            => NotUnderstood, NetworkPolicy, None, "excepted";
        "the Internet by IPv6 is cut": NET, Swap("name: flow-1-in", "\"::/0\"", "\"fc00::/6\"")
            => Stopped, NetworkPolicy, Some(("internet", "pod:host")), "ingress";
        "the cloud's credentials are open": NET, Swap("name: flow-4-out", "        - 169.254.0.0/16\n", "")
            => LetThrough, NetworkPolicy, Some(("private", "net:*")), "169.254.0.0/16";
        "private networks are open": NET, Swap("name: flow-4-out", "        - 10.0.0.0/8\n", "")
            => LetThrough, NetworkPolicy, Some(("private", "net:database")), "10.1.11.0/24";
        "and other regions with them": NET, Swap("name: flow-4-out", "        - 10.0.0.0/8\n", "")
            => LetThrough, NetworkPolicy, Some(("pod:host", "region:*")), "10.0.1.0/24";
        "everything is denied to nobody": NET, Without("name: deny")
            => LetThrough, NetworkPolicy, Some(("pod:*", "pod:*")), "no policy selects either end";
        "only what comes in is denied": NET, Swap("name: deny", "  - Egress\n", "")
            => LetThrough, NetworkPolicy, Some(("pod:*", "internet")), "internet";
        "denied for one label alone": NET, Swap("name: deny", "podSelector: {}", "podSelector: {matchLabels: {a: b}}")
            => LetThrough, NetworkPolicy, Some(("pod:*", "pod:*")), "no policy selects either end";
        "in another namespace": NET, Swap("name: deny", "namespace: erlmcp", "namespace: other")
            => Dangling, Pod, None, "no namespace `other`";
        "open for those of a tier with another label": NET, Add("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: more\n  namespace: erlmcp\nspec:\n  podSelector:\n    matchLabels:\n      tier.mycel.dev/database: \"yes\"\n      role: primary\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n    - ipBlock:\n        cidr: 0.0.0.0/0\n    ports:\n    - protocol: TCP\n      port: 5432\n")
            => LetThrough, NetworkPolicy, Some(("internet", "database")), "role: primary";
        "open for another label, which one of a tier may have": NET, Add("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: more\n  namespace: erlmcp\nspec:\n  podSelector:\n    matchLabels:\n      role: primary\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n    - ipBlock:\n        cidr: 0.0.0.0/0\n    ports:\n    - protocol: TCP\n      port: 5432\n")
            => LetThrough, NetworkPolicy, Some(("internet", "database")), "role: primary";
        "a port by a name that no pod has": NET, Swap("name: flow-3-in", "port: 5432", "port: postgres")
            => Dangling, NetworkPolicy, None, "`postgres`";
        "a way out for those of two tiers": NET, Add("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: more\n  namespace: erlmcp\nspec:\n  podSelector:\n    matchLabels:\n      tier.mycel.dev/database: \"yes\"\n      tier.mycel.dev/private: \"yes\"\n  policyTypes: [Egress]\n  egress:\n  - to:\n    - ipBlock:\n        cidr: 0.0.0.0/0\n")
            => LetThrough, NetworkPolicy, Some(("database+private", "internet")), "internet";
        "every port instead of one": NET, Swap("name: flow-3-in", "    ports:\n    - protocol: TCP\n      port: 5432\n", "")
            => LetThrough, NetworkPolicy, Some(("net:private", "database")), "no such flow";
        "a range of ports instead of one": NET, Swap("name: flow-2-in", "port: 8080", "port: 8080\n      endPort: 8090")
            => LetThrough, NetworkPolicy, Some(("net:public", "private")), "no such flow";
        "a policy more, by which every pod asks the database": NET,
            Add("spec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]\n  ingress:\n  - {from: [{podSelector: {}}], ports: [{port: 5432}]}\n  egress:\n  - {to: [{podSelector: {}}], ports: [{port: 5432}]}\n")
            => LetThrough, NetworkPolicy, Some(("public", "database")), "5432";
        "every namespace as well": NET, Swap("name: flow-3-in", "    - podSelector:", "    - namespaceSelector: {}\n      podSelector:")
            => LetThrough, NetworkPolicy, Some(("namespace:*", "database")), "tier.mycel.dev/private: yes";
        "Prometheus of any namespace": NET, Swap("name: metrics", "        matchLabels:\n          kubernetes.io/metadata.name: monitoring", "        {}")
            => LetThrough, NetworkPolicy, Some(("namespace:*", "pod:host")), "prometheus";
        "Prometheus is cut": NET, Without("name: metrics")
            => Stopped, NetworkPolicy, Some(("prometheus", "pod:host")), "7117";
        "a policy more that lets the Internet to the database": NET,
            Add("spec:\n  podSelector: {matchLabels: {tier.mycel.dev/database: \"yes\"}}\n  policyTypes: [Ingress]\n  ingress:\n  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]\n    ports: [{port: 5432}]\n")
            => LetThrough, NetworkPolicy, Some(("internet", "database")), "no such flow";
        "a policy more that lets everything in": NET,
            Add("spec:\n  podSelector: {}\n  ingress: [{}]\n")
            => LetThrough, NetworkPolicy, Some(("internet", "pod:host")), "";
        "a policy more, for a label that nobody has": NET,
            Add("spec:\n  podSelector: {matchLabels: {app: backup}}\n  policyTypes: [Egress]\n  egress: [{}]\n")
            => LetThrough, NetworkPolicy, Some(("pod:*", "internet")), "app: backup";
        "a policy more, for all but one label": NET,
            Add("spec:\n  podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [safe]}]}\n  policyTypes: [Egress]\n  egress: [{to: [{ipBlock: {cidr: 8.8.8.8/32}}]}]\n")
            => LetThrough, NetworkPolicy, Some(("public", "internet")), "8.8.8.8";
        "rules that policyTypes leaves out": NET, Swap("name: flow-3-in", "policyTypes:\n  - Ingress", "policyTypes:\n  - Egress")
            => NotUnderstood, NetworkPolicy, None, "policyTypes leaves out";
        "a port in quotes": NET, Swap("name: flow-3-in", "port: 5432", "port: \"5432\"")
            => NotUnderstood, NetworkPolicy, None, "without quotes";
        "a label that is a truth": NET, Swap("name: flow-3-in", "database: \"yes\"", "database: yes")
            => NotUnderstood, NetworkPolicy, None, "no text";
        "a field that is spelt wrong": NET, Swap("name: flow-3-in", "ingress:", "ingres:")
            => NotUnderstood, NetworkPolicy, None, "`ingres`";
        "a key that is there twice": NET, Swap("name: flow-3-in", "  ingress:", "  ingress: []\n  ingress:")
            => NotUnderstood, File, None, "twice";
        "a policy of another kind": NET, Swap("name: deny", "apiVersion: networking.k8s.io/v1", "apiVersion: cilium.io/v2")
            => NotUnderstood, File, None, "cilium.io/v2";
    })
}

/// Pods, services and settings.
fn objects() -> Vec<Break> {
    Vec::from(breaks! {
        "the host stands in no public tier": HOST, Swap("template:", "        tier.mycel.dev/public: \"yes\"\n", "")
            => Stopped, NetworkPolicy, Some(("internet", "pod:host")), "ingress";
        "the host stands in a tier more": HOST, Swap("template:", "        tier.mycel.dev/public: \"yes\"", "        tier.mycel.dev/public: \"yes\"\n        tier.mycel.dev/database: \"yes\"")
            => LetThrough, NetworkPolicy, Some(("private", "pod:host")), "";
        "the host is its node": HOST, Swap("template:", "      serviceAccountName: host", "      hostNetwork: true\n      serviceAccountName: host")
            => Open, Pod, None, "hostNetwork";
        "a port of every node": HOST, Swap("template:", "          containerPort: 7117", "          containerPort: 7117\n          hostPort: 7117")
            => Open, Pod, None, "hostPort";
        "privileged": HOST, Swap("- name: host", "allowPrivilegeEscalation: false", "privileged: true")
            => Open, Pod, None, "privileged";
        "a capability": HOST, Swap("- name: host", "            drop:", "            add: [NET_ADMIN]\n            drop:")
            => Open, Pod, None, "NET_ADMIN";
        "the program listens elsewhere": HOST, Swap("args:", "0.0.0.0:7117", "0.0.0.0:7118")
            => Stopped, Pod, None, "7118";
        "nobody serves the region": HOST, Swap("kind: StatefulSet", "replicas: 1", "replicas: 0")
            => Stopped, Pod, None, "nobody serves";
        "two serve it": HOST, Swap("kind: StatefulSet", "replicas: 1", "replicas: 2")
            => Elsewhere, Pod, None, "the same slots";
        "what keeps no disks keeps the host": HOST, Swap("apiVersion: apps/v1", "kind: StatefulSet", "kind: Deployment")
            => NotUnderstood, Pod, None, "volumeClaimTemplates";
        "it serves every region": HOST, Swap("args:", "        - --only\n        - dc-2\n", "")
            => Elsewhere, Pod, None, "every region";
        "by a word of its own": HOST, Swap("args:", "        - --only\n        - dc-2\n", "        - --regions\n")
            => Elsewhere, Pod, None, "every region";
        "it listens where nobody else is": HOST, Swap("args:", "0.0.0.0:7117", "127.0.0.1:7117")
            => Stopped, Pod, None, "where nobody else is";
        "what stands behind a word is not told": HOST, Swap("args:", "        - --only\n", "        - --pin=123456\n        - --only\n")
            => NotUnderstood, Pod, None, "begun with `--pin`";
        "the port has another name": HOST, Swap("        ports:", "- name: agents", "- name: web")
            => Dangling, Pod, None, "startupProbe asks at `agents`";
        "and no policy opens it": HOST, Swap("        ports:", "- name: agents", "- name: web")
            => Stopped, NetworkPolicy, Some(("internet", "pod:host")), "ingress";
        "a probe where nobody listens": HOST, Swap("livenessProbe:", "port: agents", "port: 8080")
            => Dangling, Pod, None, "livenessProbe asks at `8080`";
        "a service that selects nothing": HOST, Swap("type: LoadBalancer", "component: host", "component: gateway")
            => Dangling, Service, None, "selects nothing";
        "a service to a port that is none": HOST, Swap("name: agents\n", "targetPort: agents", "targetPort: 8443")
            => Dangling, Service, None, "nobody listens";
        "a balancer that is none": HOST, Swap("name: agents\n", "type: LoadBalancer", "type: ClusterIP")
            => Stopped, Service, Some(("internet", "program")), "no balancer";
        "a balancer at another port": HOST, Swap("name: agents\n", "port: 443", "port: 8443")
            => Open, Service, Some(("internet", "agents")), "planet opens no such port";
        "so that nobody comes in": HOST, Swap("name: agents\n", "port: 443", "port: 8443")
            => Stopped, Service, Some(("internet", "program")), "no balancer";
        "every node listens": HOST, Swap("name: agents\n", "type: LoadBalancer", "type: NodePort")
            => Open, Service, None, "NodePort";
        "a balancer for some": HOST, Swap("name: agents\n", "type: LoadBalancer", "type: LoadBalancer\n  loadBalancerSourceRanges: [198.51.100.0/24]")
            => Stopped, Service, Some(("internet", "agents")), "turns";
        "addresses of agents do not arrive": HOST, Swap("name: agents\n", "externalTrafficPolicy: Local", "externalTrafficPolicy: Cluster")
            => NotUnderstood, Service, None, "externalTrafficPolicy";
        "a set without its service": HOST, Swap("kind: StatefulSet", "serviceName: host", "serviceName: hosts")
            => Dangling, Pod, None, "no Service `hosts`";
        "a set that selects others": HOST, Swap("kind: StatefulSet", "component: host\n      app.kubernetes.io/instance", "component: x\n      app.kubernetes.io/instance")
            => Dangling, Pod, None, "its own template";
        "a budget for nobody": HOST, Swap("kind: PodDisruptionBudget", "component: host\n      app", "component: x\n      app")
            => Dangling, Pod, None, "selects nothing";
        "a settings' name that is none": HOST, Swap("volumes:", "name: planet\n      - name: keys", "name: planets\n      - name: keys")
            => Dangling, Pod, None, "no ConfigMap `planets`";
        "another region's blocks": HOST, Swap("args:", "- dc-2", "- dc-1")
            => Elsewhere, Pod, None, "region dc-1";
        "put into another region": HOST, Swap("template:", "      serviceAccountName: host", "      nodeSelector: {topology.kubernetes.io/zone: us-east-1a}\n      serviceAccountName: host")
            => Elsewhere, Pod, None, "region dc-1";
        "a disk somewhere": HOST, Swap("volumes:", "configMap:\n          name: planet", "nfs: {server: 10.0.0.1, path: /}")
            => NotUnderstood, Pod, None, "`nfs`";
        "another's disk": HOST, Swap("volumeClaimTemplates:", "      accessModes:", "      volumeName: pv-of-dc-1\n      accessModes:")
            => NotUnderstood, Pod, None, "`volumeName`";
        "a flag that is not known": HOST, Swap("args:", "- --log-json", "- --replicate-to")
            => NotUnderstood, Pod, None, "--replicate-to";
        "a secret in a setting": HOST, Swap("env:", "- name: HOME_DIR", "- name: DB_PASSWORD\n          value: hunter2\n        - name: HOME_DIR")
            => Secret, Pod, None, "DB_PASSWORD";
        "a secret on a command line": HOST, Swap("- sh\n", "- -c", "- postgres://app:hunter2@db/x")
            => Secret, Pod, None, "on a command line";
        "a key in a ConfigMap": CONFIG, Swap("\ndata:", "data:", "data:\n  tls.key: |\n    -----BEGIN EC PRIVATE KEY-----\n    MHcCAQEE\n    -----END EC PRIVATE KEY-----")
            => Secret, Settings, None, "private key";
        "a password in the planet file": CONFIG, Swap("data:", "    [network]\n", "    [network]\n    # mongodb://app:hunter2@db.example/\n")
            => Secret, Settings, None, "password";
        "another planet file": CONFIG, Swap("data:", "jurisdictions = [\"US\"]", "jurisdictions = [\"DE\"]")
            => Elsewhere, Settings, None, "another one";
        "a Secret in a file": CONFIG, Add("apiVersion: v1\nkind: Secret\nmetadata: {name: mycel-keys, namespace: erlmcp}\ndata: {}\n")
            => Secret, File, None, "a Secret in a file";
        "an Ingress": HOST, Add("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, namespace: erlmcp}\nspec: {}\n")
            => NotUnderstood, File, None, "`Ingress`";
        "no namespace": "kubernetes/dc-2/1-namespace.yaml", Gone
            => Dangling, Pod, None, "no namespace `erlmcp`";
        "a region that is none": "kubernetes/dc-9/3-network.yaml", Whole(b"a: 1\n")
            => NotUnderstood, File, None, "no such region";
        "no YAML": NET, Whole(b"a: [1\n")
            => NotUnderstood, File, None, "";
        "no text": NET, Whole(b"\xff\xfe")
            => NotUnderstood, File, None, "UTF-8";
    })
}

/// Compose.
fn compose() -> Vec<Break> {
    Vec::from(breaks! {
        "the program for everybody": COMPOSE, Swap("  host:", "127.0.0.1:7117", "0.0.0.0:7117")
            => Open, Published, Some(("internet", "host")), "0.0.0.0";
        "a port without an address": COMPOSE, Swap("  grafana:", "${GRAFANA_LISTEN:-127.0.0.1:3000}:3000", "3000:3000")
            => Open, Published, Some(("internet", "grafana")), "everybody";
        "opened by the variables": "compose/dc-2/.env", Whole(b"COMPOSE_PROJECT_NAME=a\nMYCEL_LISTEN=0.0.0.0:7117\n")
            => Open, Published, Some(("internet", "host")), "0.0.0.0";
        "a block that the machine reaches": COMPOSE, Swap("  block-0:\n    image", "    read_only", "    ports: [\"127.0.0.1:7200:7117\"]\n    read_only")
            => Open, Published, Some(("machine", "block-0")), "of a block";
        "a port that leads nowhere": COMPOSE, Swap("  host:", "}:7117", "}:7118")
            => Stopped, Container, None, "no port of the machine";
        "one port twice": COMPOSE, Swap("  grafana:", "127.0.0.1:3000", "127.0.0.1:7117")
            => Stopped, Published, Some(("machine", "grafana")), "same port";
        "a port without a way in": COMPOSE, Swap("  front: {}", "  front: {}", "  front: {internal: true}")
            => Stopped, Published, Some(("machine", "host")), "internal networks alone";
        "and without a way out": COMPOSE, Swap("  front: {}", "  front: {}", "  front: {internal: true}")
            => Stopped, Network, Some(("host", "internet")), "internal networks alone";
        "what measures leaves": COMPOSE, Swap("  inside:\n", "internal: true", "internal: false")
            => LetThrough, Network, Some(("prometheus", "internet")), "not internal";
        "a block leaves": COMPOSE, Swap("networks:\n  front", "  block-1:\n    internal: true\n", "  block-1:\n")
            => LetThrough, Network, Some(("block-1", "internet")), "not internal";
        "two blocks meet": COMPOSE, Swap("  agent-1:", "      block-1:", "      block-0: {}\n      block-1:")
            => LetThrough, Network, Some(("agent-1", "block-0")), "neither has business";
        "an agent meets the host": COMPOSE, Swap("  agent-1:", "      block-1:", "      inside: {}\n      block-1:")
            => LetThrough, Network, Some(("agent-1", "host")), "neither has business";
        "what draws meets the host": COMPOSE, Swap("  grafana:", "    - shown", "    - front")
            => LetThrough, Network, Some(("grafana", "host")), "neither has business";
        "what measures is apart": COMPOSE, Swap("  prometheus:\n", "    - inside\n", "")
            => Stopped, Network, Some(("prometheus", "host")), "share no network";
        "no network at all": COMPOSE, Swap("  prometheus:\n", "    - inside\n", "    - insight\n")
            => Dangling, Network, None, "no network `insight`";
        "the machine itself": COMPOSE, Swap("  host:", "    networks:\n    - front\n    - inside", "    network_mode: host")
            => Open, Container, None, "is its machine";
        "another's network": COMPOSE, Swap("  host:", "    networks:\n    - front\n    - inside", "    network_mode: service:grafana")
            => NotUnderstood, Container, None, "network_mode";
        "an address of another network": COMPOSE, Swap("  agent-1:", "192.168.0.66", "192.168.0.6")
            => Stopped, Network, None, "192.168.0.6";
        "one address twice": COMPOSE, Swap("  agent-1:", "ipv4_address: \"192.168.0.66\"", "ipv4_address: \"192.168.0.65\"")
            => Stopped, Network, None, "two services";
        "the gateway's address": COMPOSE, Swap("  agent-1:", "ipv4_address: \"192.168.0.66\"", "ipv4_address: \"192.168.0.126\"")
            => Stopped, Network, None, "gateway";
        "networks that overlap": COMPOSE, Swap("networks:\n  front", "192.168.0.64/26", "192.168.0.0/25")
            => Stopped, Network, None, "network block-0 has too";
        "networks that are the same": COMPOSE, Swap("networks:\n  front", "192.168.0.64/26\n        gateway: \"192.168.0.126\"", "192.168.0.0/26")
            => Stopped, Network, None, "network block-0 has too";
        "another region's blocks, here": COMPOSE, Swap("  host:", "- dc-2", "- dc-1")
            => Elsewhere, Container, None, "region dc-1";
        "a replica beside another's": COMPOSE, Swap("  host:", "${MYCEL_DATA:?the folder that mycel trust init made}", "/srv/mycel/regions/dc-1")
            => Elsewhere, Container, None, "region dc-1";
        "every region in one": COMPOSE, Swap("  host:", "    - --only\n    - dc-2\n", "    - --regions\n")
            => Elsewhere, Container, None, "every region";
        "the engine's socket": COMPOSE, Swap("  grafana:", "source: ./grafana.yaml", "source: /var/run/docker.sock")
            => Open, Container, None, "socket";
        "a file that is not there": "compose/dc-2/grafana.yaml", Gone
            => Dangling, Container, None, "grafana.yaml";
        "a password for Grafana": COMPOSE, Swap("environment:", "GF_AUTH_BASIC_ENABLED: \"false\"", "GF_SECURITY_ADMIN_PASSWORD: admin")
            => Secret, Container, None, "GF_SECURITY_ADMIN_PASSWORD";
        "a secret on a command line, here": COMPOSE, Swap("  prometheus:\n", "- --config.file=/etc/prometheus/prometheus.yaml", "- --web.external-url=http://a:hunter2@b/")
            => Secret, Container, None, "on a command line";
        "another planet file, beside": "compose/dc-2/planet.toml", Swap("", "jurisdictions = [\"US\"]", "jurisdictions = [\"DE\"]")
            => Elsewhere, Settings, None, "another one";
        "measurements that are sent away": "compose/dc-2/prometheus.yaml", Swap("", "global:", "remote_write: [{url: https://metrics.example}]\nglobal:")
            => NotUnderstood, Settings, None, "`remote_write`";
        "nobody is measured": "compose/dc-2/prometheus.yaml", Swap("", "host:7117", "hosts:7117")
            => Dangling, Settings, None, "no service `hosts`";
        "measured where nobody listens": "compose/dc-2/prometheus.yaml", Swap("", "host:7117", "host:7118")
            => Stopped, Settings, None, "does not listen at 7118";
        "Grafana reads elsewhere": "compose/dc-2/grafana.yaml", Swap("", "http://prometheus:9090", "https://metrics.example")
            => NotUnderstood, Settings, None, "metrics.example";
        "privileged, here": COMPOSE, Swap("  grafana:", "\n    read_only: true\n    cap_drop", "\n    privileged: true\n    cap_drop")
            => Open, Container, None, "privileged";
        "another's machine": COMPOSE, Swap("  grafana:", "\n    read_only: true\n    cap_drop", "\n    pid: host\n    cap_drop")
            => NotUnderstood, Container, None, "`pid`";
        "a tag that others follow": COMPOSE, Swap("  grafana:", "    ports:", "    ports: !override")
            => NotUnderstood, File, None, "tag";
        "begun after nobody": COMPOSE, Swap("  grafana:", "    depends_on:\n    - prometheus", "    depends_on:\n    - prometheuses")
            => Dangling, Network, None, "`prometheuses`";
        "the whole planet for everybody": MACHINE, Swap("  planet:", "127.0.0.1:7117", "0.0.0.0:7117")
            => Open, Published, Some(("internet", "planet")), "0.0.0.0";
        "nobody comes to the program": MACHINE, Swap("  planet:", "0.0.0.0:7117", "127.0.0.1:7117")
            => Stopped, Container, None, "nobody comes";
        "a file of no known kind": "terraform/main.tf", Whole(b"")
            => NotUnderstood, File, None, "nothing here understands";
    })
}

fn broken(files: &Files, one: &Break) -> Files {
    let mut files = files.clone();
    let text = |files: &Files| String::from_utf8(files[one.file].clone()).unwrap();
    let bytes = match &one.edit {
        Swap(after, from, to) => {
            let text = text(&files);
            let after = text.find(after).unwrap_or_else(|| panic!("{}: no `{after}`", one.what));
            let (before, rest) = text.split_at(after);
            assert!(rest.contains(from), "{}: no `{from}`", one.what);
            (before.to_owned() + &rest.replacen(from, to, 1)).into_bytes()
        }
        Without(name) => {
            let text = text(&files);
            let (kept, left): (Vec<&str>, Vec<&str>) =
                text.split("\n---\n").partition(|document| !document.contains(&format!("  {name}\n")));
            assert_eq!(left.len(), 1, "{}", one.what);
            kept.join("\n---\n").into_bytes()
        }
        Cut(after, begin) => {
            let text = text(&files);
            let from = text.find(after).unwrap_or_else(|| panic!("{}: no `{after}`", one.what));
            let begin = from + text[from..].find(begin).unwrap_or_else(|| panic!("{}: no `{begin}`", one.what));
            // It ends in the first line that is indented as it is and closes it.
            let indent = text[begin..].chars().take_while(|c| *c == ' ').count();
            let close = format!("\n{}}}\n", " ".repeat(indent));
            let end = begin + text[begin..].find(&close).unwrap() + close.len();
            (text[..begin].to_owned() + &text[end..]).into_bytes()
        }
        Add(more) if one.file.ends_with(".tf") => (text(&files) + "\n" + more).into_bytes(),
        Add(more) => {
            let head = if more.starts_with("spec") { POLICY } else { "" };
            (text(&files) + "\n---\n" + head + more).into_bytes()
        }
        Whole(bytes) => bytes.to_vec(),
        Gone => {
            assert!(files.remove(one.file).is_some());
            return files;
        }
    };
    files.insert(one.file.to_owned(), bytes);
    files
}

fn is_it(one: &Break, failure: &Failure) -> bool {
    let path = failure.path.as_ref().map(|path| (path.from.as_str(), path.to.as_str()));
    let whole = format!("{} {}", failure.what, failure.path.as_ref().map(ToString::to_string).unwrap_or_default());
    // What is missing is named where it is missed: a file that is gone has no line.
    let scope = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let is_in = scope(&failure.at.file) == scope(one.file);
    is_in
        && (failure.kind, failure.layer) == (one.kind, one.layer)
        && one.path.is_none_or(|wanted| path == Some(wanted))
        && whole.contains(one.says)
}

#[test]
fn every_break_is_named_by_its_layer_and_line() {
    let (planet, text, files) = rendered("erlmcp");
    assert!(prove::prove(&planet, &text, &files).is_proved());
    let clouds = [terraform::ways(), terraform::walls(), terraform::things()];
    let all: Vec<Break> = [policies(), objects(), compose()].into_iter().chain(clouds).flatten().collect();
    assert!(all.len() >= 200, "{}", all.len());
    let mut missed = Vec::new();
    for one in &all {
        // Targets have no business with each other; one at a time is sooner done.
        let target = one.file.split('/').next().unwrap();
        let mut files = files.clone();
        files.retain(|path, _| path.starts_with(target));
        let broken = broken(&files, one);
        let report = prove::prove(&planet, &text, &broken);
        match report.failures.iter().find(|failure| is_it(one, failure)) {
            None => missed.push(format!("{} ({}):\n{}", one.what, one.file, told(&report))),
            Some(failure) => {
                // The line is one of the file, and the file is one of those that are judged.
                let lines = broken.get(&*failure.at.file).map_or(0, |bytes| bytes.split(|byte| *byte == b'\n').count());
                assert!(failure.at.line as usize <= lines.max(1), "{}: {}", one.what, failure.at);
            }
        }
        // One mistake is no flood: what is not touched is not told.
        assert!(
            report.failures.iter().all(|failure| failure.at.file.split('/').next() == one.file.split('/').next()),
            "{}: {}",
            one.what,
            told(&report)
        );
    }
    assert!(missed.is_empty(), "{} of {}:\n\n{}", missed.len(), all.len(), missed.join("\n\n"));
}
