"""The processes: api, observer, worker and scheduler, and what every process needs."""
