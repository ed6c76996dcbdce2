"""The `csimpact` command."""
