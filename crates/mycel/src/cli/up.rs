//! What `mycel up` is told.

use clap::{Args, ValueEnum, ValueHint};
use node::gateway::Host;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// The planet file; a planet for a laptop when left out.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", default_value = ".mycel", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
    /// Where to listen; port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7117")]
    pub(crate) listen: Vec<SocketAddr>,
    /// The certificate for TLS 1.3, as PEM. Gateways take several, each for its
    /// names; the first is for whoever names no server.
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Vec<PathBuf>,
    /// Its key, as PEM; as many as there are certificates, in their order.
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Vec<PathBuf>,
    /// How much to log to standard error.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Warn)]
    pub(crate) log: LogLevel,
    /// Log as JSON, a line each.
    #[arg(long)]
    pub(crate) log_json: bool,
    /// Ban in the process only, and leave the kernel's packet filter alone.
    #[arg(long)]
    pub(crate) no_kernel_bans: bool,
    /// Keep keys in files, although the planet asks for hardware; it is told
    /// among what is absent.
    #[arg(long)]
    pub(crate) plain_keys: bool,
    /// The most that the log may take on the disk, such as "10 GB"; 128 MiB at
    /// least, which are two of its files.
    #[arg(long, value_name = "BYTES")]
    pub(crate) quota: Option<vocab::Bytes>,
    /// Run a process for each region, and a gateway in front of them.
    #[arg(long, conflicts_with = "only")]
    pub(crate) regions: bool,
    /// So many gateways, which share what each region takes.
    #[arg(long, value_name = "N", requires = "regions", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) gateways: u8,
    /// Write a line for each request that passes the gateway.
    #[arg(long, value_name = "FILE", conflicts_with = "only", value_hint = ValueHint::FilePath)]
    pub(crate) access_log: Option<PathBuf>,
    /// How long the certificates of nodes last; each is renewed at two thirds.
    #[arg(long, value_name = "TIME", requires = "regions", default_value = "24h")]
    pub(crate) certificate_life: vocab::Millis,
    /// Serve this region only; others serve the rest.
    #[arg(long, value_name = "REGION")]
    pub(crate) only: Option<String>,
    /// Where gateways come to this region's host, with TLS 1.3 and certificates
    /// of the planet's CA both ways; port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS", requires = "only")]
    pub(crate) node_listen: Option<SocketAddr>,
    /// Run a gateway of this region and nothing else, in front of the hosts that
    /// --host names; its keys are in the directory that `mycel trust init
    /// --apart` made for it.
    #[arg(long, value_name = "REGION", conflicts_with_all = ["regions", "only"], requires = "host")]
    pub(crate) gateway: Option<String>,
    /// Which gateway of the region, counted from 0.
    #[arg(long, value_name = "N", requires = "gateway", default_value_t = 0)]
    pub(crate) number: u8,
    /// Where the host of a region listens for gateways: its --node-listen. The
    /// name is looked up again for each connection.
    #[arg(long, value_name = "REGION=HOST:PORT", requires = "gateway", value_parser = host)]
    pub(crate) host: Vec<Host>,
    /// The CA's office (`mycel trust office`), which gives certificates and says
    /// what is revoked; without it somebody carries the files.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "regions", value_parser = place)]
    pub(crate) office: Option<String>,
    /// Stop when standard input ends.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

/// Reads HOST:PORT.
pub(crate) fn place(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("write HOST:PORT, such as office.example:7116")?;
    let of_names = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(str::parse::<Ipv6Addr>);
    if is_six.is_none_or(|six| six.is_err()) && (host.is_empty() || !host.bytes().all(of_names)) {
        return Err("the host is a name, an IPv4 address, or an IPv6 address in brackets".to_owned());
    }
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err("the port is a number from 1 to 65535".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads REGION=HOST:PORT.
fn host(text: &str) -> Result<Host, String> {
    let (region, address) = text.split_once('=').ok_or("write REGION=HOST:PORT, such as eu=eu.example:7118")?;
    Ok(Host { region: region.to_owned(), address: place(address)? })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}
