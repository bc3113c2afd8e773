//! `mycel completions` and `mycel man`, from the same declarations as the help.

use crate::Verdict;
use crate::cli::Cli;
use crate::failure::Failure;
use crate::screen::Screen;
use clap::CommandFactory as _;
use std::path::Path;

pub(crate) fn completions(shell: clap_complete::Shell, screen: &Screen) -> Result<Verdict, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mycel", &mut script);
    screen.data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Verdict::Good)
}

pub(crate) fn pages(out: Option<&Path>, screen: &Screen) -> Result<Verdict, Failure> {
    match out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            screen.data(String::from_utf8_lossy(&page).trim_end())?;
        }
        Some(folder) => {
            let write = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
            write.map_err(|error| Failure::file("write manual pages to", folder, &error))?;
            screen.say(format_args!(
                "wrote manual pages to {}; `man -l {}/mycel.1` shows them",
                folder.display(),
                folder.display()
            ));
        }
    }
    Ok(Verdict::Good)
}
