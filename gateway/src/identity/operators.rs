//! Operators: accounts whose sign-ins have the scope `admin`.
//!
//! They are made where the database is at hand, on the command line, and never over the network: who takes over an
//! operator's sign-in can make no other. An access token says for as long as it lives what its account was when it was
//! given, so whoever stops being an operator is signed out everywhere; their API keys lose the scope at the next look.

use sqlx::PgPool;
use voxlog_core::{clock::Clock, id::UserId};

use super::{Account, accounts, sessions};
use crate::error::{Code, Failure};

/// The account of that id, or else of that name in any case.
pub async fn find(pool: &PgPool, user: &str) -> Result<Option<Account>, Failure> {
    match user.parse() {
        Ok(id) => accounts::by_id(pool, id).await,
        Err(_) => accounts::by_name(pool, user).await,
    }
}

/// Every operator, by name.
pub async fn list(pool: &PgPool) -> Result<Vec<Account>, Failure> {
    let select = concat!(
        "SELECT ",
        accounts::columns!(),
        " FROM identity.accounts a WHERE a.operator ORDER BY lower(a.username)"
    );
    Ok(sqlx::query_as(select).fetch_all(pool).await?)
}

/// Makes an account an operator. Its sign-ins have the scope with their next refresh. False when it was one already.
pub async fn grant(pool: &PgPool, user: UserId) -> Result<bool, Failure> {
    let mut transaction = pool.begin().await?;
    let account = accounts::lock(&mut transaction, user).await?.ok_or_else(accounts::gone)?;
    if account.guest {
        return Err(Failure::new(Code::Forbidden, "a guest can't be an operator"));
    }
    mark(&mut transaction, user, true).await?;
    transaction.commit().await?;
    Ok(!account.operator)
}

/// Makes an account an ordinary one and ends all its sign-ins, which every gateway knows within seconds. False when it
/// was no operator.
pub async fn revoke(pool: &PgPool, user: UserId, clock: &dyn Clock) -> Result<bool, Failure> {
    let mut transaction = pool.begin().await?;
    let account = accounts::lock(&mut transaction, user).await?.ok_or_else(accounts::gone)?;
    if account.operator {
        mark(&mut transaction, user, false).await?;
        sessions::revoke(&mut transaction, user, None, clock).await?;
    }
    transaction.commit().await?;
    Ok(account.operator)
}

async fn mark(connection: &mut sqlx::PgConnection, user: UserId, operator: bool) -> Result<(), Failure> {
    let update = sqlx::query("UPDATE identity.accounts SET operator = $2 WHERE id = $1");
    update.bind(user.as_uuid()).bind(operator).execute(connection).await?;
    Ok(())
}
