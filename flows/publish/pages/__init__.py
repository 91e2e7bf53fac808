"""Pages: what the public reads, and the office's list for approval. Values in, files out."""
