"""The command `./manage.sh backtest`: what is asked for, what it will cost, and the run itself."""
