//! Formatting of prices and sizes.

use hcloud_api::ServerType;

/// Rounds a price of the API; empty if there is none.
pub(crate) fn rounded(price: Option<&str>, digits: usize) -> String {
    let Some(price) = price else {
        return String::new();
    };
    match price.parse::<f64>() {
        Ok(amount) => format!("{amount:.digits$}"),
        Err(_) => price.to_owned(),
    }
}

/// Describes the size of a server type, such as `2 cores, 4 GB, 40 GB disk`, as far as it is known.
pub(crate) fn size(server_type: &ServerType) -> String {
    let size = [
        server_type.cores.map(|cores| format!("{cores} cores")),
        server_type.memory.map(|memory| format!("{memory} GB")),
        server_type.disk.map(|disk| format!("{disk} GB disk")),
    ];
    size.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Appends the currency, if it is known.
pub(crate) fn with_currency(amount: String, currency: &str) -> String {
    if currency.is_empty() {
        return amount;
    }
    format!("{amount} {currency}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_rounded_and_other_values_kept() {
        assert_eq!(rounded(Some("4.1531000000000000"), 2), "4.15");
        assert_eq!(rounded(Some("on request"), 2), "on request");
        assert_eq!(rounded(None, 2), "");
    }

    #[test]
    fn currency_follows_the_amount_if_it_is_known() {
        assert_eq!(with_currency("4.15".to_owned(), "EUR"), "4.15 EUR");
        assert_eq!(with_currency("4.15".to_owned(), ""), "4.15");
    }
}
