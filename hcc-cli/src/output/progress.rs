//! Progress bars, which are drawn on terminals only.

use std::collections::HashMap;
use std::time::Duration;

use hcloud_api::{Action, ActionId, ActionStatus};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// A spinner for work of unknown length.
pub(crate) fn spinner(message: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A bar with this template.
pub(crate) fn bar(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is well formed");
    ProgressBar::new(length).with_style(style)
}

/// A bar for each action.
#[derive(Default)]
pub(crate) struct ActionBars {
    all: MultiProgress,
    one: HashMap<ActionId, (ProgressBar, Action)>,
}

impl ActionBars {
    pub(crate) fn update(&mut self, action: &Action) {
        let (bar, latest) = self.one.entry(action.id).or_insert_with(|| {
            let bar = self.all.add(bar(100, "{msg:20} {bar:30} {pos:>3} %"));
            (bar, action.clone())
        });
        bar.set_message(action.command.replace('_', " "));
        bar.set_position(action.progress.into());
        if action.status != ActionStatus::Running {
            bar.finish_and_clear();
        }
        latest.clone_from(action);
    }

    /// Returns an action as it was last updated.
    pub(crate) fn latest(&self, action: Action) -> Action {
        match self.one.get(&action.id) {
            Some((_, latest)) => latest.clone(),
            None => action,
        }
    }
}
