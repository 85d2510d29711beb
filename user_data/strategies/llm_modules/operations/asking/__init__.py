"""What asking the model costs, and a question asked again."""
