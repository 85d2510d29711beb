"""`manage.sh setup` and `manage.sh migrate`: settings written for people, their comments kept."""
