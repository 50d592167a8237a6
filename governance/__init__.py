"""May we, should we, did we. No torch, no MLflow, no Prefect."""
