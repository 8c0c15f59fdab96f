"""What all protocols share: who one is, and what protects what is said."""
