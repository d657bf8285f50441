//! What can be bought, and for how much.

use super::model;

model! {
    /// Something that a cluster can be made of, or its storage.
    Product {
        needs {
            /// Its name, such as `cr1`.
            name: String,
        }
        may {
            /// `cluster` or `storage`.
            kind: String,
            /// Its tier, such as `default`.
            tier: String,
            /// Its name for people.
            label: String,
            /// What it is for.
            description: String,
            /// Where it is to be had.
            region: String,
            /// Which offer it is part of.
            offer: String,
            /// Which plan it is part of.
            plan: String,
            /// Whether it is no longer to be had for new clusters.
            deprecated: bool,
            /// Its price, in the vendor's own unit.
            price_per_dtu_minute: f64,
            /// How far it goes, for people.
            scale_summary: String,
            /// What a node is made of.
            specs: Specs,
        }
        lists {
            /// The steps of its scale.
            scaling: Scaling,
            /// Words that describe it.
            tags: String,
        }
    }
}

model! {
    /// A step on a product's scale.
    Scaling {
        may {
            /// The step: what `product_unit` says.
            value: u32,
            /// How many nodes it gives.
            nodes: u32,
            /// What it is, for people.
            description: String,
            /// Its price, in the vendor's own unit.
            price_per_minute: f64,
        }
    }
}

model! {
    /// What a node of a product is made of.
    Specs {
        may {
            /// Processors, or shares of one.
            cpu_cores: f64,
            /// Memory in bytes.
            ram_bytes: u64,
            /// The size of the disk in bytes, where there is one size only.
            storage_bytes: u64,
            /// The smallest disk in bytes.
            storage_minimum_bytes: u64,
            /// The largest disk in bytes.
            storage_maximum_bytes: u64,
        }
    }
}

model! {
    /// What a product costs, in a region and with a disk of some size.
    ProductPrice {
        may {
            /// The nodes alone.
            cluster_price: Price,
            /// The disks alone.
            storage_price: Price,
            /// All together.
            total_price: Price,
        }
    }
}

model! {
    /// A price in the currency of the account.
    Price {
        may {
            /// For an hour.
            price_per_hour: f64,
            /// For a month.
            price_per_month: f64,
        }
    }
}
