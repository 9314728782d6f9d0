"""What is in an answer, changed on its way out."""
