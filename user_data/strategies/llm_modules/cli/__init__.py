"""`python -m llm_modules.cli COMMAND`: what manage.sh calls."""
