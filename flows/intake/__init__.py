"""What comes in, on whatever way: the inbox, deliveries, their answers."""
