"""`manage.sh status`: how the bot is, on one screen, as JSON, or again and again."""
