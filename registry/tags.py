"""What restyle writes on MLflow's models, versions and runs, so that its own are told from everyone else's."""

KIND = "restyle.kind"
KIND_STYLE = "style"
PACKAGE = "restyle.package"
PACKAGE_DIGEST = "restyle.package_digest"
STYLE_INDEX = "restyle.style_index"
LICENCE = "restyle.licence"
REGISTERED_BY = "restyle.registered_by"

ARTIFACT_FOLDER = "package"
"""Where a run keeps the files of the package it registered."""
