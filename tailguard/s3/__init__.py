"""S3: the embedded object store, or yours."""
