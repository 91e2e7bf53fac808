"""The home folder: where everything lies in it, and files that appear whole or not at all."""
