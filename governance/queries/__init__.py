"""The questions of an audit: each one named, in plain English, with typed parameters and a bounded answer."""
