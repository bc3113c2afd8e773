//! From bytes to what can be judged. What a reader does not understand is told
//! with its line; it must never pass over anything in silence.

pub(crate) mod form;
pub(crate) mod hcl;
pub(crate) mod yaml;
