"""Objections (异议): what came in, who may look into it, what follows for the award, what others may know of it."""
