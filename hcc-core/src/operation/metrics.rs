//! `metrics`: how busy a server was.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Reads metrics of a server, and keeps them for frontends; see
/// [`Frontend::metrics`](crate::Frontend::metrics). Safe to repeat.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Metrics {
    /// `cpu`, `disk` and `network`; all of them if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The period until now, in seconds; an hour if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<u64>,
    /// The interval between samples, in seconds; if `None`, one that gives at most 200 samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
}

impl Metrics {
    pub(super) const DESCRIPTION: Description = Description::new(
        "metrics",
        &[
            Form::new("Read the metrics of a server", Permission::View).arguments(&[
                Argument::optional(
                    "types",
                    ArgumentKind::List,
                    "cpu, disk or network [default: all]",
                    "cpu",
                ),
                Argument::optional(
                    "range",
                    ArgumentKind::Number,
                    "Period until now in seconds [default: 3600]",
                    "86400",
                ),
                Argument::optional(
                    "step",
                    ArgumentKind::Number,
                    "Interval between samples in seconds",
                    "600",
                ),
            ]),
        ],
    )
    .phrase("see the metrics of");
}

#[cfg(feature = "worker")]
mod meaning {
    use std::collections::BTreeMap;
    use std::time::{Duration, SystemTime};

    use hcc_store::Attachment;
    use hcloud_api::{ServerMetric, ServerMetricsQuery, Timestamp};
    use serde_json::json;

    use super::Metrics;
    use crate::operation::{Executed, Execution};
    use crate::{Error, Result};

    const DEFAULT_RANGE: u64 = 3600;

    /// The longest period that the API has samples of: 30 days.
    const MAX_RANGE: u64 = 30 * 24 * 3600;

    /// How many samples of a series are kept.
    const MAX_SAMPLES: u64 = 500;

    /// How long metrics are kept.
    const TTL: Duration = Duration::from_secs(24 * 3600);

    impl Metrics {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let range = self.range.unwrap_or(DEFAULT_RANGE).clamp(60, MAX_RANGE);
            let end = Timestamp::now();
            let start = end - Duration::from_secs(range);
            let mut query = ServerMetricsQuery::new(self.kinds()?, start, end);
            query.step = self.step.map(|step| step.max(range.div_ceil(MAX_SAMPLES)));
            let metrics = on
                .project
                .api
                .servers()
                .metrics(on.server.id, &query)
                .await?;
            let series = metrics.time_series.iter().map(|(name, series)| {
                let values = series.values.iter();
                let values: Vec<_> = values.map(|it| json!([it.at, it.value])).collect();
                (name.clone(), values)
            });
            let document = json!({
                "start": start.as_second(),
                "end": end.as_second(),
                "step": metrics.step,
                "series": series.collect::<BTreeMap<_, _>>(),
            });
            let until = SystemTime::now() + TTL;
            let store = &on.project.store;
            let name = &on.server.name;
            store
                .attach(Attachment::Metrics, name, &document, until)
                .await?;
            Ok(Executed::default().with_data(document))
        }

        fn kinds(&self) -> Result<Vec<ServerMetric>> {
            let all = [ServerMetric::Cpu, ServerMetric::Disk, ServerMetric::Network];
            if self.types.is_empty() {
                return Ok(all.into());
            }
            let kind = |name: &String| {
                let mut all = all.iter();
                let found = all.find(|kind| kind.as_str() == name).cloned();
                found.ok_or_else(|| Error::InvalidArgument {
                    argument: "metric",
                    value: name.clone(),
                    reason: "expected cpu, disk or network".to_owned(),
                })
            };
            self.types.iter().map(kind).collect()
        }
    }
}
