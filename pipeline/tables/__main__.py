"""`python -m pipeline.tables` prints the data dictionary."""

from pipeline.tables import TABLES
from pipeline.tables.dictionary import data_dictionary

print(data_dictionary(TABLES.values()), end="")
