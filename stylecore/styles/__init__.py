"""Style models: one family a module, all behind the small interface of ``base``. No imports here: torch is heavy."""
