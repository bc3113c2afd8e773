//! `mycel access`: who may do what, by the planet file, and why somebody may or
//! may not.

use crate::Verdict;
use crate::cli::AccessArgs;
use crate::failure::Failure;
use crate::files;
use crate::screen::table::Table;
use crate::screen::{Screen, paint};
use anstyle::{AnsiColor, Style};
use planet::{At, Name, Planet, PublicKey, Right, Tables};
use policy::access::{Access, Asked, Caller, Decision, EVERYBODY, OPERATOR, Rights};
use serde_json::{Value as Json, json};

pub(crate) fn run(args: &AccessArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let planet = files::planet(&args.file, &Tables::builtin(), screen)?;
    let access = Access::new(&planet);
    let Some(right) = &args.right else {
        if screen.is_json() {
            screen.json(&all_json(&planet, &access))?;
        } else {
            screen.data(all(&planet, &access, screen.colors_data()))?;
        }
        return Ok(Verdict::Good);
    };
    let right = one_of(right)?;
    let decision = decide(args, &planet, &access, right)?;
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "right": right.word(), "decision": decision }))?;
    } else {
        screen.data(explained(&decision, right, screen.colors_data()))?;
    }
    Ok(if decision.allowed { Verdict::Good } else { Verdict::Bad })
}

fn one_of(word: &str) -> Result<Right, Failure> {
    let right = Right::ALL.iter().copied().find(|right| right.word() == word);
    let words: Vec<_> = Right::ALL.iter().map(|right| right.word()).collect();
    right.ok_or_else(|| Failure::told(format!("there is no right \"{word}\""), words.join(", ")))
}

fn decide(args: &AccessArgs, planet: &Planet, access: &Access, right: Right) -> Result<Decision, Failure> {
    let agent = match &args.agent {
        None => PublicKey([0; 32]),
        Some(text) => {
            let key: Result<wire::Hex<32>, _> = text.parse();
            let hint = "it is 64 letters, which `mycel attach --json` prints";
            PublicKey(key.map_err(|_| Failure::told(format!("`{text}` is no public key"), hint))?.0)
        }
    };
    for id in args.from.iter().chain(&args.region) {
        if !planet.region.iter().any(|region| region.id.as_str() == id) {
            return Err(Failure::told(format!("there is no region \"{id}\""), "mycel plan shows the regions"));
        }
    }
    let mut classes = planet.data.iter().flat_map(|data| &data.class);
    if let Some(name) = &args.class
        && !classes.any(|class| class.name.as_str() == name)
    {
        let what = format!("the planet has no residency class \"{name}\"");
        return Err(Failure::told(what, "mycel residency shows the classes"));
    }
    // Of a lease that carries everything: it is the rules that are asked.
    let (is_operator, region) = (args.operator, args.from.as_deref());
    let caller = Caller { agent, lease: Rights::ALL, seated: true, is_operator, region };
    let asked = Asked { right, region: args.region.as_deref(), class: args.class.as_deref(), own: args.own };
    Ok(access.decide(&caller, &asked))
}

fn explained(decision: &Decision, right: Right, color: bool) -> String {
    let (word, style) = if decision.allowed {
        ("yes", AnsiColor::Green.on_default().bold())
    } else {
        ("no", AnsiColor::BrightRed.on_default().bold())
    };
    let mut text = format!("{}: {}", paint(color, style, word), decision.words(right));
    if !decision.rules.is_empty() {
        let mut table = Table::new(&["<rule", "<holds", "<why not"], color);
        for policy::access::Tried { rule, unmet } in &decision.rules {
            let why = unmet.map_or("", policy::access::Condition::words);
            table.row([rule.clone(), mark(unmet.is_none()), why.to_owned()]);
        }
        text.push_str("\n\n");
        text.push_str(&table.text());
    }
    text
}

fn mark(is_so: bool) -> String {
    if is_so { "yes" } else { "–" }.to_owned()
}

/// Who has a role.
fn who(name: &str, named: usize) -> String {
    let others = match named {
        0 => String::new(),
        1 => "one agent".to_owned(),
        many => format!("{many} agents"),
    };
    let of_itself = match name {
        EVERYBODY => "whoever holds a lease",
        OPERATOR => "whoever started the planet",
        _ if named == 0 => "nobody",
        _ => "",
    };
    [of_itself, others.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Roles by rights, and the rules.
fn all(planet: &Planet, access: &Access, color: bool) -> String {
    let rights: Vec<_> = Right::ALL.iter().map(|right| format!("<{}", right.word())).collect();
    let mut headings = vec!["<role"];
    headings.extend(rights.iter().map(String::as_str));
    headings.push("<who has it");
    let mut table = Table::new(&headings, color);
    for (name, gives, named) in access.roles() {
        let mut row = vec![name.to_owned()];
        row.extend(Right::ALL.iter().map(|right| mark(gives.include(*right))));
        row.push(who(name, named));
        table.row(row);
    }
    let dimmed = |text: &str| paint(color, Style::new().dimmed(), text);
    let mut parts = vec![table.text()];
    match &planet.access {
        None => parts.push(dimmed("  the file has no [access]: these are the roles of a planet that says nothing")),
        Some(section) if section.rule.is_empty() => parts.push(dimmed("  no rules")),
        Some(section) => parts.push(rules(section, color)),
    }
    parts.push(dimmed("  what nothing gives is denied; what a rule denies, nothing gives"));
    parts.join("\n\n")
}

fn rules(section: &planet::Access, color: bool) -> String {
    let mut table = Table::new(&["<rule", "<effect", "<rights", "<where all of this holds"], color);
    for rule in &section.rule {
        let listed = |what: &str, names: &[At<Name>]| {
            let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(" or ")))
        };
        let conditions = [
            listed("the caller is", &rule.roles),
            listed("its slot is in", &rule.from),
            listed("asked for in", &rule.regions),
            listed("of the class", &rule.classes),
            rule.own.value.then(|| "its own".to_owned()),
        ];
        let conditions: Vec<_> = conditions.into_iter().flatten().collect();
        let rights: Vec<_> = rule.rights.iter().map(|right| right.value.word()).collect();
        table.row([
            rule.name.to_string(),
            rule.effect.value.word().to_owned(),
            if rights.is_empty() { "all".to_owned() } else { rights.join(", ") },
            if conditions.is_empty() { "always".to_owned() } else { conditions.join(", ") },
        ]);
    }
    table.text()
}

fn all_json(planet: &Planet, access: &Access) -> Json {
    let words = |rights: Rights| -> Vec<_> {
        Right::ALL.iter().filter(|right| rights.include(**right)).map(|right| right.word()).collect()
    };
    let roles = access.roles().map(|(name, gives, named)| {
        json!({ "name": name, "rights": words(gives), "agents": named, "by_itself": name == EVERYBODY || name == OPERATOR })
    });
    let names = |names: &[At<Name>]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let rules = planet.access.iter().flat_map(|section| &section.rule).map(|rule| {
        let rights: Rights = rule.rights.iter().map(|right| right.value).collect();
        json!({
            "name": rule.name.to_string(), "effect": rule.effect.value.word(),
            "rights": words(if rule.rights.is_empty() { Rights::ALL } else { rights }),
            "roles": names(&rule.roles), "from": names(&rule.from), "regions": names(&rule.regions),
            "classes": names(&rule.classes), "own": rule.own.value,
        })
    });
    json!({ "version": 1, "said": planet.access.is_some(), "roles": roles.collect::<Vec<_>>(), "rules": rules.collect::<Vec<_>>() })
}
