//! What can be bought, for how much, and how it is paid.

use uuid::Uuid;

use super::super::request::{check_named, check_product_name, check_product_tier};
use super::super::transport::{Call, part};
use super::super::{CloudClient, PriceQuery, Product, ProductFilter, ProductPrice, Subscription};
use crate::error::Result;

impl CloudClient {
    /// The products that are to be had.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn products(&self, filter: &ProductFilter) -> Result<Vec<Product>> {
        let path = filter.kind.as_deref().map_or("/products/".into(), |kind| format!("/products/{}/", part(kind)));
        let call = Call::get("list products", path)
            .query("tier", filter.tier.as_ref())
            .query("name", filter.name.as_ref())
            .query("plan", filter.plan.as_ref())
            .query("offer", filter.offer.as_ref());
        self.read_list(call).await
    }

    /// What a cluster would cost.
    ///
    /// # Errors
    ///
    /// There is no such product, or the call fails.
    pub async fn price(&self, query: &PriceQuery) -> Result<ProductPrice> {
        check_product_name(&query.product)?;
        check_product_tier(&query.tier)?;
        check_named("region", &query.region, "-_.")?;
        // The other path without a slash at its end.
        let call = Call::get(format!("ask for the price of product {}", query.product), "/products/clusters/price")
            .query("product_name", Some(&query.product))
            .query("product_tier", Some(&query.tier))
            .query("product_unit", Some(query.unit))
            .query("region", Some(&query.region))
            .query("storage_bytes", query.storage_bytes)
            .query("organization_id", query.organization);
        self.read(call).await
    }

    /// The subscriptions that the caller can see.
    ///
    /// # Errors
    ///
    /// The call fails.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>> {
        self.read_list(Call::get("list subscriptions", "/subscriptions/")).await
    }

    /// The subscriptions of an organization.
    ///
    /// # Errors
    ///
    /// There is no such organization, or the call fails.
    pub async fn organization_subscriptions(&self, organization: Uuid) -> Result<Vec<Subscription>> {
        let operation = format!("list subscriptions of organization {organization}");
        self.read_list(Call::get(operation, format!("/organizations/{organization}/subscriptions/"))).await
    }

    /// A subscription.
    ///
    /// # Errors
    ///
    /// There is none, or the call fails.
    pub async fn subscription(&self, id: &str) -> Result<Subscription> {
        let operation = format!("look at subscription {id}");
        self.read(Call::get(operation, format!("/subscriptions/{}/", part(id)))).await
    }
}
