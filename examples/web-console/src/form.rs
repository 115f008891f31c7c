//! Forms that are shown again, with what was typed and what is wrong with it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::page::Html;

/// What is wrong with a form.
#[derive(Debug, Default)]
pub(crate) struct Problem {
    field: &'static str,
    message: String,
}

impl Problem {
    /// A problem of the field with this name.
    pub(crate) fn new(field: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        Self { field, message }
    }

    /// Returns the message, if it is about this field.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        (self.field == field && !self.message.is_empty()).then_some(&self.message)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn is_some(&self) -> bool {
        !self.field.is_empty()
    }
}

/// A page with a form that was not accepted.
pub(crate) fn refused(page: impl askama::Template) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response()
}
