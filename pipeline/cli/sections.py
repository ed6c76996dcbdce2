"""The list of commands in `csimpact --help`: under headings, in the order people need them.

Belongs here: which command stands under which heading. Not: the commands.
"""

from typing import Any

from typer.core import TyperGroup

SECTIONS = {
    "Find papers": ("search", "similar", "top"),
    "One paper": ("impact", "history"),
    "Many papers": ("aggregates", "topics", "rising", "sql"),
    "How it stands": ("status", "report", "validate", "doctor"),
    "Keep it current": ("import", "crawl", "refresh", "overview", "review", "prune", "release"),
    "Train retrieval": ("train", "prompt", "evaluate", "audit"),
    "Try it out": ("simulate",),
}


class Sections(TyperGroup):
    """Commands listed under the headings of SECTIONS, every command under one."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list; what SECTIONS does not name comes last."""
        named = [name for names in SECTIONS.values() for name in names]
        rest = tuple(name for name in self.commands if name not in named)
        limit = formatter.width - 6 - max(map(len, self.commands))
        for heading, names in (SECTIONS | {"Others": rest}).items():
            known = [(name, self.commands[name]) for name in names if name in self.commands]
            rows = [(name, command.get_short_help_str(limit)) for name, command in known]
            if rows:
                with formatter.section(heading):
                    # As far apart under every heading.
                    first = f"{rows[0][0]:{max(map(len, self.commands))}}"
                    formatter.write_dl([(first, rows[0][1]), *rows[1:]])
