"""When, where and how often: the flows, and the only place that builds concrete services."""
