"""One class per part of the API. Each method builds one call and sends it."""
