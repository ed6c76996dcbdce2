"""Which tables a release holds, and why the others stay at home.

Belongs here: the decision, table by table, with its reason and size; a test asks it of every new
table. Not: what a table is (pipeline/tables), or who may see what of it (licences.py).

Sizes are of a library of 116,673 papers. Linked files take no room until the lake replaces them.
"""

from collections.abc import Mapping

PUBLIC: Mapping[str, str] = {
    "papers": "what the dataset is about; 40 MB",
    "authorships": "who wrote them; 10 MB",
    "paper_ids": "ties papers to the ids of every source; 7 MB",
    "redirects": "an id of an older release leads to what it is now; names who decided; 5 kB",
    "venue_coverage": "how much of each venue-year is there, without which no share means anything",
    "citation_counts": "what scores are made of; 4 MB",
    "citation_snapshots": "their history; 4 MB",
    "citations": "who cites whom; 5 MB",
    "paper_embeddings": "what pools are made of: hours to compute, 1.6 kB a paper; 167 MB",
    "topic_pools": "what a score was measured against: makes each checkable; 75 MB",
    "tncsi_sp": "the scores as of the release; 8 MB",
    "title_pairs": "candidates of each query paper; 6 MB",
    "pair_labels": "the teacher's scores of them; 10 MB",
    "tncsi_variants": "the same papers under other rules, the published one among them",
    "citation_profiles": "references, citations in time, contexts",
    "topics": "clusters of the library and their terms",
    "paper_topics": "which paper is of which topic",
    "impact_aggregates": "impact of venues, domains, topics, years, with intervals",
    "rising_papers": "papers on the rise",
    "impact_validation": "how far the scores can be trusted, with intervals",
    "retrieval_quality": "how well searching works, with intervals; 13 kB",
}

KEPT_BACK: Mapping[str, str] = {
    "dump_records": "what sources say, word by word, superseded lists included: theirs to publish",
    "quarantine": "rows of sources that could not be used: for the library's keepers",
    "match_review": "doubts about identities, and who decided them: for the library's keepers",
    "label_audit": "what named persons said of pairs",
}
