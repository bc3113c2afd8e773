//! How often, and after how long, a broken connection is tried again.

use std::time::Duration;

/// Tries in all. With the pauses between them some six seconds: longer than a
/// planet takes to start again.
const MOST: u32 = 8;

/// The first pause, and the longest.
const FIRST_MS: u64 = 50;
const LONGEST_MS: u64 = 2_000;

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
        assert!((1..MOST).all(|tries| pause(tries, 255) * 2 >= pause(tries, 0)));
    }
}
