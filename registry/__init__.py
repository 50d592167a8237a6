"""What styles exist and which bytes they are. The only importer of MLflow."""
