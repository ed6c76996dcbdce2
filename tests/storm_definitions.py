"""The code location of tests with real processes: the pool rule and the day of tiny libraries."""

from pipeline.definitions import build_defs
from pipeline.settings import data_dir
from resources.workspace import Workspace
from tests.library import RULE, TODAY

defs = build_defs(workspace=Workspace(data_dir(), today=TODAY, rule=RULE), today=TODAY)
