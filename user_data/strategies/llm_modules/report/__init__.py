"""What a bot did over the last days, on one page that needs no network.

options, command      what is asked for, and what is done
reading, decided      the journals in one pass: decisions, trades, lessons, what was refused
account               the account through time, and where that is known from
candles, stored ..    the market under the trades: a file, the sandbox's replay, the running bot
sections and tables   what is said of it; charts are the backtest report's, and a few of our own
"""
