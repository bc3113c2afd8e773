//! Where on Earth something stands.

use crate::BadQuantity;
use crate::decimal::Decimal;
use std::fmt;
use std::str::FromStr;

/// An angle in millionths of a degree (about 11 cm on the ground).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroDegrees(pub i32);

impl FromStr for MicroDegrees {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let bad =
            || BadQuantity::new(format!("`{text}` is not an angle in degrees with at most six decimals"), "-33.86");
        let (sign, digits) = match text.as_bytes().first() {
            Some(b'-') => (-1, &text[1..]),
            Some(b'+') => (1, &text[1..]),
            _ => (1, text),
        };
        let (number, rest) = Decimal::take(digits).ok_or_else(bad)?;
        let micro = number.times(1_000_000).and_then(|m| i32::try_from(m).ok());
        match micro {
            Some(micro) if rest.is_empty() => Ok(Self(sign * micro)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for MicroDegrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", crate::decimal::show_fraction(u64::from(self.0.unsigned_abs()), 6))
    }
}

/// A point on Earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// Degrees north of the equator, −90 to 90.
    pub latitude: MicroDegrees,
    /// Degrees east of Greenwich, −180 to 180.
    pub longitude: MicroDegrees,
}

impl Site {
    /// Whether both angles are angles of a globe.
    #[must_use]
    pub const fn is_on_earth(self) -> bool {
        self.latitude.0.unsigned_abs() <= 90_000_000 && self.longitude.0.unsigned_abs() <= 180_000_000
    }

    /// Great-circle distance in kilometres, rounded down.
    ///
    /// Floats are good enough here: the result is compared with latencies that
    /// are known to the millisecond (200 km of fibre), and is never stored.
    #[must_use]
    #[allow(clippy::float_arithmetic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn kilometres_to(self, other: Self) -> u32 {
        const EARTH_RADIUS_KM: f64 = 6_371.0;
        let radians = |angle: MicroDegrees| (f64::from(angle.0) / 1e6).to_radians();
        let (lat1, lat2) = (radians(self.latitude), radians(other.latitude));
        let half_lat = (lat2 - lat1) / 2.0;
        let half_lon = (radians(other.longitude) - radians(self.longitude)) / 2.0;
        let h = half_lat.sin().powi(2) + lat1.cos() * lat2.cos() * half_lon.sin().powi(2);
        (2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(latitude: &str, longitude: &str) -> Site {
        Site { latitude: latitude.parse().unwrap(), longitude: longitude.parse().unwrap() }
    }

    #[test]
    fn dublin_to_virginia_is_an_ocean() {
        let km = site("53.35", "-6.26").kilometres_to(site("38.95", "-77.45"));
        assert!((5_400..5_500).contains(&km), "{km}");
        let (pole, same) = (site("90", "0"), site("90", "123.456"));
        assert_eq!(pole.kilometres_to(same), 0);
        assert!(pole.is_on_earth() && !site("90.000001", "0").is_on_earth());
    }
}
