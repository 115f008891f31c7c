//! Measurements over time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What to measure, and when.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize)]
pub struct MetricsQuery<Metric> {
    /// What was used; at least one.
    #[serde(rename = "type")]
    pub kind: Vec<Metric>,
    /// The beginning of the period, at most 30 days ago.
    pub start: Timestamp,
    /// The end of the period.
    pub end: Timestamp,
    /// The time from one sample to the next in seconds; chosen to give at most 200 samples if
    /// `None`.
    pub step: Option<u64>,
}

impl<Metric> MetricsQuery<Metric> {
    /// Measures `kind` from `start` to `end`.
    pub fn new(kind: impl Into<Vec<Metric>>, start: Timestamp, end: Timestamp) -> Self {
        Self {
            kind: kind.into(),
            start,
            end,
            step: None,
        }
    }
}

/// What was measured in a period.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// The beginning of the period.
    pub start: Timestamp,
    /// The end of the period.
    pub end: Timestamp,
    /// The time from one sample to the next, in seconds; the API may choose another one than was
    /// asked for.
    pub step: f64,
    /// The samples by series, such as `cpu` or `network.0.bandwidth.in`.
    pub time_series: BTreeMap<String, TimeSeries>,
}

impl Metrics {
    /// The samples of one series; none if the API left the series out.
    pub fn samples(&self, series: &str) -> &[Sample] {
        self.time_series
            .get(series)
            .map_or(&[], |series| series.values.as_slice())
    }
}

/// One measured quantity.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TimeSeries {
    /// Its samples, the oldest first.
    pub values: Vec<Sample>,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "(f64, String)", into = "(f64, String)")]
#[non_exhaustive]
pub struct Sample {
    /// When it was taken, in seconds since 1970.
    pub at: f64,
    /// The number as the API wrote it.
    pub value: String,
}

impl Sample {
    /// The measured number; `None` if the API wrote something else.
    pub fn number(&self) -> Option<f64> {
        self.value.parse().ok()
    }
}

impl From<(f64, String)> for Sample {
    fn from((at, value): (f64, String)) -> Self {
        Self { at, value }
    }
}

impl From<Sample> for (f64, String) {
    fn from(sample: Sample) -> Self {
        (sample.at, sample.value)
    }
}
