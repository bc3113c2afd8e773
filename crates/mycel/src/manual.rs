//! `mycel completions` and `mycel man`, from the same declarations as the help.

use crate::Verdict;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::screen::Screen;
use clap::CommandFactory as _;
use serde_json::json;
use std::path::Path;

pub(crate) fn completions(shell: clap_complete::Shell, screen: &Screen) -> Result<Verdict, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mycel", &mut script);
    text("script", &script, screen)?;
    Ok(Verdict::Good)
}

pub(crate) fn pages(out: Option<&Path>, screen: &Screen) -> Result<Verdict, Failure> {
    match out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            text("page", &page, screen)?;
        }
        Some(folder) => {
            let write = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
            write.map_err(|error| Failure::file("write manual pages to", folder, &error))?;
            let folder = folder.display();
            if screen.is_json() {
                screen.json(&json!({ "version": 1, "wrote": folder.to_string() }))?;
            } else {
                screen.say(format_args!("wrote manual pages to {folder}; `man -l {folder}/mycel.1` shows them"));
            }
        }
    }
    Ok(Verdict::Good)
}

/// Text that another program reads, or the same in JSON under a key.
fn text(key: &str, bytes: &[u8], screen: &Screen) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(bytes);
    if screen.is_json() {
        return screen.json(&json!({ "version": 1, key: text }));
    }
    screen.data(text.trim_end())
}
