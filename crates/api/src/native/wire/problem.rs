//! The description of problem details; `quittance_http::problem` writes them.

use utoipa::ToSchema;

/// What is wrong, by RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct Problem {
    /// What kind of problem: a stable name.
    #[schema(example = "urn:quittance:problem:invalid")]
    pub r#type: String,
    /// The same in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, with the value, and what to do.
    pub detail: String,
    /// The request's id, as the server's log has it.
    #[schema(nullable = false)]
    pub request_id: Option<String>,
    /// The fields at fault, where there are some.
    #[schema(nullable = false)]
    pub errors: Option<Vec<ProblemField>>,
}

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct ProblemField {
    /// A JSON pointer into the body, or the name of a parameter or header.
    #[schema(example = "/through")]
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}
