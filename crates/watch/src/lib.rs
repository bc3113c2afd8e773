//! What is concluded about an agent from what it does, and whose word counts.
//!
//! Facts that blocks tell become evidence ([`observe`]); evidence that others
//! have signed comes in batches ([`batch`], [`intake`]); both move what is
//! believed of an agent ([`posterior`]), each by the weight of who says it
//! ([`reputation`]), and what is believed has levels with stated rates of error
//! ([`level`]).
//!
//! Pure: time, keys and order are arguments. It must never keep a float, divide
//! evidence, or let the order in which evidence came change one bit of what is
//! believed; and nobody is blamed but by what they have signed themselves.

pub mod batch;
pub mod blame;
pub mod intake;
pub mod level;
pub mod nats;
pub mod observe;
pub mod posterior;
pub mod reputation;
pub mod summary;
pub mod tree;
