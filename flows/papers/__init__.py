"""What an award brings on paper: certificates, payment lists, press kits. Designers' files make them; homes may have own."""
