//! Who has an account, or is here as a guest. What is private to them is not here: PostgreSQL's schema `identity` owns
//! it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;
use voxlog_core::{clock::Time, event::Event, id::UserId, user};

use crate::{
    Page, ReadModel, columns, erasure,
    page::one_more,
    projection::{Applied, Projection},
    search::{Query, terms},
};

/// A user as everybody may see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Unique, 3 to 32 characters; null when they were erased.
    pub username: Option<String>,
    /// What people call them, when that is another name.
    pub display_name: Option<String>,
    /// An https address of a picture.
    pub avatar_url: Option<String>,
    /// Here without an account.
    pub guest: bool,
    /// Since when.
    pub registered_at: Time,
    /// When they were last there, as far as others could see; absent for who hides and who was never here, and in lists:
    /// nobody sees at a glance when everybody comes and goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Time>,
    /// When they were erased: nobody is behind this id any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Time>,
}

/// A place in the list of users, which runs by username without regard to case: that of the last one seen. Written as
/// the id and the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCursor {
    id: UserId,
    name_key: String,
}

/// Why a text is no [`UserCursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list of users")]
pub struct InvalidUserCursor;

/// The read model of users.
#[derive(Debug)]
pub struct Users;

impl fmt::Display for UserCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.id, self.name_key)
    }
}

impl FromStr for UserCursor {
    type Err = InvalidUserCursor;

    fn from_str(text: &str) -> Result<Self, InvalidUserCursor> {
        let (id, name_key) = text.split_once('_').ok_or(InvalidUserCursor)?;
        let id = id.parse().map_err(|_| InvalidUserCursor)?;
        if name_key.contains('\0') { Err(InvalidUserCursor) } else { Ok(Self { id, name_key: name_key.to_owned() }) }
    }
}

#[async_trait]
impl Projection for Users {
    fn name(&self) -> &'static str {
        "users"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["users"]
    }

    async fn apply(&self, tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
        let Some(first) = events.first() else { return Ok(()) };
        match &first.envelope.event {
            Event::User(user::Event::Registered { .. }) => register(tx, events).await,
            Event::User(user::Event::Updated { .. }) => update(tx, events).await,
            _ => Ok(()),
        }
    }
}

async fn register(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let (mut profiles, mut guests, mut times) = (Profiles::default(), Vec::new(), Vec::new());
    for event in events {
        if let Event::User(user::Event::Registered { user_id, username, display_name, guest }) = &event.envelope.event {
            profiles.push(*user_id, username, display_name.as_deref(), None);
            guests.push(*guest);
            times.push(event.time());
        }
    }
    let insert = "INSERT INTO users (id, username, name_key, display_name, terms, guest, registered_at)
         SELECT id, username, name_key, display_name, terms::tsvector, guest, registered_at
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[])
             AS p (id, username, name_key, display_name, terms, guest, registered_at) ON CONFLICT DO NOTHING";
    let query = sqlx::query(insert).bind(profiles.ids).bind(profiles.names).bind(profiles.keys);
    query.bind(profiles.display_names).bind(profiles.terms).bind(guests).bind(times).execute(tx).await?;
    Ok(())
}

/// Of several changes of one user the last one counts: each tells the profile whole.
async fn update(tx: &mut PgConnection, events: &[&Applied]) -> Result<(), sqlx::Error> {
    let mut last = BTreeMap::new();
    for event in events {
        if let Event::User(user::Event::Updated { user_id, username, display_name, avatar_url }) = &event.envelope.event
        {
            last.insert(*user_id, (username, display_name, avatar_url));
        }
    }
    let mut profiles = Profiles::default();
    for (id, (username, display_name, avatar_url)) in last {
        profiles.push(id, username, display_name.as_deref(), avatar_url.as_deref());
    }
    let update = "UPDATE users AS u SET username = p.username, name_key = p.name_key, display_name = p.display_name,
             terms = p.terms::tsvector, avatar_url = p.avatar_url
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
             AS p (id, username, name_key, display_name, terms, avatar_url) WHERE u.id = p.id";
    let query = sqlx::query(update).bind(profiles.ids).bind(profiles.names).bind(profiles.keys);
    query.bind(profiles.display_names).bind(profiles.terms).bind(profiles.avatar_urls).execute(tx).await?;
    Ok(())
}

/// What users call themselves, column by column.
#[derive(Default)]
struct Profiles {
    ids: Vec<Uuid>,
    names: Vec<String>,
    keys: Vec<String>,
    display_names: Vec<Option<String>>,
    avatar_urls: Vec<Option<String>>,
    terms: Vec<String>,
}

impl Profiles {
    fn push(&mut self, id: UserId, username: &str, display_name: Option<&str>, avatar_url: Option<&str>) {
        let username = columns::text(username).into_owned();
        self.ids.push(id.as_uuid());
        self.keys.push(username.to_lowercase());
        self.terms.push(terms(&format!("{username} {}", display_name.unwrap_or_default())));
        self.names.push(username);
        self.display_names.push(columns::maybe_text(display_name).map(Into::into));
        self.avatar_urls.push(columns::maybe_text(avatar_url).map(Into::into));
    }
}

macro_rules! select {
    ($last_seen:literal, $rest:literal) => {
        concat!(
            "SELECT id, username, name_key, display_name, avatar_url, guest, registered_at, ",
            $last_seen,
            " AS last_seen_at FROM users ",
            $rest
        )
    };
}

/// One user. Of one who was erased nothing is known but that, and since when there was somebody: the id tells.
pub async fn user(db: &ReadModel, id: UserId) -> Result<Option<User>, sqlx::Error> {
    let row = sqlx::query(select!("(SELECT at FROM last_seen WHERE user_id = users.id)", "WHERE id = $1"))
        .bind(id.as_uuid())
        .fetch_optional(db.pool())
        .await?;
    if let Some(row) = row {
        return read(&row).map(Some);
    }
    let erased_at = erasure::erased_at(db, id).await?;
    Ok(erased_at.map(|erased_at| User {
        id,
        username: None,
        display_name: None,
        avatar_url: None,
        guest: false,
        registered_at: id.time(),
        last_seen_at: None,
        erased_at: Some(erased_at),
    }))
}

/// Those who have, for every word of `query`, a name or a part of a name that begins so; without a query everybody. By
/// username: `limit` of them after `after`. A query without a letter or a digit finds nobody.
pub async fn users(
    db: &ReadModel,
    query: Option<&str>,
    after: Option<UserCursor>,
    limit: usize,
) -> Result<Page<User>, sqlx::Error> {
    const EVERYBODY: &str =
        select!("NULL::timestamptz", "WHERE (name_key, id) > ($1 COLLATE \"C\", $2) ORDER BY name_key, id LIMIT $3");
    const NAMED: &str = select!(
        "NULL::timestamptz",
        "WHERE (name_key, id) > ($1 COLLATE \"C\", $2) AND terms @@ $4::tsquery ORDER BY name_key, id LIMIT $3"
    );
    let (name_key, id) = after.map_or((String::new(), Uuid::nil()), |it| (it.name_key, it.id.as_uuid()));
    let rows = match query.map(Query::of_names) {
        None => sqlx::query(EVERYBODY).bind(name_key).bind(id).bind(one_more(limit)).fetch_all(db.pool()).await?,
        Some(Ok(names)) => {
            // Planned anew each time, as a search is.
            let query = sqlx::query(NAMED).persistent(false).bind(name_key).bind(id).bind(one_more(limit));
            query.bind(names.as_str()).fetch_all(db.pool()).await?
        }
        Some(Err(_)) => Vec::new(),
    };
    let keyed = rows.iter().map(|row| Ok((read(row)?, row.try_get("name_key")?)));
    let keyed = keyed.collect::<Result<Vec<(User, String)>, sqlx::Error>>()?;
    let page =
        Page::cut(keyed, limit, |(user, name_key)| UserCursor { id: user.id, name_key: name_key.clone() }.to_string());
    Ok(page.map(|(user, _)| user))
}

fn read(row: &PgRow) -> Result<User, sqlx::Error> {
    Ok(User {
        id: columns::user(row, "id")?,
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        avatar_url: row.try_get("avatar_url")?,
        guest: row.try_get("guest")?,
        registered_at: row.try_get("registered_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        erased_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_cursor_reads_back_from_its_text() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let cursor = UserCursor { id, name_key: "a_b_".into() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "_", "x_y", "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8057_\0"]
        {
            assert_eq!(text.parse::<UserCursor>(), Err(InvalidUserCursor), "{text}");
        }
    }
}
