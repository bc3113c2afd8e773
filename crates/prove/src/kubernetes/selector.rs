//! Selectors of labels: whom they select, and somebody whom they would.

use crate::kubernetes::Labels;
use crate::read::form::{Fields, Form, shown};
use crate::read::yaml::Node;

/// A label that Kubernetes itself gives to each namespace: nobody can choose it.
pub(crate) const OWN_NAME: &str = "kubernetes.io/metadata.name";

/// Requirements of one selector, and values of one of them: beyond that nobody
/// asks, and looking for a witness takes the square of both.
const MOST_REQUIREMENTS: usize = 32;
const MOST_VALUES: usize = 64;

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Requirement {
    key: String,
    is: Is,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Is {
    In(Vec<String>),
    NotIn(Vec<String>),
    There,
    NotThere,
}

impl Selector {
    /// Labels, each with its value.
    pub(crate) fn of(labels: &Labels) -> Self {
        let is = |(key, value): (&String, &String)| Requirement { key: key.clone(), is: Is::In(vec![value.clone()]) };
        Self(labels.iter().map(is).collect())
    }

    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.is {
                Is::In(values) => value.is_some_and(|value| values.contains(value)),
                Is::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Is::There => value.is_some(),
                Is::NotThere => value.is_none(),
            }
        })
    }

    /// The fewest labels that it selects; none when nothing can have them.
    pub(crate) fn witness(&self) -> Option<Labels> {
        let mut labels = Labels::new();
        for requirement in &self.0 {
            match &requirement.is {
                Is::In(values) => {
                    let alone = |value: &&String| {
                        let with = Labels::from([(requirement.key.clone(), (*value).clone())]);
                        let same = self.0.iter().filter(|other| other.key == requirement.key);
                        same.cloned().all(|other| Self(vec![other]).matches(&with))
                    };
                    labels.insert(requirement.key.clone(), values.iter().find(alone)?.clone());
                }
                Is::There => {
                    labels.entry(requirement.key.clone()).or_insert_with(|| "any".to_owned());
                }
                Is::NotIn(_) | Is::NotThere => {}
            }
        }
        Some(labels).filter(|labels| self.matches(labels))
    }

    /// Reads one; `None` where nothing could be understood of it.
    pub(crate) fn read(form: &mut Form<'_>, node: &Node, what: &str) -> Self {
        let fields = form.fields(node, what, &[&["matchLabels", "matchExpressions"]]);
        let mut requirements = Self::of(&form.labels(fields.get("matchLabels"), what)).0;
        for part in form.list(fields.get("matchExpressions"), what) {
            let fields = form.fields(part, what, &[&["key", "operator", "values"]]);
            requirements.extend(requirement(form, &fields, what));
        }
        let is_large = |one: &Requirement| matches!(&one.is, Is::In(all) | Is::NotIn(all) if all.len() > MOST_VALUES);
        if requirements.len() > MOST_REQUIREMENTS || requirements.iter().any(is_large) {
            form.lost(fields.line, format!("{what} asks for more than is judged"));
            return Self::default();
        }
        Self(requirements)
    }
}

fn requirement(form: &mut Form<'_>, fields: &Fields<'_>, what: &str) -> Option<Requirement> {
    let key = form.text(fields.get("key"), what).map(str::to_owned);
    let operator = form.text(fields.get("operator"), what);
    let values: Vec<String> = form.texts(fields.get("values"), what).into_iter().map(str::to_owned).collect();
    let is = match (operator, values.is_empty()) {
        (Some("In"), false) => Is::In(values),
        (Some("NotIn"), false) => Is::NotIn(values),
        (Some("Exists"), true) => Is::There,
        (Some("DoesNotExist"), true) => Is::NotThere,
        (operator, _) => {
            let operator = shown(operator.unwrap_or_default());
            form.lost(fields.line, format!("{what} asks by `{operator}`, with values that do not go with it"));
            return None;
        }
    };
    if key.is_none() {
        form.lost(fields.line, format!("{what} names no label"));
    }
    Some(Requirement { key: key?, is })
}
