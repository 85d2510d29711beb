"""What manage.sh does, in Python: each folder a kind of work, each command an entry of cli/.

setup      questions and flags that become config.json and .env; configs of older versions
settings   both files: read as Freqtrade reads them, checked, and changed in place
doctor     what could keep the bot from working, and what to do about it
live       the way to real money
running    the bot's programs: planned, started, watched, halted, ended
status     one screen of how it is
viewing    journals and logs for people
records    what was recorded, held against each other
asking     what asking costs, and a question asked again
keeping    backups, cleaning, versions
places     every file and folder of one bot
session    what every command is given; screen: where it speaks
"""
