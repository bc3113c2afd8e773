//! What trust costs, each thing beside its budget and beside the raw primitive
//! under it, in the same run. CPU time of this thread, so that a busy machine
//! does not change the answer much; the best of several rounds.
//!
//!     cargo bench -p trust [NAME]

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::float_arithmetic, clippy::cast_precision_loss)]

mod enrol;
mod envelope;
mod lease;
mod merkle;
mod pi;
mod sign;

fn main() {
    let wanted = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| name.starts_with(wanted));
    measure::title();
    for (name, run) in [
        ("lease", lease::run as fn()),
        ("enrol", enrol::run),
        ("pi", pi::run),
        ("sign", sign::run),
        ("envelope", envelope::run),
        ("merkle", merkle::run),
    ] {
        if is_wanted(name) {
            run();
        }
    }
}
