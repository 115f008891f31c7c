//! `cargo xtask mixes`: other users of TLS in one program with `hcloud-api`.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::{cargo, root, run, target};

/// Build and run programs that use other libraries with TLS, with and without hcloud-api
#[derive(clap::Args)]
pub(crate) struct Mixes {
    /// Leave out octocrab and kube, which take minutes to build
    #[arg(long)]
    quick: bool,
}

/// The columns of the table: the feature of `hcloud-api`, and the library that sets up TLS first.
const COLUMNS: &[(Option<&str>, &str)] = &[
    (None, ""),
    (Some("ring"), "ours-first"),
    (Some("ring"), "other-first"),
    (Some("aws-lc-rs"), "ours-first"),
    (Some("aws-lc-rs"), "other-first"),
    (Some("native-tls"), "ours-first"),
    (Some("native-tls"), "other-first"),
];

struct Mix {
    name: &'static str,
    is_slow: bool,
    /// The columns in which the other library panics, as it chooses between several cryptographies,
    /// or has none, before a client of `hcloud-api` has installed one.
    panics: &'static [(Option<&'static str>, &'static str)],
}

const MIXES: &[Mix] = &[
    Mix {
        name: "reqwest-plain",
        is_slow: false,
        panics: &[(Some("ring"), "other-first")],
    },
    Mix {
        name: "reqwest-default",
        is_slow: false,
        panics: &[],
    },
    Mix {
        name: "rustls-aws-lc-rs",
        is_slow: false,
        panics: &[(Some("ring"), "other-first")],
    },
    Mix {
        name: "native-tls",
        is_slow: false,
        panics: &[],
    },
    Mix {
        name: "octocrab",
        is_slow: true,
        panics: &[],
    },
    Mix {
        name: "kube",
        is_slow: true,
        panics: &[(Some("aws-lc-rs"), "other-first")],
    },
];

impl Mixes {
    pub(crate) fn run(self) -> Result<()> {
        let target = target().join("mixes");
        println!("| other library | feature | order | result |\n| --- | --- | --- | --- |");
        let mut unexpected = Vec::new();
        for mix in MIXES.iter().filter(|mix| !(self.quick && mix.is_slow)) {
            for column in COLUMNS {
                let (feature, order) = column;
                let mut build = cargo();
                build
                    .args(["build", "--quiet", "--locked", "--package"])
                    .arg(format!("mix-{}", mix.name))
                    .args(feature.map(|feature| format!("--features={feature}")))
                    .arg("--manifest-path")
                    .arg(root().join("hcloud-api/mixes/Cargo.toml"))
                    .env("CARGO_TARGET_DIR", &target);
                run(&mut build).with_context(|| format!("{} with {feature:?}", mix.name))?;
                let program = target.join("debug").join(format!("mix-{}", mix.name));
                let output = Command::new(program).arg(order).output()?;
                let result = if output.status.success() {
                    "ok"
                } else {
                    "panics"
                };
                let (name, feature) = (mix.name, feature.unwrap_or("without us"));
                println!("| {name} | {feature} | {order} | {result} |");
                if output.status.success() == mix.panics.contains(column) {
                    let error = String::from_utf8_lossy(&output.stderr);
                    unexpected.push(format!("{name}, {feature}, {order}: {error}"));
                }
            }
        }
        ensure!(
            unexpected.is_empty(),
            "unexpected: {}",
            unexpected.join("\n")
        );
        Ok(())
    }
}
