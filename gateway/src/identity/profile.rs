//! What people are called, and how they change it.

use axum::http::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use sqlx::PgConnection;
use voxlog_core::id::UserId;

use super::{
    Account, Identity,
    accounts::{self, all_sound, check_display_name, check_email, check_username},
    outbox,
};
use crate::error::{Code, Failure};

/// The longest address of a picture, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// What somebody wants changed about themselves. What is absent stays; what may be absent goes with `null`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileChanges {
    /// 3 to 32 of `A-Z a-z 0-9 _ . -`, unique in any case.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{3,32}$"))]
    pub username: Option<String>,
    /// Where they sign in. Unique in any case.
    #[serde(default)]
    #[schemars(length(max = 254), email)]
    pub email: Option<String>,
    /// What people call them; `null` means by the username.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>", length(min = 1, max = 64))]
    pub display_name: Option<Option<String>>,
    /// An https address of a picture; `null` means none.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>", length(max = 2048), url)]
    pub avatar_url: Option<Option<String>>,
}

impl Identity {
    /// Changes the user's own account, and tells the log what everybody may see of it.
    ///
    /// A new address takes no password: here an address only names the account at sign-in, no mail to it ever opens one.
    pub async fn change_profile(&self, user: UserId, changes: ProfileChanges) -> Result<Account, Failure> {
        changes.check()?;
        let mut transaction = self.pool.begin().await?;
        let before = accounts::lock(&mut transaction, user).await?.ok_or_else(accounts::gone)?;
        if before.guest && (changes.username.is_some() || changes.email.is_some()) {
            return Err(Failure::new(Code::Forbidden, "a guest has no username or address to choose"));
        }
        let after = changes.apply(before.clone());
        if after == before {
            return Ok(before);
        }
        store(&mut transaction, &after).await?;
        if after.updated() != before.updated() {
            outbox::put(&mut transaction, user, after.updated(), &*self.clock).await?;
        }
        transaction.commit().await?;
        self.outgoing.notify_one();
        Ok(after)
    }
}

impl ProfileChanges {
    fn check(&self) -> Result<(), Failure> {
        let given = |text: &Option<Option<String>>, check: fn(&str) -> Result<(), &'static str>| {
            text.as_ref().and_then(Option::as_deref).map_or(Ok(()), check)
        };
        all_sound([
            ("username", self.username.as_deref().map_or(Ok(()), check_username)),
            ("email", self.email.as_deref().map_or(Ok(()), check_email)),
            ("displayName", given(&self.display_name, check_display_name)),
            ("avatarUrl", given(&self.avatar_url, check_url)),
        ])
    }

    fn apply(self, account: Account) -> Account {
        Account {
            username: self.username.unwrap_or(account.username),
            email: self.email.or(account.email),
            display_name: self.display_name.unwrap_or(account.display_name),
            avatar_url: self.avatar_url.unwrap_or(account.avatar_url),
            ..account
        }
    }
}

/// Tells `null` from what is absent.
#[expect(clippy::option_option, reason = "absent, null and given are three things")]
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Every page that shows a user loads it, so it must be something that browsers load safely.
fn check_url(url: &str) -> Result<(), &'static str> {
    let whole = |uri: &Uri| {
        let named =
            uri.authority().is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        named && uri.scheme_str() == Some("https")
    };
    match url.parse::<Uri>() {
        _ if url.len() > MAX_URL_BYTES => Err("must have at most 2048 bytes"),
        Ok(uri) if whole(&uri) => Ok(()),
        _ => Err("must be an https URL"),
    }
}

async fn store(connection: &mut PgConnection, account: &Account) -> Result<(), Failure> {
    sqlx::query(
        "UPDATE identity.accounts SET username = $2, email = $3, display_name = $4, avatar_url = $5 WHERE id = $1",
    )
    .bind(account.id.as_uuid())
    .bind(&account.username)
    .bind(&account.email)
    .bind(&account.display_name)
    .bind(&account.avatar_url)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_an_https_address() {
        for url in ["https://example.org/ann.png?s=64", "https://cdn.example.org:8443/a%20b"] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        let long = format!("https://example.org/{}", "a".repeat(2048));
        for url in [
            "",
            "ann.png",
            "/ann.png",
            "http://example.org/a",
            "javascript:alert(1)",
            "https://",
            "https:///a",
            "data:,x",
            "https://ann:secret@example.org/a",
            "https://example.org/a b",
            "https://example.org/\u{7}",
            &long,
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let changes: ProfileChanges = serde_json::from_str(r#"{"displayName":null}"#).unwrap();
        assert_eq!((changes.display_name, changes.avatar_url), (Some(None), None));
        let changes: ProfileChanges = serde_json::from_str(r#"{"avatarUrl":"https://a.example/x"}"#).unwrap();
        assert_eq!(changes.avatar_url, Some(Some("https://a.example/x".to_owned())));
        assert!(serde_json::from_str::<ProfileChanges>(r#"{"guest":false}"#).is_err());
    }
}
