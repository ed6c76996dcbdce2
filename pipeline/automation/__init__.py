"""Jobs, and later the sensors and schedules, that ask the planner what to redo."""
