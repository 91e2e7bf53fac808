"""What the public and the approving office see: pages, roots and exports beside them."""
