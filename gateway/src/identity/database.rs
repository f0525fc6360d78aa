//! What PostgreSQL's errors mean to whoever asked.

use sqlx::Error;

use crate::error::{Code, Failure, FieldError};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(taken) = taken_name(&error) {
            return taken;
        }
        if is_away(&error) {
            tracing::warn!(%error, "PostgreSQL does not answer");
            return Self::unavailable("the database does not answer just now");
        }
        Self::internal(&error)
    }
}

/// The answer to a name that somebody has already: it tells which.
fn taken_name(error: &Error) -> Option<Failure> {
    let (field, detail) = match error.as_database_error()?.constraint()? {
        "accounts_username_key" => ("username", "this username is taken"),
        "accounts_email_key" => ("email", "there is an account with this email address"),
        _ => return None,
    };
    let errors = vec![FieldError { field: field.into(), message: "is taken".to_owned() }];
    Some(Failure { errors, ..Failure::new(Code::Conflict, detail) })
}

/// Whether trying again later may work: no connection, a server that starts or stops, tables or columns not made yet.
/// Classes and codes as in <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn is_away(error: &Error) -> bool {
    match error {
        // The last is what a hang-up instead of a greeting looks like: a proxy's, whose PostgreSQL is away.
        Error::Io(_)
        | Error::Tls(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::Protocol(_) => true,
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let class = code.get(..2).unwrap_or_default();
            matches!(class, "08" | "40" | "53" | "57") || matches!(&*code, "42P01" | "42703" | "3F000")
        }
        _ => false,
    }
}
