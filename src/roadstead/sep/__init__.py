"""The SEPs over HTTP. No rules of the business live here."""
