"""The world outside: files, LanceDB, model weights, HTTP."""
