//! The texts of agreements, by language. They are only ever added.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::catalogue::AgreementText;
use crate::storage::StorageError;
use crate::storage::schema::agreement_texts as texts;

/// # Errors
/// [`StorageError`].
pub async fn insert(conn: &mut AsyncPgConnection, version: &str, new: &[AgreementText]) -> Result<(), StorageError> {
    if new.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = new
        .iter()
        .map(|new| (texts::version.eq(version), texts::language.eq(&new.language), texts::text.eq(&new.text)))
        .collect();
    diesel::insert_into(texts::table).values(rows).execute(conn).await?;
    Ok(())
}

/// Version and language of every text, in the order of languages.
///
/// # Errors
/// [`StorageError`].
pub async fn languages(conn: &mut AsyncPgConnection) -> Result<Vec<(String, String)>, StorageError> {
    Ok(texts::table.order(texts::language).select((texts::version, texts::language)).load(conn).await?)
}

/// The languages of a version.
///
/// # Errors
/// [`StorageError`].
pub async fn languages_of(conn: &mut AsyncPgConnection, version: &str) -> Result<Vec<String>, StorageError> {
    let of_version = texts::table.filter(texts::version.eq(version)).order(texts::language);
    Ok(of_version.select(texts::language).load(conn).await?)
}

/// The text of a version in a language.
///
/// # Errors
/// [`StorageError`].
pub async fn find(conn: &mut AsyncPgConnection, version: &str, language: &str) -> Result<Option<String>, StorageError> {
    Ok(texts::table.find((version, language)).select(texts::text).first(conn).await.optional()?)
}
