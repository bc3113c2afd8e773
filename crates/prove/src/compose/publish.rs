//! Ports that a service opens on its machine, in either way that Compose has of
//! saying so.

use crate::compose::variables::{Filled, Variables, fill};
use crate::ports::Protocol;
use crate::read::form::{Form, plain_port, shown};
use crate::read::yaml::{Node, Value};
use crate::report::At;
use std::net::IpAddr;

#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) at: At,
    /// Where the machine listens; everywhere when nothing is said.
    pub(crate) host: Option<IpAddr>,
    /// At which port; one of the engine's choice when nothing is said.
    pub(crate) port: Option<u16>,
    /// The port of the container.
    pub(crate) target: u16,
    pub(crate) protocol: Protocol,
}

impl Published {
    /// Whether only the machine itself can come.
    pub(crate) fn is_of_machine(&self) -> bool {
        self.host.is_some_and(|host| host.is_loopback())
    }
}

pub(crate) fn read(form: &mut Form<'_>, node: &Node, variables: &Variables) -> Option<Published> {
    let read = match &node.value {
        Value::Scalar(text, _) => short(text, variables),
        _ => {
            let fields =
                form.fields(node, "the port", &[&["target", "published", "host_ip", "protocol", "mode", "name"]]);
            let mut said = |name: &str| form.loose(fields.get(name), name).map(|text| fill(text, variables));
            long(&said("target"), &said("published"), &said("host_ip"), &said("protocol"))
        }
    };
    match read {
        Ok((host, port, target, protocol)) => Some(Published { at: form.at(node.line), host, port, target, protocol }),
        Err(why) => {
            form.lost(node.line, format!("a published port: {why}"));
            None
        }
    }
}

type Parts = (Option<IpAddr>, Option<u16>, u16, Protocol);

/// `[[ADDRESS:]PORT:]TARGET[/PROTOCOL]`.
fn short(text: &str, variables: &Variables) -> Result<Parts, String> {
    let text = match fill(text, variables) {
        Filled::Text(text) => text,
        Filled::Asked => return Err("an operator has to say it, so it could be anywhere".to_owned()),
        Filled::Unknown(why) => return Err(why),
    };
    let (ports, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    let mut parts = ports.rsplitn(3, ':');
    let (target, port, host) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    whole(host, port, target, protocol).ok_or_else(|| format!("`{}` is not understood", shown(&text)))
}

fn long(
    target: &Option<Filled>,
    port: &Option<Filled>,
    host: &Option<Filled>,
    protocol: &Option<Filled>,
) -> Result<Parts, String> {
    let text = |filled: &Option<Filled>| match filled {
        None => Ok(None),
        Some(Filled::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err("a part of it is said nowhere".to_owned()),
    };
    let (target, port, host, protocol) = (text(target)?, text(port)?, text(host)?, text(protocol)?);
    let protocol = protocol.as_deref().unwrap_or("tcp");
    whole(host.as_deref(), port.as_deref(), &target.unwrap_or_default(), protocol)
        .ok_or_else(|| "its parts are not understood".to_owned())
}

fn whole(host: Option<&str>, port: Option<&str>, target: &str, protocol: &str) -> Option<Parts> {
    let host = match host.filter(|host| !host.is_empty()) {
        None => None,
        Some(host) => Some(host.trim_start_matches('[').trim_end_matches(']').parse().ok()?),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        None => None,
        Some(port) => Some(plain_port(port)?),
    };
    Some((host, port, plain_port(target)?, Protocol::named(&protocol.to_ascii_uppercase())?))
}
