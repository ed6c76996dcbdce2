"""What makes the dataset live: jobs, and the sensors, schedules and conditions that ask for them.

Everything is off until the environment says `CSIMPACT_AUTOMATION=on` where the code is loaded
(`CSIMPACT_AUTOMATION=on make dev`); then all of it runs. One that somebody started or stopped in
the UI keeps what was chosen there. `CSIMPACT_TICK_SECONDS` (30) is the pause between two ticks.

sensor            sees                                                  asks for
scholar_dump      files in data/inbox that no registry knows,           refresh
                  once they are wholly written
reconcile_stale   what the planner names: whatever else is stale        refresh
new_works         the probe of a venue-year's works moved               fetch
new_citations     the probe of a venue-year's counts moved              fetch
follow_on_cpu     papers or citations made by hand                      venue_coverage of the cell
follow_on_gpu     papers made by hand                                   paper_embeddings of the cell
                  another prompt serves                                 retrieval_quality
run_failure       a run that failed                                     a page in data/incidents,
                                                                        a post to CSIMPACT_WEBHOOK

schedule          when (UTC)             asks for
nightly_works     every night            fetch, current and previous year
nightly_citations every night            fetch, counts
weekly_sweep      weekly                 fetch, everything
nightly_overview  from 3:30, hourly      overview, if what it shows moved and nothing is stale
nightly_release   from 4 to 8, hourly    release, if anything changed and nothing is stale
weekly_training   Sundays, 12            train, if labels are new, where there is a GPU or
                                         CSIMPACT_TRAINING=on
monthly_pruning   the 1st, 3             prune

A night with news is two runs, a fetch and a refresh; a night without is none. Runs of one kind
wait for each other (dagster.yaml). Whoever looks first, a change is one run: `scholar_dump` sees
only files no registry knows, `reconcile_stale` only what the registries know, and both wait while
a run is under way that may take the news with it. Conditions do not look at what our own jobs
make. A run that fails is not repeated; what is stale afterwards is asked for again, after a
minute, then after twice as long each time, at last once a day (requests.py).

New years: partitions reach to next year and are computed when the code is loaded. Planner, crawl
and refresh take the year from the clock, and a run loads the code anew; a code server that has run
since last year shows the new year's cells once it is reloaded, with everything that was logged.
"""
