"""What tests of every room share: databases, builders, a stepping clock."""
