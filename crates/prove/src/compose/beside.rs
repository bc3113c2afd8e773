//! What lies beside a Compose file: variables, the planet files that are mounted,
//! and what Prometheus and Grafana are told.

use crate::Intent;
use crate::compose::variables::Variables;
use crate::compose::{Project, Role};
use crate::read::form::{Form, shown};
use crate::read::yaml::{self, Node};
use crate::report::{Failure, Kind, Layer};
use crate::secrets;
use std::sync::Arc;

/// The variables of `.env`: lines of a name and a value, without quotes.
pub(crate) fn variables(file: &Arc<str>, bytes: &[u8], failures: &mut Vec<Failure>) -> Variables {
    let mut form = Form::new(file, Layer::Settings, failures);
    let Ok(text) = std::str::from_utf8(bytes) else {
        form.lost(1, "this is not UTF-8");
        return Variables::new();
    };
    let mut variables = Variables::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            form.lost(number, "no variable is set here");
            continue;
        };
        if let Some(what) = secrets::setting(name, value) {
            form.fail(Kind::Secret, number, what);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-[]".contains(c);
        if !value.chars().all(plain) {
            form.lost(number, format!("the value of `{}` has quotes or more", shown(name)));
        }
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables
}

/// The planet that the program reads is the one that is proved.
pub(crate) fn planet(intent: &Intent<'_>, file: &Arc<str>, bytes: &[u8], failures: &mut Vec<Failure>) {
    let text = String::from_utf8_lossy(bytes);
    let mut form = Form::new(file, Layer::Settings, failures);
    if let Some(line) = intent.differs(&text) {
        let what = "the planet file that is deployed is another one than the one that is proved";
        form.fail(Kind::Elsewhere, line.saturating_add(1), what);
    }
    secret(&mut form, &text);
}

/// The planet of one block, for show: a planet, and no secret in it.
pub(crate) fn block(file: &Arc<str>, bytes: &[u8], failures: &mut Vec<Failure>) {
    let mut form = Form::new(file, Layer::Settings, failures);
    match planet::parse(bytes).0 {
        Some(planet) if planet.planet.blocks.as_ref().is_some_and(|blocks| blocks.value == 1) => {}
        Some(_) => form.fail(Kind::LetThrough, 1, "the planet that is shown as one block has more than that"),
        None => form.lost(1, "this is no planet file"),
    }
    secret(&mut form, &String::from_utf8_lossy(bytes));
}

fn secret(form: &mut Form<'_>, text: &str) {
    if let Some((line, what)) = secrets::in_text(text) {
        form.fail(Kind::Secret, line.saturating_add(1), what);
    }
}

/// Whom Prometheus asks. What sends measurements away is not understood.
pub(crate) fn prometheus(file: &Arc<str>, bytes: &[u8], project: &mut Project, failures: &mut Vec<Failure>) {
    let Some(document) = document(file, bytes, failures) else { return };
    let mut form = Form::new(file, Layer::Settings, failures);
    let top = form.fields(&document, "the settings", &[&["global", "scrape_configs"]]);
    if let Some(global) = top.get("global") {
        form.fields(global, "global", &[&["scrape_interval", "scrape_timeout", "evaluation_interval"]]);
    }
    for job in form.list(top.get("scrape_configs"), "scrape_configs") {
        let known = ["job_name", "static_configs", "scrape_interval", "scrape_timeout", "metrics_path", "scheme"];
        let job = form.fields(job, "the job", &[&known]);
        for fixed in form.list(job.get("static_configs"), "static_configs") {
            let fixed = form.fields(fixed, "static_configs", &[&["targets", "labels"]]);
            for target in form.list(fixed.get("targets"), "targets") {
                let Some(text) = form.loose(Some(target), "the target") else { continue };
                asked(&mut form, project, Role::Prometheus, target, text);
            }
        }
    }
}

/// Where Grafana reads.
pub(crate) fn grafana(file: &Arc<str>, bytes: &[u8], project: &mut Project, failures: &mut Vec<Failure>) {
    let Some(document) = document(file, bytes, failures) else { return };
    let mut form = Form::new(file, Layer::Settings, failures);
    let top = form.fields(&document, "the settings", &[&["apiVersion", "datasources"]]);
    for source in form.list(top.get("datasources"), "datasources") {
        let known = ["name", "type", "access", "url", "isDefault"];
        let source = form.fields(source, "the source", &[&known]);
        let (Some(url), Some(node)) = (form.text(source.get("url"), "url"), source.get("url")) else { continue };
        match url.strip_prefix("http://") {
            Some(rest) => asked(&mut form, project, Role::Grafana, node, rest.trim_end_matches('/')),
            None => form.lost(node.line, format!("Grafana reads at `{}`", shown(url))),
        }
    }
}

fn document(file: &Arc<str>, bytes: &[u8], failures: &mut Vec<Failure>) -> Option<Node> {
    let mut form = Form::new(file, Layer::File, failures);
    match yaml::documents(bytes) {
        Ok(documents) if documents.len() == 1 => documents.into_iter().next(),
        Ok(documents) => {
            form.lost(1, format!("{} documents where there is one", documents.len()));
            None
        }
        Err(why) => {
            form.lost(why.line, why.what);
            None
        }
    }
}

fn asked(form: &mut Form<'_>, project: &mut Project, who: Role, node: &Node, text: &str) {
    match text.split_once(':').and_then(|(name, port)| Some((name, crate::read::form::plain_port(port)?))) {
        Some((name, port)) => project.asked.push((form.at(node.line), who, name.to_owned(), port)),
        None => form.lost(node.line, format!("`{}` is no service and port", shown(text))),
    }
}
