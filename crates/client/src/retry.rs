//! How often, and after how long, a broken connection is tried again.

use crate::error::Error;
use std::time::Duration;

/// Tries in all. With the pauses between them some six seconds: longer than a
/// planet takes to start again.
const MOST: u32 = 8;

/// The first pause, and the longest.
const FIRST_MS: u64 = 50;
const LONGEST_MS: u64 = 2_000;

/// How long to wait before something that was refused is asked for again, by one
/// of many who were refused together.
#[derive(Debug, Default)]
pub struct Backoff(u32);

impl Backoff {
    /// The pause before the next try: at least what the refusal asks for, and
    /// by chance up to as much again.
    pub fn pause(&mut self, error: &Error) -> Duration {
        self.0 = self.0.saturating_add(1);
        let asked = match error {
            Error::Refused { fault, .. } => fault.retry_after_ms.map(Duration::from_millis),
            _ => None,
        };
        spread(asked, self.0, chance())
    }

    /// It was answered: the next pause is the first.
    pub fn answered(&mut self) {
        self.0 = 0;
    }
}

/// Never before the time that was asked for, and behind it over a stretch that
/// grows: whoever says "in a second" to a thousand would have them all then.
fn spread(asked: Option<Duration>, tries: u32, chance: u8) -> Duration {
    let Some(asked) = asked else { return pause(tries, chance) };
    let stretch = asked.max(pause(tries, 0)).min(Duration::from_millis(LONGEST_MS));
    asked + stretch * u32::from(chance) / 256
}

/// A row of tries.
#[derive(Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Pauses before the next try; false when there is none.
    pub(crate) async fn again(&mut self) -> bool {
        self.0 += 1;
        if self.0 >= MOST {
            return false;
        }
        tokio::time::sleep(pause(self.0, chance())).await;
        true
    }
}

/// Twice as long each time, and up to half of it by chance, so that those who
/// were cut off together do not come back together.
fn pause(tries: u32, chance: u8) -> Duration {
    let whole = FIRST_MS.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(LONGEST_MS);
    Duration::from_millis(whole - whole / 2 * u64::from(chance) / 256)
}

fn chance() -> u8 {
    let mut byte = [0];
    // Without chance the pause is the whole one.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        assert_eq!(pause(1, 0), Duration::from_millis(50));
        assert_eq!(pause(2, 0), Duration::from_millis(100));
        assert_eq!(pause(40, 0), Duration::from_millis(2_000));
        let second = Some(Duration::from_secs(1));
        assert!((0..=255).all(|chance| spread(second, 1, chance) >= Duration::from_secs(1)), "never too soon");
        assert!(spread(second, 1, 255) > Duration::from_millis(1_990), "and not all at once");
        assert_eq!(spread(Some(Duration::ZERO), 3, 128), Duration::from_millis(100));
        assert_eq!(spread(None, 1, 0), Duration::from_millis(50));
        assert!((1..MOST).all(|tries| pause(tries, 255) * 2 >= pause(tries, 0)));
    }
}
