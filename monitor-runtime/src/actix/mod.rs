//! The toolkit in actix-web: the scrape endpoint, and what its responses and errors say of a call.
