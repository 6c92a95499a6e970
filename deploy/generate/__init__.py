"""Writes what follows from the code: schemas, AsyncAPI and OpenAPI references, the tables of ARCHITECTURE.md."""
