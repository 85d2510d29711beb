"""The rooms, in the order a decision flows through them.

domain, dialogue         words for all, and those of talking to a model
errors, config           failures and settings for all
metrics, phrases, weights, unsigned, interrupts, whole_files
                         formulas, sentences, lengths, clean logs, Ctrl-C, files for all
market      candles in, a snapshot with indicators out
context     snapshot, account and experience become one prompt within a token budget
llm         the prompt goes to a model and a reply comes back, or a typed error
tools       the reply's tool request becomes a strictly validated tool call
gate        the call is judged: approved, clamped or refused; stops and position tracking
journal     what happened is appended to JSONL files, one write per record
learning    closed trades become scores, lessons and patterns for later contexts
engine      the cycle that ties the rooms together, the book, and the bridge to Freqtrade
backtest    the same cycle inside Freqtrade's own backtesting, its baselines and its report
selftest    the gate attacked under the user's own limits, exchange and model simulated
sandbox     a local exchange replaying real candles, and a scripted model
preview     the prompt of this moment, for people
operations  processes, viewers, settings and backups behind the commands
report      one page on the last days of trading, from the records alone
cli         what manage.sh calls
"""
