"""The panel (评审委员会): the pool of experts, the draw, who reviews what, who steps back, who replaces them."""
