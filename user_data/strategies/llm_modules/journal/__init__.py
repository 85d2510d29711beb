"""What happened, appended to JSONL files that survive crashes."""
