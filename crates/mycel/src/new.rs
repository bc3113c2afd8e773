//! `mycel new`: a small planet file to begin with.

use crate::Verdict;
use crate::cli::NewArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use serde_json::json;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// The file that is written, but for its name. Everything left out has a
/// default that works.
const TEMPLATE: &str = include_str!("new.toml");

pub(crate) fn run(args: &NewArgs, screen: &Screen) -> Result<Verdict, Failure> {
    let text = TEMPLATE.replace("NAME", &args.name);
    if planet::parse(text.as_bytes()).0.is_none() {
        return Err(Failure::told(
            format!("`{}` cannot be the name of a planet", args.name.escape_debug()),
            "use lower-case letters, digits and `-`; --out names the file",
        ));
    }
    if args.out == Path::new("-") {
        if screen.is_json() {
            screen.json(&json!({ "version": 1, "planet": text }))?;
        } else {
            screen.data(text.trim_end())?;
        }
        return Ok(Verdict::Good);
    }
    let mut file = File::create_new(&args.out).map_err(|error| Failure::file("create", &args.out, &error))?;
    file.write_all(text.as_bytes()).map_err(|error| Failure::file("write", &args.out, &error))?;
    let path = args.out.display();
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "wrote": path.to_string() }))?;
    } else {
        screen.say(format_args!("wrote {path}; next: mycel check {path}, mycel plan {path}"));
    }
    Ok(Verdict::Good)
}
