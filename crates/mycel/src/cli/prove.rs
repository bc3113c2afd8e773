//! What `mycel prove` is told.

use clap::{Args, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// The planet file.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// A folder of rendered files; what `mycel render` would write when left out.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) rendered: Option<PathBuf>,
    /// Judge these targets alone, such as `kubernetes,terraform`; of a folder, those
    /// of its folders that other targets render are left out, and told.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// Walk one path, layer by layer: from a place of the matrix to another,
    /// such as `internet database:5432`.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO[:PORT]"])]
    pub(crate) why: Option<Vec<String>>,
}
