"""HTTP: routes, admission, API keys, rate limits, uploads and the formats of an answer."""
