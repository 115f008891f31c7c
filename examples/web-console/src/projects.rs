//! Several projects in one web console: they share users and sessions, and each has records, commands
//! and pages of its own.

use axum::Router;
use axum::middleware;
use axum::response::Response;
use hcc_core::{Frontend, ProjectName, ProjectScope};
use hcc_store::AuditProject;

use crate::WebConsole;
use crate::security::move_addresses;

/// The pages that are not about one project. All others under the path of a project are its own.
const SHARED: &[&str] = &[
    "", "?", "#", "account", "audit", "join", "language", "login", "logout", "projects", "static",
    "users",
];

impl WebConsole {
    /// Sets which project the records and commands are of, for permissions, the audit trail and the
    /// list.
    #[must_use]
    pub fn in_project(self, project: ProjectScope) -> Self {
        let console = Self { project, ..self };
        if console.has_several() {
            console.live.state().set_project(console.project_name());
        }
        console
    }

    /// Adds a project with records and commands of its own. Only grants that name it hold in it.
    ///
    /// The pages of its servers are below `/projects/NAME`; the lists show the servers of all projects.
    #[must_use]
    pub fn with_project(mut self, name: ProjectName, frontend: Frontend) -> Self {
        let path = format!("/projects/{name}");
        let live = self.live.of_another_project(name.as_str());
        self.live.state().set_project(self.project_name());
        self.others.push(Self {
            frontend,
            live,
            project: ProjectScope::Other(name),
            path,
            others: Vec::new(),
            ..self.clone()
        });
        self
    }

    /// Whether there are several projects here.
    pub(crate) fn has_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// All projects that are shown here.
    pub(crate) fn projects(&self) -> impl Iterator<Item = &Self> + Clone {
        std::iter::once(self).chain(&self.others)
    }

    /// The name of the project; empty if it has none.
    pub(crate) fn project_name(&self) -> &str {
        self.project.name().map_or("", ProjectName::as_str)
    }

    /// The name of the project of these pages; empty at the root.
    pub(crate) fn page_project(&self) -> &str {
        match self.path.is_empty() {
            true => "",
            false => self.project_name(),
        }
    }

    /// The path of the project's pages among those of several, or the root.
    pub(crate) fn project_path(&self) -> String {
        match self.project.name() {
            Some(name) if self.has_several() => format!("/projects/{name}"),
            _ => self.path.clone(),
        }
    }

    /// Returns the project and the name of a server of the [list](crate::servers::key).
    pub(crate) fn find<'a>(&self, key: &'a str) -> Option<(Self, &'a str)> {
        let (project, server) = key.split_once('/').unwrap_or(("", key));
        let is_meant = |it: &&Self| match self.has_several() {
            true => it.project_name() == project,
            false => project.is_empty(),
        };
        let found = self.projects().find(is_meant)?;
        Some((found.alone(), server))
    }

    /// The entries of the audit trail that are about the project.
    pub(crate) fn audit_project(&self) -> AuditProject {
        match self.project.other() {
            None => AuditProject::Home,
            Some(name) => AuditProject::Named(name.to_string()),
        }
    }

    /// The web console of this project only.
    fn alone(&self) -> Self {
        Self {
            path: self.project_path(),
            others: Vec::new(),
            ..self.clone()
        }
    }

    /// All projects that have pages of their own, each alone.
    pub(crate) fn named_projects(&self) -> impl Iterator<Item = Self> {
        let named = self.projects().filter(|it| it.project.name().is_some());
        named.filter(|_| self.has_several()).map(Self::alone)
    }

    /// Returns the pages of one project. They write addresses as if they were at the root.
    pub(crate) fn pages(self, own: Router<Self>) -> Router<Self> {
        let path = self.path.clone();
        let moved = middleware::map_response(move |response: Response| {
            let path = path.clone();
            async move { move_addresses(response, &path, is_shared).await }
        });
        own.layer(moved).with_state(self)
    }
}

/// Whether an address, without its first slash, is not one of a project.
fn is_shared(address: &str) -> bool {
    let end = address.find(['/', '?', '#', '"']);
    let first = end.map_or(address, |end| &address[..end]);
    SHARED.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_project_are_all_but_the_shared_ones() {
        for shared in [
            "",
            "?q=1",
            "users/mary",
            "static/1/live.js",
            "projects/a/new",
        ] {
            assert!(is_shared(shared), "{shared}");
        }
        for own in [
            "servers/web",
            "new",
            "failed?before=1",
            "commands/1",
            "newest",
            "usersx",
        ] {
            assert!(!is_shared(own), "{own}");
        }
    }
}
