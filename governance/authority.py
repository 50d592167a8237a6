"""Who may do what here: the one decision point that every action of the product goes through."""

from __future__ import annotations

from enum import StrEnum


class Act(StrEnum):
    """What a person can do with the product, beside what a campaign does with an asset."""

    APPLY = "apply"
    """Run a campaign: restyle assets with an approved style."""
    REGISTER = "register"
    EVALUATE = "evaluate"
    APPROVE = "approve"
    RETIRE = "retire"
    """Withdraw a style version: retire, revoke, roll back."""
    REVIEW = "review"
    PUBLISH_REVIEWED = "publish_reviewed"
    RECALL = "recall"
    KEEP_RIGHTS = "keep_rights"
    """Record and withdraw licences and consents; place and release legal holds."""
    READ_AUDIT = "read_audit"
    ADMINISTER = "administer"
    """People, roles, keys; and breaking the glass."""
