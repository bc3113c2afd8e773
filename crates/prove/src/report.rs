//! What was found: a matrix for each place that is deployed, and failures, each
//! with the path, the layer and the line that stops it or lets it through.

use std::fmt;
use std::sync::Arc;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The file, below the folder that is judged.
    pub file: Arc<str>,
    /// The line, from 1; 0 stands for the whole file.
    pub line: u32,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(&self.file) } else { write!(f, "{}:{}", self.file, self.line) }
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A flow that the planet names does not work.
    Stopped,
    /// A flow that it does not name does.
    LetThrough,
    /// Something is open to everybody that the planet does not open.
    Open,
    /// A secret stands where everybody who reads files or objects finds it.
    Secret,
    /// Data, or a process that keeps it, is put where it may not be.
    Elsewhere,
    /// Something refers to what is not there.
    Dangling,
    /// Something was not understood, and so nothing about it is proved.
    NotUnderstood,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::LetThrough => "let through",
            Self::Open => "open",
            Self::Secret => "secret",
            Self::Elsewhere => "elsewhere",
            Self::Dangling => "dangling",
            Self::NotUnderstood => "not understood",
        }
    }
}

/// Where on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The file itself.
    File,
    /// A pod, its ports, and what it is.
    Pod,
    /// What pods of Kubernetes may send and receive.
    NetworkPolicy,
    /// Services and load balancers of Kubernetes.
    Service,
    /// A ConfigMap or another place for settings.
    Settings,
    /// A container of Compose.
    Container,
    /// Networks of Compose.
    Network,
    /// Ports that Compose opens on its machine.
    Published,
    /// A network of a cloud and its subnets.
    Subnet,
    /// Where a subnet's packets are led.
    Route,
    /// Which packets pass between subnets, each by itself.
    Acl,
    /// Who may open a connection to whom.
    Group,
    /// A load balancer of a cloud, and whom it leads to.
    Balancer,
    /// An address of the Internet.
    Address,
    /// A machine, a database or a cluster of a cloud.
    Machine,
    /// Where records are kept, and copied to.
    Store,
    /// What names lead to.
    Names,
    /// What Terraform writes into its state.
    Output,
    /// Rules of nftables on the router between VLANs.
    Nftables,
}

impl Layer {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Pod => "pod",
            Self::NetworkPolicy => "network policy",
            Self::Service => "service",
            Self::Settings => "settings",
            Self::Container => "container",
            Self::Network => "network",
            Self::Published => "published port",
            Self::Subnet => "subnet",
            Self::Route => "route",
            Self::Acl => "network ACL",
            Self::Group => "security group",
            Self::Balancer => "load balancer",
            Self::Address => "public address",
            Self::Machine => "machine",
            Self::Store => "store",
            Self::Names => "names",
            Self::Output => "state",
            Self::Nftables => "nftables",
        }
    }
}

/// From where to where, at which ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// Where it begins.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// At these ports.
    pub ports: String,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} at {}", self.from, self.to, self.ports)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Where the line is that does it.
    pub at: At,
    /// What is wrong.
    pub kind: Kind,
    /// Where on the way.
    pub layer: Layer,
    /// Which way, when it is one.
    pub path: Option<Path>,
    /// In words.
    pub what: String,
    /// Other lines that it takes.
    pub also: Vec<At>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, layer: Layer, at: At, what: impl Into<String>) -> Self {
        Self { at, kind, layer, path: None, what: what.into(), also: Vec::new() }
    }

    pub(crate) fn on(self, path: Path) -> Self {
        Self { path: Some(path), ..self }
    }

    pub(crate) fn with(self, also: Vec<At>) -> Self {
        Self { also, ..self }
    }
}

/// One answer of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The ports that work; none when it is empty.
    pub ports: String,
    /// Whether it is as the planet wants it.
    pub good: bool,
    /// Whether these files have a say in it at all.
    pub judged: bool,
}

/// Who reaches whom in one deployment of one region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The folder of its files: `kubernetes/eu`.
    pub scope: String,
    /// Where flows go.
    pub columns: Vec<String>,
    /// Where they begin, with an answer for each column.
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One for each deployment of a region.
    pub matrices: Vec<Matrix>,
    /// What is wrong, in the order of files and lines.
    pub failures: Vec<Failure>,
    /// What these files do not hold and nobody claims that they do.
    pub notes: Vec<String>,
    /// How many files were read.
    pub files: usize,
}

impl Report {
    /// Whether all is as the planet wants it.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A step of a path: a layer, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The layer.
    pub layer: Layer,
    /// Whether it lets the path through.
    pub passes: bool,
    /// In words.
    pub what: String,
    /// The lines that decide.
    pub at: Vec<At>,
}

/// A path through the files of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The folder of its files.
    pub scope: String,
    /// Which way, at which ports.
    pub path: Path,
    /// Whether the planet names it.
    pub wanted: bool,
    /// Layer by layer.
    pub steps: Vec<Step>,
}

impl Walk {
    /// Whether every layer lets it through.
    #[must_use]
    pub fn works(&self) -> bool {
        self.steps.iter().all(|step| step.passes)
    }
}
