//! Reading of YAML and JSON documents: strict, one `kind` per document, errors with line and column.
