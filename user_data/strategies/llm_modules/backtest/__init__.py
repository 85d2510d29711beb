"""The same cycle inside Freqtrade's own backtesting engine, its baselines, and its report.

hook, session         where decisions enter Freqtrade's engine, and the present of a run
past, loading         the market as it was known at a moment, from Freqtrade's files
settings, fingerprint what a run is told, and what names its result
running, outcome      one run from a configuration, and what came of it
candle_files ..       coarser candles made of finer ones, missing ones downloaded or named
masking               the same market without names, dates and price levels
baselines             others on the same candles: chance, holding, a rule, the model without gate
assess, statistics .. figures with their uncertainty, stretches, refusals, remarks
report                tables in the terminal and a page
lookahead             proof that nothing sees what came after it
command               `./manage.sh backtest` and `./manage.sh lookahead`
"""
