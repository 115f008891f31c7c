//! Prices, as people read them.

/// A price of the API without the digits that say nothing; nothing if there is none.
pub(crate) fn rounded(price: Option<&str>, digits: usize) -> String {
    let price = price.unwrap_or_default();
    price
        .parse::<f64>()
        .map_or_else(|_| price.to_owned(), |amount| format!("{amount:.digits$}"))
}

/// An amount with its currency, if that is known.
pub(crate) fn money(amount: String, currency: &str) -> String {
    match currency {
        "" => amount,
        currency => format!("{amount} {currency}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_lose_digits_and_what_is_no_price_stays() {
        assert_eq!(rounded(Some("4.1531000000000000"), 2), "4.15");
        assert_eq!(rounded(Some("on request"), 2), "on request");
        assert_eq!(rounded(None, 2), "");
    }

    #[test]
    fn currency_follows_the_amount_if_it_is_known() {
        assert_eq!(money("4.15".to_owned(), "EUR"), "4.15 EUR");
        assert_eq!(money("4.15".to_owned(), ""), "4.15");
    }
}
