#![cfg_attr(feature = "worker", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "worker"),
    doc = "The commands of hcc, without a worker."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod api_reason;
mod authz;
mod console;
mod create_options;
mod custom;
mod description;
mod error;
mod event;
mod frontend;
#[cfg(feature = "metrics")]
pub mod metrics;
mod name;
mod offered;
pub mod operation;
mod outcome;
mod power;
#[cfg(feature = "worker")]
mod project;
mod request;
mod schedule;
#[cfg(feature = "screen")]
mod screen;
#[cfg(feature = "worker")]
mod settings;
#[cfg(feature = "test-util")]
pub mod testing;
mod verb;
#[cfg(feature = "worker")]
mod worker;

pub use hcc_queue as queue;
pub use hcc_store as store;
#[cfg(feature = "worker")]
pub use hcloud_api;

pub use api_reason::{ApiReason, InvalidField};
pub use authz::{
    AccountAuthorizer, AllowAll, Authorizer, CreateLimits, Denied, Grant, InvalidPattern,
    InvalidPermissions, InvalidProjectName, InvalidProjectPattern, NamePattern, Permission,
    Permissions, ProjectName, ProjectPattern, ProjectScope,
};
pub use console::Console;
pub use create_options::{CreateOptions, choices, location};
pub use custom::{CustomCommand, CustomRequest, Repetition};
pub use description::{Argument, ArgumentKind, Description, Form};
pub use error::{Difference, Error, ErrorKind, ResourceKind, Result};
pub use event::{CommandEvent, Event, Heartbeat, RecordEvent, SyncOutcome, SyncedEvent};
pub use frontend::{Frontend, Listener, Waiter, WorkerTracker};
pub use name::{InvalidName, ServerName};
pub use offered::{
    OfferedCatalog, OfferedImage, OfferedIso, OfferedLocation, OfferedPlace, OfferedType,
    PricedPlace,
};
pub use operation::Operation;
pub use outcome::{Failure, Outcome};
pub use power::Power;
#[cfg(feature = "worker")]
pub use project::{
    Catalog, CreateOutcome, CreateProgress, DeleteOutcome, Guard, NamedResource, OfferProblem,
    OfferReason, PlannedSync, Presence, Project, Quote, RefusedOrder, Scope, ServerDetails,
    ServerSummary, SyncProgress, SyncedRecord, TotalPrice,
};
pub use request::{Command, InvalidRequest, Request};
pub use schedule::{DueTimes, InvalidSchedule, NewSchedule, scheduled_request};
#[cfg(feature = "screen")]
pub use screen::{
    Keystrokes, Layout, Screen, ScreenError, Screenshot, UnknownLayout, Untypable, ViewerOutcome,
    VncProxy,
};
#[cfg(feature = "worker")]
pub use settings::Settings;
pub use verb::{UnknownVerb, Verb};
#[cfg(feature = "worker")]
pub use worker::{
    Call, Clock, Service, Worker, WorkerConfig, WorkerHandle, WorkerPhase, WorkerStatus,
};
