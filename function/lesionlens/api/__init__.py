"""HTTP: routes, admission, keys, limits, uploads and the forms of an answer."""
