"""The custom resources: their pydantic models, the YAML loader, and what is generated from them (CRDs, docs)."""
