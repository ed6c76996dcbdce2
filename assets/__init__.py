"""What Dagster materialises: thin stages, one file per asset group."""
