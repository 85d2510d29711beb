"""What manage.sh does, in Python: settings, secrets, processes, viewers, cleaning.

places         every file and folder of one bot
settings       config.json and the environment, merged as Freqtrade merges them
rules          what Freqtrade itself needs of them, checked before it starts
secret_keys    which settings are secret, and under what name each lives in .env
env_file       reading and writing .env
key_move       secrets out of config.json, into .env
plan           which programs run, with which commands, for one bot
supervisor     those programs started in order, watched, and stopped together
bot_record     is a bot running, and which processes are it
launch         start detached, wait for the API, say what runs
api            the two questions asked of Freqtrade's own API
follow         lines of a file as they arrive
render         a journal line as a line for people
cleaning       what a run left behind, backed up and removed
versions       what is pinned and what is installed
"""
