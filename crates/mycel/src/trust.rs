//! `mycel trust`: the planet's keys, and what trust is made of.

mod cas;
mod certificates;
mod init;
mod inventory;
mod office;
mod page;
mod recover;
mod rehearse;
mod rotate;
mod split;
mod status;
mod used;
mod wrap;

use crate::Verdict;
use crate::cli::TrustCommand;
use crate::failure::Failure;
use crate::screen::Screen;
use serde_json::json;
use trust::pi;

pub(crate) fn run(command: &TrustCommand, screen: &Screen) -> Result<Verdict, Failure> {
    match command {
        TrustCommand::Pi { at, digits } => pi(*at, *digits, screen),
        TrustCommand::Split(args) => split::run(args, screen),
        TrustCommand::Holder(args) => recover::holder(args, screen),
        TrustCommand::OpenShare(args) => recover::open_share(args, screen),
        TrustCommand::Recover(args) => recover::run(args, screen),
        TrustCommand::Drill(args) => rehearse::run(args, screen),
        TrustCommand::Drills(args) => rehearse::drills(args, screen),
        TrustCommand::Init(args) => init::run(args, screen),
        TrustCommand::Office(args) => office::run(args, screen),
        TrustCommand::Status(args) => status::run(args, screen),
        TrustCommand::Wrap(args) => wrap::run(args, screen),
        TrustCommand::Rotate(args) => rotate::run(args, screen),
        TrustCommand::Revoke(args) => certificates::revoke(args, screen),
        TrustCommand::Request(args) => certificates::request(args, screen),
        TrustCommand::Issue(args) => certificates::issue(args, screen),
    }
}

fn pi(at: u64, digits: u64, screen: &Screen) -> Result<Verdict, Failure> {
    let found = pi::digits(at, digits).map_err(|error| {
        let hint =
            format!("ask for at most {} digits, up to position {}, and for fewer the further", pi::MOST, pi::FURTHEST);
        Failure::told(error.to_string(), hint)
    })?;
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "at": at, "digits": found }))?;
    } else {
        screen.data(found)?;
    }
    Ok(Verdict::Good)
}
