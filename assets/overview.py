"""What is made of the whole library's scores: the nightly overview, and the validation on demand.

Belongs here: which assets, in which order. Not: what each makes.
"""

from assets.citation_profiles import CITATION_PROFILES
from assets.impact_aggregates import IMPACT_AGGREGATES
from assets.impact_report import IMPACT_REPORT
from assets.impact_validation import IMPACT_VALIDATION
from assets.topics import TOPICS
from assets.variants import TNCSI_VARIANTS

OVERVIEW_WHOLES = (CITATION_PROFILES, TOPICS, IMPACT_AGGREGATES, IMPACT_REPORT)
VALIDATION_WHOLES = (TNCSI_VARIANTS, IMPACT_VALIDATION)
