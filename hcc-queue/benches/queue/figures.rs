//! Measured times, sorted.

use std::fmt;
use std::time::Duration;

/// Measured times.
#[derive(Debug)]
pub(crate) struct Figures(Vec<Duration>);

impl Figures {
    /// The time that this percentage does not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    /// The ratio of the medians and of the 99th percentiles.
    pub(crate) fn relative_to(&self, other: &Self) -> String {
        let ratio = |percent| {
            self.percentile(percent)
                .div_duration_f64(other.percentile(percent))
        };
        format!("p50 {:.2}, p99 {:.2}", ratio(50), ratio(99))
    }
}

impl FromIterator<Duration> for Figures {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
        let (middle, bad, worst) = (milliseconds(50), milliseconds(99), milliseconds(100));
        write!(f, "p50 {middle:7.3}  p99 {bad:7.3}  max {worst:7.3} ms")
    }
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
