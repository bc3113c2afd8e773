//! A circuit breaker: a host that fails again and again is left alone, but for
//! one request now and then that tries whether it is back.

use vocab::Millis;

/// So many failures in a row open it.
const FAILURES: u32 = 5;
/// The first pause, doubled with each try that fails.
const FIRST: Millis = Millis(250);
/// The longest.
const LONGEST: Millis = Millis::seconds(5);

/// The state of one host's.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Millis,
    /// Until when nobody is let through; zero while it is closed.
    until: Millis,
}

impl Breaker {
    /// Whether a request may try; when not, how long to wait. Whoever is let
    /// through while it is open tries for all.
    pub(crate) fn ask(&mut self, now: Millis) -> Result<(), Millis> {
        if self.until == Millis(0) {
            return Ok(());
        }
        if now < self.until {
            return Err(Millis(self.until.0 - now.0));
        }
        // The next one waits for what becomes of this.
        self.until = Millis(now.0.saturating_add(self.pause.0));
        Ok(())
    }

    /// It answered.
    pub(crate) fn good(&mut self) {
        *self = Self::default();
    }

    /// It did not.
    pub(crate) fn bad(&mut self, now: Millis) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.pause = Millis(self.pause.0.saturating_mul(2).clamp(FIRST.0, LONGEST.0));
            self.until = Millis(now.0.saturating_add(self.pause.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_open_it_and_one_answer_closes_it() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.bad(Millis(10));
            assert_eq!(breaker.ask(Millis(10)), Ok(()));
        }
        breaker.bad(Millis(10));
        assert_eq!(breaker.ask(Millis(259)), Err(Millis(1)));
        assert_eq!(breaker.ask(Millis(260)), Ok(()));
        // One tries; the others go on waiting.
        assert_eq!(breaker.ask(Millis(261)), Err(Millis(249)));
        breaker.bad(Millis(270));
        assert_eq!(breaker.ask(Millis(300)), Err(Millis(470)));
        breaker.good();
        assert_eq!(breaker.ask(Millis(301)), Ok(()));
    }

    #[test]
    fn pauses_double_and_end() {
        let (mut breaker, mut now) = (Breaker::default(), 0);
        for _ in 0..100 {
            breaker.bad(Millis(now));
            now += 10_000;
        }
        breaker.bad(Millis(now));
        assert_eq!(breaker.ask(Millis(now)), Err(LONGEST));
        let mut late = Breaker::default();
        (0..20).for_each(|_| late.bad(Millis(u64::MAX - 1)));
        assert!(late.ask(Millis(u64::MAX)).is_ok());
    }
}
