"""Sensor `run_failure`: one readable page per failed run, and a message where one is wanted.

Belongs here: noticing, and who is told. Not: what the page says (incident_page.py), nor trying
again (reconcile.py).

The address of the webhook is a secret: it is neither logged nor part of any message.
"""

import logging
from pathlib import Path

import dagster as dg
import httpx

from assets.materialise import INTERRUPTED
from pipeline.automation.incident_page import Incident, incident_of, page_name, page_of
from pipeline.automation.names import IN_PROCESS
from pipeline.automation.runs import sensor_status
from pipeline.settings import tick_seconds, webhook_url
from resources.lake import replace_file
from resources.workspace import Workspace

NAME = "run_failure"
WEBHOOK_TIMEOUT_S = 5.0


def run_failure() -> dg.SensorDefinition:
    """The sensor; runs of the command line count as well, unless somebody stopped them."""

    @dg.run_failure_sensor(
        name=NAME,
        monitor_all_code_locations=True,
        minimum_interval_seconds=tick_seconds(),
        default_status=sensor_status(),
        description="Writes a page into data/incidents/ for every run that failed, and posts it to "
        "CSIMPACT_WEBHOOK if that is set.",
    )
    def _sensor(
        context: dg.RunFailureSensorContext, workspace: dg.ResourceParam[Workspace]
    ) -> None:
        incident = incident_of(context.instance, context.dagster_run, context.failure_event)
        if IN_PROCESS in context.dagster_run.tags and incident.line.endswith(INTERRUPTED):
            return
        page = write_page(workspace.data.incidents, incident)
        if page and (url := webhook_url()) and (trouble := post(url, incident, page)):
            context.log.warning(f"the webhook did not take {page.name}: {trouble}")

    return _sensor


def write_page(folder: Path, incident: Incident) -> Path | None:
    """The page written; None if this run has one already."""
    path = folder / page_name(incident)
    if any(folder.glob(f"*-{incident.run_id[:8]}.md")):
        return None
    replace_file(path, page_of(incident).encode())
    return path


def post(url: str, incident: Incident, page: Path) -> str | None:
    """Post an incident; what went wrong, without the address, or None."""
    message = {
        "text": f"csimpact: {incident.job} failed: {incident.line}",
        "job": incident.job,
        "run_id": incident.run_id,
        "page": page.name,
    }
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO line names the address
    try:
        answer = httpx.post(url, json=message, timeout=WEBHOOK_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        return type(problem).__name__  # the message may hold the address
    return None if answer.is_success else f"it answered {answer.status_code}"
