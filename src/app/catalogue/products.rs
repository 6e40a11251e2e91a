//! Products: the parts of the platform that can hold a balance of their own.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::DateTime;
use serde_json::{Value, json};

use crate::app::{App, Caller, Error, Expected, Saved};
use crate::domain::audit::AuditRecord;
use crate::domain::catalogue::ProductInfo;
use crate::domain::code::Code;
use crate::domain::product::Product;
use crate::storage::audit;
use crate::storage::catalogue::products as store;
use crate::storage::pool::Pool;
use crate::storage::transaction::transact;

/// The product that an operator saves.
#[derive(Debug, Clone)]
pub struct NewProduct {
    pub product: Product,
    /// 1–100 characters.
    pub name: String,
    pub active: bool,
    pub returnable: bool,
}

/// Remembers which products exist. Products are never deleted, so a product that was found once is not looked up again.
#[derive(Debug, Clone, Default)]
pub struct KnownProducts(Arc<RwLock<BTreeSet<Product>>>);

impl KnownProducts {
    /// Refuses a product that is not in the catalogue. An inactive product passes, because money in it can still be
    /// spent.
    ///
    /// # Errors
    /// 422 `/product` `unknown_product`.
    pub async fn require(&self, pool: &Pool, product: &Product) -> Result<(), Error> {
        if product.is_main() || self.0.read().unwrap_or_else(PoisonError::into_inner).contains(product) {
            return Ok(());
        }
        if store::find(&mut *pool.get().await?, product).await?.is_none() {
            return Err(Error::field("/product", Code::UnknownProduct, "is not a product of this platform"));
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(product.clone());
        Ok(())
    }
}

/// All products, sorted by code.
///
/// # Errors
/// Database errors.
pub async fn list(app: &App) -> Result<Vec<ProductInfo>, Error> {
    Ok(store::list(&mut *app.pool.get().await?).await?)
}

/// The products that accept money, sorted by code.
///
/// # Errors
/// Database errors.
pub async fn list_active(app: &App) -> Result<Vec<ProductInfo>, Error> {
    let mut products = list(app).await?;
    products.retain(|product| product.active);
    Ok(products)
}

/// Creates or replaces a product.
///
/// # Errors
/// 412 and 428 as [`Expected::check`].
pub async fn put(
    app: &App,
    caller: &Caller,
    expected: &Expected,
    new: NewProduct,
) -> Result<Saved<ProductInfo>, Error> {
    let NewProduct { product, name, active, returnable } = new;
    let new = ProductInfo {
        product,
        name,
        active,
        returnable,
        version: 1,
        updated_at: DateTime::UNIX_EPOCH,
        updated_by: caller.actor(),
    };
    transact(&app.pool, async |conn| {
        let current = store::lock(conn, &new.product).await?;
        expected.check(current.as_ref().map(|current| current.version))?;
        let value = match &current {
            Some(_) => store::update(conn, &new).await?,
            // Another request has created it since then.
            None => store::insert(conn, &new).await?.ok_or(Error::PreconditionFailed)?,
        };
        let record =
            AuditRecord::new(&caller.actor(), "product.saved", format!("product:{}", value.product.as_column()));
        audit::write(conn, &record.from(current.as_ref().map(describe)).to(describe(&value))).await?;
        Ok(Saved { value, created: current.is_none() })
    })
    .await
}

fn describe(info: &ProductInfo) -> Value {
    json!({
        "name": info.name, "active": info.active, "returnable": info.returnable, "version": info.version,
    })
}
