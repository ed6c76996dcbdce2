"""`make demo`: two nights of a simulated literature, taken in by Dagster's daemon and its sensors.

Belongs here: a story told in the terminal. Everything it shows runs as in real use: files dropped
into the inbox, OpenAlex over HTTP, sensors that ask for runs, a nightly report, an overview of the
whole; only the papers are simulated, and say so, and the sensors look every two seconds instead of
every thirty.

The state lies in `data/demo`, apart from real data. Without the MiniLM weights a tiny random
encoder stands in, and a line says so.
"""
