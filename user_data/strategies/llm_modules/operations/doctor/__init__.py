"""`manage.sh doctor`: what could keep the bot from working, and what to do about it."""
