//! Agreements: what customers accept with every order. A version never changes; one version is active.

use serde_json::json;

use crate::app::{App, Caller, Error};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::{Agreement, AgreementText, language_for};
use crate::domain::code::Code;
use crate::storage::audit;
use crate::storage::catalogue::{agreement_texts as texts, agreements as store};
use crate::storage::transaction::transact;

/// All versions, newest first, each with its languages.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<(Agreement, Vec<String>)>, Error> {
    let mut conn = app.pool.get().await?;
    let languages = texts::languages(&mut conn).await?;
    let of_version = |version: &str| {
        let texts = languages.iter().filter(|(of, _)| of == version);
        texts.map(|(_, language)| language.clone()).collect()
    };
    let versions = store::list(&mut conn).await?.into_iter();
    Ok(versions
        .map(|agreement| {
            let languages = of_version(&agreement.version);
            (agreement, languages)
        })
        .collect())
}

/// The languages of a version.
///
/// # Errors
/// Database errors.
pub async fn languages(app: &App, version: &str) -> Result<Vec<String>, Error> {
    Ok(texts::languages_of(&mut *app.pool.get().await?, version).await?)
}

/// A version in one language.
#[derive(Debug, Clone)]
pub struct ReadAgreement {
    pub language: String,
    pub languages: Vec<String>,
    pub text: String,
}

/// The text of a version in the language that fits the reader best.
///
/// # Errors
/// 404 for an unknown version, and for one without a text.
pub async fn read(app: &App, version: &str, wanted: &[String]) -> Result<ReadAgreement, Error> {
    let missing = || Error::NotFound("agreement");
    let mut conn = app.pool.get().await?;
    let languages = texts::languages_of(&mut conn, version).await?;
    let language = language_for(&languages, wanted).ok_or_else(missing)?.clone();
    let text = texts::find(&mut conn, version, &language).await?.ok_or_else(missing)?;
    Ok(ReadAgreement { language, languages, text })
}

/// Publishes a version and makes it the active one.
///
/// # Errors
/// 409 `agreement_exists`.
pub async fn publish(
    app: &App,
    caller: &Caller,
    version: &str,
    url: &str,
    new: &[AgreementText],
) -> Result<Agreement, Error> {
    let languages: Vec<&str> = new.iter().map(|text| text.language.as_str()).collect();
    transact(&app.pool, async |conn| {
        if store::insert(conn, version, url, &caller.actor()).await?.is_none() {
            return Err(Error::conflict(Code::AgreementExists, "this version is published already and never changes"));
        }
        texts::insert(conn, version, new).await?;
        let active = store::activate(conn, version, &caller.actor()).await?;
        let active = active.ok_or(Error::Internal("the agreement that was just written"))?;
        let record = AuditRecord::new(&caller.actor(), "agreement.published", format!("agreement:{version}"));
        audit::write(conn, &record.to(json!({ "url": url, "languages": languages }))).await?;
        Ok(active)
    })
    .await
}

/// Makes a published version the active one. Activating the active version changes nothing.
///
/// # Errors
/// 404.
pub async fn activate(app: &App, caller: &Caller, version: &str) -> Result<Agreement, Error> {
    transact(&app.pool, async |conn| {
        let before = store::active(conn).await?;
        if let Some(active) = before.as_ref().filter(|active| active.version == version) {
            return Ok(active.clone());
        }
        let active = store::activate(conn, version, &caller.actor()).await?.ok_or(Error::NotFound("agreement"))?;
        let record = AuditRecord::new(&caller.actor(), "agreement.activated", format!("agreement:{version}"));
        let before = before.map(|before| json!({ "active": before.version }));
        audit::write(conn, &record.from(before).to(json!({ "active": version }))).await?;
        Ok(active)
    })
    .await
}
