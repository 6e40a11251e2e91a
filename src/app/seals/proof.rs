//! The proof for customers: the hashed texts of their entries, the seals and their signatures.

use std::collections::HashMap;

use futures_util::{Stream, stream};

use super::lines;
use crate::app::{App, Error};
use crate::domain::customer::CustomerId;
use crate::domain::seal::form::Stretch;
use crate::domain::seal::{FORM, Seal};
use crate::storage::seals;

/// How many seals are read at once: up to a thousand times as many entries are in memory.
const PAGE: i64 = 5;

/// A sealed stretch with the text that was hashed.
#[derive(Debug, Clone)]
pub struct ProvenStretch {
    pub seal: Seal,
    pub content: String,
}

/// All seals of a customer, by wallet and stretch, in pages that are read as they are needed.
pub fn prove(app: App, customer: CustomerId) -> impl Stream<Item = Result<Vec<ProvenStretch>, Error>> {
    let begin = Proof { app, customer, last: None, is_over: false };
    stream::unfold(begin, |mut proof| async {
        if proof.is_over {
            return None;
        }
        // The answer has begun, so the request's share of connections has ended; each page uses the share again.
        let share = proof.app.pool.share_of_customer(proof.customer.as_str());
        let page = share.hold(proof.page()).await;
        proof.last = page.as_ref().ok().and_then(|page| page.last()).map(|stretch| stretch.seal.clone());
        proof.is_over = proof.last.is_none();
        match page {
            Ok(page) if page.is_empty() => None,
            page => Some((page, proof)),
        }
    })
}

/// A proof, and the place up to which it has read.
struct Proof {
    app: App,
    customer: CustomerId,
    last: Option<Seal>,
    is_over: bool,
}

impl Proof {
    async fn page(&self) -> Result<Vec<ProvenStretch>, Error> {
        let mut conn = self.app.pool.get().await?;
        let page = seals::of_customer(&mut conn, &self.customer, self.last.as_ref(), PAGE).await?;
        let stretches: Vec<Stretch<'_>> = page
            .iter()
            .map(|(seal, currency, product)| Stretch {
                customer: &seal.customer,
                wallet_id: seal.wallet_id,
                currency,
                product,
                from_seq: seal.from_seq,
                to_seq: seal.to_seq,
                previous_hash: seal.previous_hash,
            })
            .collect();
        if stretches.is_empty() {
            return Ok(Vec::new());
        }
        let secrets: HashMap<CustomerId, Vec<u8>> =
            seals::secrets(&mut conn, std::slice::from_ref(&self.customer)).await?.into_iter().collect();
        let secret = secrets.get(&self.customer).map(Vec::as_slice);
        let stored = seals::lines(&mut conn, &stretches).await?;
        let mut proven = Vec::with_capacity(page.len());
        for ((seal, ..), (stretch, stored)) in page.iter().zip(stretches.iter().zip(stored)) {
            let unknown = || Error::Internal("entries in the form of their seal, and a secret for their texts");
            let lines = lines(stored, secret, stretch).filter(|_| seal.form == FORM).ok_or_else(unknown)?;
            let content = String::from_utf8(stretch.content(&lines)).map_err(|_| unknown())?;
            proven.push(ProvenStretch { seal: seal.clone(), content });
        }
        Ok(proven)
    }
}
